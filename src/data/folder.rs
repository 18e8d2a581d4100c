//! A set in a folder, in the four files of MNIST or others named like them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};

use super::idx::{self, Kind};
use super::store::{self, Store, Stores};
use super::{Dataset, Error, Splits};
use crate::files::write_whole;

/// Reads the four IDX files of a folder: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
/// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. `test` may stand for `t10k` and `.idx`
/// for `-idx`; each is raw or has `.gz` after its name, and where there are both the raw one is
/// read.
///
/// # Errors
/// When the folder or a file is missing, a file is not what it should be, or the four do not make
/// a set.
pub fn load_dir(folder: &Path) -> Result<Splits, Error> {
    let Stores { train, test, classes } = open_dir(folder, u64::MAX)?;
    Ok(Splits { train: train.into_memory()?, test: test.into_memory()?, classes })
}

/// As [`load_dir`], but a set of more than `max_bytes` of pixels stays in its file and is read as it is used.
///
/// # Errors
/// As [`load_dir`]; and when such a file is compressed, which does not let it be read at any place.
pub fn open_dir(folder: &Path, max_bytes: u64) -> Result<Stores, Error> {
    fs::read_dir(folder).map_err(|reason| Error::Folder { path: folder.to_path_buf(), reason })?;
    let train = open_set(folder, "training", &["train"], max_bytes)?;
    let test = open_set(folder, "test", &["t10k", "test"], max_bytes)?;
    Stores::new(train, test).map_err(|reason| Error::Set { path: folder.to_path_buf(), reason: Box::new(reason) })
}

fn open_set(folder: &Path, split: &'static str, prefixes: &[&str], max_bytes: u64) -> Result<Store, Error> {
    let images = find(folder, split, prefixes, Kind::Images)?;
    let labels = find(folder, split, prefixes, Kind::Labels)?;
    let read = idx::read_labels_file(&labels).map_err(|reason| Error::File { path: labels, reason })?;
    store::open(&images, read, max_bytes)
}

/// The first of the names a file may have that is there.
fn find(folder: &Path, split: &'static str, prefixes: &[&str], kind: Kind) -> Result<PathBuf, Error> {
    let end = match kind {
        Kind::Images => "images?idx3-ubyte",
        Kind::Labels => "labels?idx1-ubyte",
    };
    let names: Vec<String> = prefixes
        .iter()
        .flat_map(|prefix| ["-", "."].map(|mark| format!("{prefix}-{}", end.replace('?', mark))))
        .collect();
    let compressed = names.iter().map(|name| format!("{name}.gz"));
    // Some archives hold a folder of the same name beside the file, so a folder alone is no find.
    let mut a_folder = None;
    for name in names.iter().cloned().chain(compressed) {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => a_folder = Some(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Any other error will be met again, and told, when the file is opened.
            _ => return Ok(path),
        }
    }
    Err(match a_folder {
        Some(path) => Error::NotAFile { path },
        None => Error::Missing { folder: folder.to_path_buf(), split, kind, names },
    })
}

/// The names under which a set is written: training images and labels, test images and labels.
pub const FILE_NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Writes one file of a set, whole or not at all.
///
/// # Errors
/// [`Error::Write`].
pub fn write_file(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let path = folder.join(name);
    write_whole(&path, write).map_err(|reason| Error::Write { path, reason })
}

/// Writes a set as four raw IDX files into a folder, which is made if it is not there.
///
/// # Errors
/// [`Error::Write`].
pub fn save_dir(folder: &Path, Splits { train, test, .. }: &Splits) -> Result<(), Error> {
    make_dir(folder)?;
    for (set, names) in [train, test].into_iter().zip(FILE_NAMES.chunks(2)) {
        write_file(folder, names[0], |out| idx::write_images(set, out))?;
        write_file(folder, names[1], |out| idx::write_labels(set.labels(), out))?;
    }
    Ok(())
}

/// Makes a folder for a set, if it is not there.
///
/// # Errors
/// [`Error::Write`].
pub fn make_dir(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|reason| Error::Write { path: folder.to_path_buf(), reason })
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
    let Splits { train, test, classes } = load_dir(folder)?;
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
        Ok((images, labels))
    };
    Ok((arrays(&train)?, arrays(&test)?))
}
