//! Which four files make a set: by what names they go, and where below a folder they lie.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::idx::Kind;
use super::{Error, description};

/// Where a set's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The folder that holds the files.
    pub folder: PathBuf,
    /// What their names begin with, as `emnist-letters`; empty for MNIST's own names.
    pub prefix: String,
}

/// Which half of a set a file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Train,
    Test,
}

impl Half {
    /// What a file of it may be called by, the preferred name first.
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

/// The ends of the names of files of images or labels, the preferred one first. The last is that of QMNIST's labels.
fn ends(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Images => &["-images-idx3-ubyte", "-images.idx3-ubyte"],
        Kind::Labels => &["-labels-idx1-ubyte", "-labels.idx1-ubyte", "-labels-idx2-int", "-labels.idx2-int"],
    }
}

const PACKED: &str = ".gz";

/// Folders in which the files lie below the one that people name: torchvision's `MNIST/raw`, and the `gzip` that EMNIST's
/// archive holds. What is unpacked goes first.
const BELOW: [&str; 2] = ["raw", "gzip"];

impl Location {
    /// Finds the set of a folder: in it, or where torchvision and EMNIST's archive put it below. A path that is no folder may
    /// name one of several sets in a folder: `DIR/emnist-letters`.
    ///
    /// # Errors
    /// [`Error::Folder`] for what is no folder, [`Error::SeveralSets`] and [`Error::SeveralFolders`] where it is not clear
    /// which set is meant. A folder without a set is a place without its files: loading it says which.
    pub fn find(path: &Path) -> Result<Self, Error> {
        let no_folder = match prefixes(path) {
            Ok(found) => return Self::in_folder(path, found),
            Err(reason) => Error::Folder { path: path.to_owned(), reason },
        };
        let named = path.file_name().and_then(|name| name.to_str()).filter(|_| !path.exists());
        let (Some(prefix), Some(parent)) = (named, path.parent()) else { return Err(no_folder) };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let holds = |folder: &PathBuf| prefixes(folder).is_ok_and(|found| found.contains(prefix));
        let folder = std::iter::once(parent.to_owned()).chain(below(parent)).find(holds);
        folder.map(|folder| Self { folder, prefix: prefix.to_owned() }).ok_or(no_folder)
    }

    fn in_folder(folder: &Path, found: BTreeSet<String>) -> Result<Self, Error> {
        let place = |prefix: &str| Self { folder: folder.to_owned(), prefix: prefix.to_owned() };
        if found.len() > 1 && !found.contains("") {
            return Err(Error::SeveralSets { folder: folder.to_owned(), names: found.into_iter().collect() });
        }
        // MNIST's own names are sorted before all others.
        if let Some(prefix) = found.first() {
            return Ok(place(prefix));
        }
        let mut below = below(folder);
        match below.len() {
            0 => Ok(place("")),
            1 => {
                let folder = below.remove(0);
                let found = prefixes(&folder).map_err(|reason| Error::Folder { path: folder.clone(), reason })?;
                Self::in_folder(&folder, found)
            }
            _ => Err(Error::SeveralFolders { folder: folder.to_owned(), below }),
        }
    }

    /// What other sets in the folder begin with.
    pub(super) fn others(&self) -> Vec<String> {
        let found = prefixes(&self.folder).unwrap_or_default();
        found.into_iter().filter(|prefix| *prefix != self.prefix).collect()
    }

    /// The file of one half's images or labels, raw rather than packed.
    pub(super) fn file(&self, half: Half, kind: Kind) -> Result<PathBuf, Error> {
        let dash = if self.prefix.is_empty() { "" } else { "-" };
        let mut names: Vec<String> = half
            .words()
            .iter()
            .flat_map(|word| ends(kind).iter().map(move |end| format!("{}{dash}{word}{end}", self.prefix)))
            .collect();
        let packed = names.iter().map(|name| format!("{name}{PACKED}"));
        // Some archives hold a folder of the same name beside the file, so a folder alone is no find.
        let mut a_folder = None;
        for name in names.iter().cloned().chain(packed) {
            let path = self.folder.join(name);
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => a_folder = Some(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Any other error will be met again, and told, when the file is opened.
                _ => return Ok(path),
            }
        }
        // QMNIST's own names are of no other set.
        names.retain(|name| self.prefix.starts_with("qmnist") || !name.ends_with("-int"));
        Err(match a_folder {
            Some(path) => Error::NotAFile { path },
            None => Error::Missing { folder: self.folder.clone(), split: half.as_str(), kind, names },
        })
    }
}

/// What is in the way of a set that is to be written into this folder: a file that reading would take for one of a set,
/// by whatever name and wherever below, or that would no longer be read if there were a set here.
#[must_use]
pub fn occupied(folder: &Path) -> Option<PathBuf> {
    if let Some(file) = set_files(folder).ok().into_iter().flatten().min() {
        return Some(file);
    }
    let description = folder.join(description::FILE_NAME);
    if description.exists() {
        return Some(description);
    }
    if let Some(below) = below(folder).into_iter().next() {
        return Some(below);
    }
    // A set in a folder of such a name is found from the folders around, and would be instead of what is found there now.
    if folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| BELOW.contains(&name)) {
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let around = whole.ancestors().skip(1).take(2);
        let found = around.filter_map(|around| Some((around, below(around).into_iter().next()?)));
        if let Some((_, there)) = found.into_iter().find(|(_, there)| *there != whole) {
            return Some(there);
        }
    }
    // One of several sets in the folder around, which this path names as long as it is no folder.
    if folder.exists() { None } else { Location::find(folder).ok().map(|place| place.folder.join(place.prefix)) }
}

/// The folders below that hold a set.
fn below(folder: &Path) -> Vec<PathBuf> {
    let holds = |folder: &PathBuf| prefixes(folder).is_ok_and(|found| !found.is_empty());
    let first_of = |folder: &Path| BELOW.iter().map(|name| folder.join(name)).find(holds);
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

/// The files of a folder that have a name of a set's.
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

/// What stands before `train-images-idx3-ubyte` or the like in a file's name; none for other names and hidden files.
fn prefix(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str().filter(|_| !is_hidden(path))?;
    let name = name.strip_suffix(PACKED).unwrap_or(name);
    let start =
        [Kind::Images, Kind::Labels].iter().flat_map(|&kind| ends(kind)).find_map(|end| name.strip_suffix(end))?;
    let words = [Half::Train, Half::Test].into_iter().flat_map(Half::words);
    let rest = words.into_iter().find_map(|word| start.strip_suffix(word))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_suffix('-').filter(|prefix| !prefix.is_empty()) }
}

/// Whether a name begins with a dot: what systems and editors put beside data.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files, empty.
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
    fn names_of_sets_are_told_from_others() {
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
    fn a_set_is_found_where_others_put_it() {
        let find = |folder: &tempfile::TempDir, below: &str| {
            let place = Location::find(&folder.path().join(below))?;
            let within = place.folder.strip_prefix(folder.path()).unwrap().to_owned();
            Ok::<_, Error>((within.to_str().unwrap().replace('\\', "/"), place.prefix))
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
        let told = |folder| find(folder, "").unwrap_err().to_string().replace('\\', "/");
        let error = told(&emnist);
        assert!(
            error.contains("several sets: emnist-digits, emnist-letters; give one of them, as")
                && error.contains("gzip/emnist-digits"),
            "{error}"
        );
        assert!(matches!(find(&emnist, "emnist-mnist"), Err(Error::Folder { .. })));
        let two = folder(&["MNIST/raw/train-images-idx3-ubyte", "KMNIST/raw/train-images-idx3-ubyte"]);
        let error = told(&two);
        assert!(error.contains("KMNIST/raw") && error.contains("MNIST/raw"), "{error}");
        assert_eq!(find(&folder(&[]), "").unwrap(), is("", ""));
    }

    #[test]
    fn whatever_would_be_read_is_in_the_way() {
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
