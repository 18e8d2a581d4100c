//! A set in a folder, in the four files of MNIST or others named like them.

use std::fmt;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};

use super::classes::Unused;
use super::description::{self, Description};
use super::emnist::Split;
use super::idx::{self, Kind};
use super::locate::{Half, Location};
use super::store::{Store, Stores};
use super::stored::StoredSet;
use super::{Dataset, Error, Splits};
use crate::files::Together;

/// Reads the four IDX files of a folder: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
/// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. `test` may stand for `t10k` and `.idx`
/// for `-idx`; each is raw or has `.gz` after its name, and where there are both the raw one is
/// read. [`Location::find`] tells what else is found, as EMNIST's splits, which are turned upright.
///
/// # Errors
/// When the folder or a file is missing, a file is not what it should be, or the four do not make
/// a set.
pub fn load_dir(folder: &Path) -> Result<Splits, Error> {
    let (Stores { train, test, classes, description }, _) = open_dir(folder, u64::MAX)?;
    Ok(Splits { train: train.into_memory()?, test: test.into_memory()?, classes, description })
}

/// Something about a set that the person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The set lies below the folder that was named.
    Below(PathBuf),
    /// Its images lie transposed in the files, which is known by their names.
    Emnist {
        /// What the names begin with.
        prefix: String,
        /// The first label, which became 0.
        first_label: u8,
    },
    /// Classes that have no image.
    Unused(Unused),
    /// Other sets in the same folder, by what their files' names begin with.
    Others(Vec<String>),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(folder) => write!(f, "the set is that in {}", folder.display()),
            Self::Emnist { prefix, first_label } => {
                write!(f, "{prefix} has its images transposed in its files; they are turned upright")?;
                match first_label {
                    0 => Ok(()),
                    first => write!(f, ", and its labels, which begin at {first}, are counted from 0"),
                }
            }
            Self::Others(names) => {
                write!(f, "the folder also holds {}; name it behind the folder's name for that set", names.join(", "))
            }
            Self::Unused(unused) if unused.is_first_alone() => {
                write!(f, "{unused}; where labels begin at 1 that is why, and one output of the network stays unused")
            }
            Self::Unused(unused) => unused.fmt(f),
        }
    }
}

/// As [`load_dir`], but a set of more than `max_bytes` of pixels stays in its file and is read as it is used; and with what
/// a person should know of it.
///
/// # Errors
/// As [`load_dir`]; and when such a file is compressed, which does not let it be read at any place.
pub fn open_dir(path: &Path, max_bytes: u64) -> Result<(Stores, Vec<Note>), Error> {
    let place = Location::find(path)?;
    let mut notes = Vec::new();
    if place.folder != path && !place.folder.join(&place.prefix).eq(path) {
        notes.push(Note::Below(place.folder.clone()));
    }
    let others = place.others();
    if place.prefix.is_empty() && !others.is_empty() {
        notes.push(Note::Others(others));
    }
    let split = Split::of(&place.prefix);
    if let Some(Split { first_label, .. }) = split {
        notes.push(Note::Emnist { prefix: place.prefix.clone(), first_label });
    }
    let [train, test] = [Half::Train, Half::Test].map(|half| open_half(&place, half, split, max_bytes));
    let (train, test) = (train?, test?);
    let list = match split {
        Some(split) => Some((split.classes(), Description { names: Some(split.names()), preparation: None })),
        // A description is of the set with MNIST's own names.
        None if place.prefix.is_empty() => description::read(&place.folder)?,
        None => None,
    };
    let stores = match list {
        None => Stores::new(train, test),
        Some((classes, description)) => Stores::described(train, test, classes, description),
    };
    let stores = stores.map_err(|reason| Error::Set { path: place.folder, reason: Box::new(reason) })?;
    notes.extend(Unused::of(stores.train.labels(), stores.classes).map(Note::Unused));
    Ok((stores, notes))
}

fn open_half(place: &Location, half: Half, split: Option<Split>, max_bytes: u64) -> Result<Store, Error> {
    let images = place.file(half, Kind::Images)?;
    let path = place.file(half, Kind::Labels)?;
    let mut labels = idx::read_labels_file(&path).map_err(|reason| Error::File { path: path.clone(), reason })?;
    if let Some(Split { first_label, .. }) = split {
        for (index, label) in labels.iter_mut().enumerate() {
            let value = i32::from(*label);
            *label = label
                .checked_sub(first_label)
                .ok_or_else(|| Error::File { path: path.clone(), reason: idx::Error::LabelRange { index, value } })?;
        }
    }
    let store = open_images(&images, labels, max_bytes)?;
    Ok(if split.is_some() { store.transposed() } else { store })
}

/// Opens the images at `path`: takes them into memory if they are at most `max_bytes`, and else leaves them in the file.
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

/// The names under which a set is written: training images and labels, test images and labels.
pub const FILE_NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Writes a set as four raw IDX files and its description into a folder, which is made if it is not there: all of them, or
/// none.
///
/// # Errors
/// [`Error::Write`].
pub fn save_dir(folder: &Path, Splits { train, test, classes, description }: &Splits) -> Result<(), Error> {
    let mut files = Together::new(folder)?;
    for (set, names) in [train, test].into_iter().zip(FILE_NAMES.chunks(2)) {
        files.write(names[0], |out| idx::write_images(set, out))?;
        files.write(names[1], |out| idx::write_labels(set.labels(), out))?;
    }
    files.write(description::FILE_NAME, |out| description::write(out, *classes, description))?;
    Ok(files.commit()?)
}

/// The labels of a set as arrays.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// The numbers themselves, `[count]`.
    Numbers(Array1<u8>),
    /// 1 in the label's column and 0 elsewhere, `[count, classes]`.
    OneHot(Array2<f32>),
}

/// Images, `[count, pixels]`, and their labels.
pub type Arrays = (Array2<f32>, Labels);

/// The book's `load_mnist`: the training and the test set of [`load_dir`] as arrays, with
/// flat images. Pixels are 0 to 1 if `normalize`, else 0 to 255.
///
/// # Errors
/// As [`load_dir`].
pub fn load_mnist(folder: &Path, normalize: bool, one_hot_label: bool) -> Result<(Arrays, Arrays), Error> {
    let Splits { train, test, classes, .. } = load_dir(folder)?;
    let arrays = |set: &Dataset| {
        let divisor = if normalize { 255.0 } else { 1.0 };
        let mut images = Array2::zeros((set.len(), set.pixels()));
        for (place, &pixel) in images.iter_mut().zip(set.images()) {
            *place = f32::from(pixel) / divisor;
        }
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
