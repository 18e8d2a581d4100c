//! The four files of a set: their names, and their places in or below a folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::idx::Kind;
use super::{Error, description};

/// The place of a set's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The folder that holds the files.
    pub folder: PathBuf,
    /// The prefix of their names, such as `emnist-letters`; empty for MNIST's own names.
    pub prefix: String,
}

/// The training or the test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    Train,
    Test,
}

impl Split {
    /// The words for it in file names, the preferred one first.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train"],
            Self::Test => &["t10k", "test"],
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Test => "test",
        }
    }
}

/// The ends of the names of files of images or labels, the preferred one first. QMNIST's labels end in `-int`.
fn ends(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Images => &["-images-idx3-ubyte", "-images.idx3-ubyte"],
        Kind::Labels => &["-labels-idx1-ubyte", "-labels.idx1-ubyte", "-labels-idx2-int", "-labels.idx2-int"],
    }
}

const PACKED: &str = ".gz";

/// The names of subfolders that may hold the files: `raw` of torchvision's `MNIST/raw`, and `gzip` of EMNIST's archive.
const SUBFOLDERS: [&str; 2] = ["raw", "gzip"];

impl Location {
    /// Finds the set of a folder: in the folder itself, or in a subfolder of torchvision or of EMNIST's archive. A path that is
    /// no folder may name one of several sets in a folder: `DIR/emnist-letters`.
    ///
    /// A folder without a set is no error here. Loading it names the missing file.
    ///
    /// # Errors
    /// [`Error::Folder`] for a path that is no folder; [`Error::SeveralSets`] and [`Error::SeveralFolders`] for more than one
    /// set.
    pub fn find(path: &Path) -> Result<Self, Error> {
        let no_folder = match prefixes(path) {
            Ok(found) => return Self::in_folder(path, found),
            Err(reason) => Error::Folder { path: path.to_owned(), reason },
        };
        let named = path.file_name().and_then(|name| name.to_str()).filter(|_| !path.exists());
        let (Some(prefix), Some(parent)) = (named, path.parent()) else { return Err(no_folder) };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let has_set = |folder: &PathBuf| prefixes(folder).is_ok_and(|found| found.contains(prefix));
        let folder = std::iter::once(parent.to_owned()).chain(folders_below(parent)).find(has_set);
        folder.map(|folder| Self { folder, prefix: prefix.to_owned() }).ok_or(no_folder)
    }

    fn in_folder(folder: &Path, prefixes_in_it: BTreeSet<String>) -> Result<Self, Error> {
        let location = |prefix: &str| Self { folder: folder.to_owned(), prefix: prefix.to_owned() };
        if prefixes_in_it.len() > 1 && !prefixes_in_it.contains("") {
            return Err(Error::SeveralSets { folder: folder.to_owned(), names: prefixes_in_it.into_iter().collect() });
        }
        // The empty prefix of MNIST's own names comes first.
        if let Some(prefix) = prefixes_in_it.first() {
            return Ok(location(prefix));
        }
        let below = folders_below(folder);
        match &below[..] {
            [] => Ok(location("")),
            [folder] => {
                let found = prefixes(folder).map_err(|reason| Error::Folder { path: folder.clone(), reason })?;
                Self::in_folder(folder, found)
            }
            _ => Err(Error::SeveralFolders { folder: folder.to_owned(), below }),
        }
    }

    /// The prefixes of other sets in the folder.
    pub(super) fn others(&self) -> Vec<String> {
        let found = prefixes(&self.folder).unwrap_or_default();
        found.into_iter().filter(|prefix| *prefix != self.prefix).collect()
    }

    /// The file of a split's images or labels. A raw file is preferred to a compressed one.
    pub(super) fn file(&self, split: Split, kind: Kind) -> Result<PathBuf, Error> {
        let dash = if self.prefix.is_empty() { "" } else { "-" };
        let mut names: Vec<String> = split
            .words()
            .iter()
            .flat_map(|word| ends(kind).iter().map(move |end| format!("{}{dash}{word}{end}", self.prefix)))
            .collect();
        let packed = names.iter().map(|name| format!("{name}{PACKED}"));
        // Some archives hold a folder of the same name beside the file, so the search goes on after a folder.
        let mut a_folder = None;
        for name in names.iter().cloned().chain(packed) {
            let path = self.folder.join(name);
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => a_folder = Some(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Any other error occurs again, and is reported, when the file is opened.
                _ => return Ok(path),
            }
        }
        // Only QMNIST has such names.
        names.retain(|name| self.prefix.starts_with("qmnist") || !name.ends_with("-int"));
        Err(match a_folder {
            Some(path) => Error::NotAFile(path),
            None => Error::Missing { folder: self.folder.clone(), split: split.as_str(), kind, names },
        })
    }
}

/// A file or folder that conflicts with a new set in this folder: it would be read as a part of the set or in its place, or
/// the new set would be read in its place. None if there is no conflict.
#[must_use]
pub fn occupied(folder: &Path) -> Option<PathBuf> {
    if let Some(file) = set_files(folder).ok().into_iter().flatten().min() {
        return Some(file);
    }
    let description = folder.join(description::FILE_NAME);
    if description.exists() {
        return Some(description);
    }
    if let Some(below) = folders_below(folder).into_iter().next() {
        return Some(below);
    }
    // A set in a folder of such a name is also found from the two folders above it, and may replace another set there.
    if folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| SUBFOLDERS.contains(&name)) {
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let mut found =
            absolute.ancestors().skip(1).take(2).filter_map(|above| folders_below(above).into_iter().next());
        if let Some(other) = found.find(|other| *other != absolute) {
            return Some(other);
        }
    }
    // A path that is no folder may name one of several sets in its parent folder.
    if folder.exists() { None } else { Location::find(folder).ok().map(|found| found.folder.join(found.prefix)) }
}

/// The folders of the names [`SUBFOLDERS`] that hold a set, in this folder and in its subfolders.
fn folders_below(folder: &Path) -> Vec<PathBuf> {
    let has_set = |folder: &PathBuf| prefixes(folder).is_ok_and(|found| !found.is_empty());
    let first_of = |folder: &Path| SUBFOLDERS.iter().map(|name| folder.join(name)).find(has_set);
    let mut children: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| !is_hidden(path) && path.is_dir())
        .collect();
    children.sort();
    first_of(folder).into_iter().chain(children.iter().filter_map(|child| first_of(child))).collect()
}

/// The prefixes of the sets in a folder.
fn prefixes(folder: &Path) -> io::Result<BTreeSet<String>> {
    Ok(set_files(folder)?.iter().filter_map(|path| prefix(path).map(ToOwned::to_owned)).collect())
}

/// The files of a folder whose names are those of a set's files.
fn set_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if prefix(&path).is_some() {
            files.push(path);
        }
    }
    Ok(files)
}

/// The prefix before `train-images-idx3-ubyte` or a similar name; none for other names and hidden files.
fn prefix(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str().filter(|_| !is_hidden(path))?;
    let name = name.strip_suffix(PACKED).unwrap_or(name);
    let start =
        [Kind::Images, Kind::Labels].iter().flat_map(|&kind| ends(kind)).find_map(|end| name.strip_suffix(end))?;
    let words = [Split::Train, Split::Test].into_iter().flat_map(Split::words);
    let rest = words.into_iter().find_map(|word| start.strip_suffix(word))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_suffix('-').filter(|prefix| !prefix.is_empty()) }
}

/// Whether a name begins with a dot. Systems and editors put such files beside data.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, all empty.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    #[test]
    fn file_names_of_sets_are_recognised() {
        let of = |name: &str| prefix(Path::new(name)).map(ToOwned::to_owned);
        for (name, expected) in [
            ("train-images-idx3-ubyte", ""),
            ("t10k-labels.idx1-ubyte.gz", ""),
            ("test-labels-idx1-ubyte", ""),
            ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters"),
            ("qmnist-test-labels-idx2-int", "qmnist"),
        ] {
            assert_eq!(of(name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "._train-images-idx3-ubyte",
            "images-idx3-ubyte",
            "retrain-images-idx3-ubyte",
            "-train-images-idx3-ubyte",
            "train.csv",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn a_set_is_found_in_the_folders_of_other_programs() {
        let find = |folder: &tempfile::TempDir, below: &str| {
            let found = Location::find(&folder.path().join(below))?;
            let within = found.folder.strip_prefix(folder.path()).unwrap().to_owned();
            Ok::<_, Error>((within.to_str().unwrap().replace('\\', "/"), found.prefix))
        };
        let is = |folder: &str, prefix: &str| (folder.to_owned(), prefix.to_owned());
        let plain = folder(&["train-images-idx3-ubyte", "emnist-letters-train-images-idx3-ubyte"]);
        assert_eq!(find(&plain, "").unwrap(), is("", ""));
        assert_eq!(find(&plain, "emnist-letters").unwrap(), is("", "emnist-letters"));
        let torchvision =
            folder(&["MNIST/raw/train-images-idx3-ubyte", ".hidden/raw/train-images-idx3-ubyte", "other/x"]);
        assert_eq!(find(&torchvision, "").unwrap(), is("MNIST/raw", ""));
        assert_eq!(find(&torchvision, "MNIST").unwrap(), is("MNIST/raw", ""));
        let emnist = folder(&[
            "gzip/emnist-letters-train-images-idx3-ubyte.gz",
            "gzip/emnist-digits-train-images-idx3-ubyte.gz",
        ]);
        assert_eq!(find(&emnist, "emnist-digits").unwrap(), is("gzip", "emnist-digits"));
        let error = |folder| find(folder, "").unwrap_err().to_string().replace('\\', "/");
        let several = error(&emnist);
        assert!(several.contains("several sets: emnist-digits, emnist-letters; give one of them, as"), "{several}");
        assert!(several.contains("gzip/emnist-digits"), "{several}");
        assert!(matches!(find(&emnist, "emnist-mnist"), Err(Error::Folder { .. })));
        let several = error(&folder(&["MNIST/raw/train-images-idx3-ubyte", "KMNIST/raw/train-images-idx3-ubyte"]));
        assert!(several.contains("KMNIST/raw") && several.contains("MNIST/raw"), "{several}");
        assert_eq!(find(&folder(&[]), "").unwrap(), is("", ""));
    }

    #[test]
    fn files_that_would_be_read_are_conflicts() {
        for (file, place) in [
            ("set/train-images-idx3-ubyte.gz", "set"),
            ("set/t10k-labels.idx1-ubyte", "set"),
            ("set/test-images-idx3-ubyte", "set"),
            ("set/emnist-letters-test-images-idx3-ubyte.gz", "set"),
            ("set/set.json", "set"),
            ("set/MNIST/raw/train-images-idx3-ubyte", "set"),
            ("emnist-letters-train-images-idx3-ubyte", "emnist-letters"),
            ("set/gzip/train-images-idx3-ubyte.gz", "set/raw"),
            ("root/MNIST/raw/train-images-idx3-ubyte", "root/own/raw"),
        ] {
            assert!(occupied(&folder(&[file]).path().join(place)).is_some(), "{file}");
        }
        for file in ["set/notes.txt", "set/._train-images-idx3-ubyte", "train-images-idx3-ubyte"] {
            assert_eq!(occupied(&folder(&[file]).path().join("set")), None, "{file}");
        }
    }
}
