//! A set in a folder: four files with MNIST's names or similar ones.

use std::fmt;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};

use super::classes::Unused;
use super::description::{self, Description};
use super::idx::{self, Kind};
use super::locate::{Location, Split};
use super::store::Store;
use super::stored::StoredSet;
use super::{Dataset, Error, Splits, Stores, emnist};
use crate::files::AtomicFiles;
use crate::threads;

/// Reads the four IDX files of a folder: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`. A name may have `test` for `t10k`, and `.idx` for `-idx`. A file may be compressed, with `.gz`
/// after its name; the raw file is preferred. [`Location::find`] describes other places of a set. EMNIST's images are turned
/// upright.
///
/// # Errors
/// When the folder or a file is missing, a file is no such IDX file, or the four do not make a set.
pub fn load_dir(folder: &Path) -> Result<Splits, Error> {
    let (Stores { train, test, classes, description }, _) = open_dir(folder, u64::MAX)?;
    Ok(Splits { train: train.into_memory()?, test: test.into_memory()?, classes, description })
}

/// Something about a set that its user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The set was found in this folder below the given one.
    Below(PathBuf),
    /// The set is an EMNIST split, whose files hold transposed images.
    Emnist {
        /// The prefix of the files' names.
        prefix: String,
        /// The first label in the files, which became 0.
        first_label: u8,
    },
    /// Classes without a training image.
    Unused(Unused),
    /// The prefixes of other sets in the same folder.
    Others(Vec<String>),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(folder) => write!(f, "the set is in {}", folder.display()),
            Self::Emnist { prefix, first_label } => {
                write!(f, "the files of {prefix} hold transposed images; they are turned upright")?;
                match first_label {
                    0 => Ok(()),
                    first => write!(f, ", and the labels, which begin at {first}, are counted from 0"),
                }
            }
            Self::Others(prefixes) => {
                write!(f, "the folder also holds {}; for such a set give DIR/{}", prefixes.join(", "), prefixes[0])
            }
            Self::Unused(unused) if unused.is_first_alone() => {
                write!(f, "{unused}, perhaps because labels begin at 1; one output of the network stays unused")
            }
            Self::Unused(unused) => unused.fmt(f),
        }
    }
}

/// As [`load_dir`], but images of more than `max_bytes` stay in their file and are read as they are used. Also returns notes
/// for the user.
///
/// # Errors
/// As [`load_dir`]; also when images that stay in their file are compressed.
pub fn open_dir(path: &Path, max_bytes: u64) -> Result<(Stores, Vec<Note>), Error> {
    let location = Location::find(path)?;
    let mut notes = Vec::new();
    if location.folder != path && !location.folder.join(&location.prefix).eq(path) {
        notes.push(Note::Below(location.folder.clone()));
    }
    let others = location.others();
    if location.prefix.is_empty() && !others.is_empty() {
        notes.push(Note::Others(others));
    }
    let emnist = emnist::Split::of(&location.prefix);
    if let Some(emnist::Split { first_label, .. }) = emnist {
        notes.push(Note::Emnist { prefix: location.prefix.clone(), first_label });
    }
    let open = |split| open_split(&location, split, emnist, max_bytes);
    let [train, test] = threads::map_array([Split::Train, Split::Test], open);
    let (train, test) = (train?, test?);
    let description = match emnist.map(emnist::Split::names) {
        Some(names) => Some((names.len(), Description { names: Some(names), preparation: None })),
        // The description belongs to the set with MNIST's own names.
        None if location.prefix.is_empty() => description::read(&location.folder)?,
        None => None,
    };
    let stores = match description {
        None => Stores::new(train, test),
        Some((classes, description)) => Stores::described(train, test, classes, description),
    };
    let stores = stores.map_err(|reason| Error::Set { path: location.folder, reason: Box::new(reason) })?;
    notes.extend(Unused::of(stores.train.labels(), stores.classes).map(Note::Unused));
    Ok((stores, notes))
}

fn open_split(
    location: &Location,
    split: Split,
    emnist: Option<emnist::Split>,
    max_bytes: u64,
) -> Result<Store, Error> {
    let images = location.file(split, Kind::Images)?;
    let path = location.file(split, Kind::Labels)?;
    let mut labels = idx::read_labels_file(&path).map_err(|reason| Error::File { path: path.clone(), reason })?;
    let first_label = emnist.map_or(0, |emnist| emnist.first_label);
    for (index, label) in labels.iter_mut().enumerate() {
        let value = i32::from(*label);
        *label = label
            .checked_sub(first_label)
            .ok_or_else(|| Error::File { path: path.clone(), reason: idx::Error::LabelRange { index, value } })?;
    }
    let store = open_images(&images, labels, max_bytes)?;
    Ok(if emnist.is_some() { store.transposed() } else { store })
}

/// Opens the images at `path`: in memory if they have at most `max_bytes`, and else in their file.
fn open_images(path: &Path, labels: Vec<u8>, max_bytes: u64) -> Result<Store, Error> {
    let in_file = |reason| Error::File { path: path.to_owned(), reason };
    let in_set = |reason| Error::Set { path: path.to_owned(), reason: Box::new(reason) };
    let (bytes, is_packed) = idx::promised_pixels(path).map_err(in_file)?;
    if bytes <= max_bytes {
        let images = idx::read_images_file(path).map_err(in_file)?;
        return Dataset::new(images.pixels, labels, images.rows, images.cols).map(Store::Memory).map_err(in_set);
    }
    if is_packed {
        return Err(Error::Packed { path: path.to_owned(), bytes, max_bytes });
    }
    StoredSet::open(path, labels).map(Store::File)
}

/// The file names of a set that is written: training images and labels, test images and labels.
pub const FILE_NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Writes a set to a folder as four raw IDX files and its description: all of them or none. The folder is made if necessary.
///
/// # Errors
/// [`Error::Write`].
pub fn save_dir(folder: &Path, Splits { train, test, classes, description }: &Splits) -> Result<(), Error> {
    let mut files = AtomicFiles::new(folder)?;
    for (set, names) in [train, test].into_iter().zip(FILE_NAMES.chunks(2)) {
        files.write(names[0], |out| idx::write_images(set, out))?;
        files.write(names[1], |out| idx::write_labels(set.labels(), out))?;
    }
    files.write(description::FILE_NAME, |out| description::write(out, *classes, description))?;
    Ok(files.commit()?)
}

/// The labels of a set as an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// A number for each image, `[count]`.
    Numbers(Array1<u8>),
    /// A row for each image, with 1 in the label's column and 0 elsewhere, `[count, classes]`.
    OneHot(Array2<f32>),
}

/// Images, `[count, pixels]`, and their labels.
pub type Arrays = (Array2<f32>, Labels);

/// The book's `load_mnist`: the training and the test set of [`load_dir`] as arrays. Pixels are 0 to 1 if `normalize`, else 0
/// to 255.
///
/// # Errors
/// As [`load_dir`].
pub fn load_mnist(folder: &Path, normalize: bool, one_hot_label: bool) -> Result<(Arrays, Arrays), Error> {
    let Splits { train, test, classes, .. } = load_dir(folder)?;
    let arrays = |set: &Dataset| {
        let divisor = if normalize { 255.0 } else { 1.0 };
        let pixels = set.images().iter().map(|&pixel| f32::from(pixel) / divisor);
        let mut images = Array2::zeros((set.len(), set.pixels()));
        images.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = pixel);
        let labels = if one_hot_label {
            Labels::OneHot(set.one_hot(classes)?)
        } else {
            Labels::Numbers(Array1::from(set.labels().to_vec()))
        };
        Ok::<_, Error>((images, labels))
    };
    Ok((arrays(&train)?, arrays(&test)?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn what_fits_is_read_and_the_rest_stays_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images");
        let set = || Dataset::new((0..60).collect(), (0..10).map(|image| image % 3).collect(), 2, 3).unwrap();
        idx::write_images(&set(), File::create(&path).unwrap()).unwrap();
        let labels = || set().labels().to_vec();
        assert!(matches!(open_images(&path, labels(), 60), Ok(Store::Memory(found)) if found == set()));
        assert!(matches!(open_images(&path, labels(), 59), Ok(Store::File(_))));
        assert!(matches!(open_images(&path, vec![0; 9], 59), Err(Error::Set { .. })));
        let packed = folder.path().join("images.gz");
        let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::default());
        idx::write_images(&set(), &mut encoder).unwrap();
        encoder.finish().unwrap();
        assert!(matches!(open_images(&packed, labels(), 60), Ok(Store::Memory(_))));
        let error = open_images(&packed, labels(), 59).unwrap_err().to_string();
        assert!(error.contains("gunzip ") && error.contains("60 bytes"), "{error}");
    }
}
