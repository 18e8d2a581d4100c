//! A folder that is made for files, and removed again if none is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::unfinished::{Unfinished, unfinished};

/// A folder for files. When it is dropped, or discarded by [`discard_unfinished`](super::discard_unfinished), the folders that
/// were made for it are removed if they are empty. Folders that existed before stay.
#[derive(Debug)]
pub struct NewFolder {
    path: PathBuf,
    /// The folders that were made, each after its parent.
    made: Vec<PathBuf>,
}

impl NewFolder {
    /// Makes a folder and its parents where they do not exist.
    ///
    /// # Errors
    /// The system's error; no new folder is left then.
    pub fn make(path: &Path) -> io::Result<Self> {
        Self::make_by(path, make_if_missing)
    }

    /// Makes a folder that does not exist yet.
    ///
    /// # Errors
    /// As [`make`](Self::make); [`AlreadyExists`](io::ErrorKind::AlreadyExists) where something has this name.
    pub fn make_new(path: &Path) -> io::Result<Self> {
        Self::make_by(path, make_new)
    }

    fn make_by(path: &Path, make: impl Fn(&mut Made, &Path) -> io::Result<()>) -> io::Result<Self> {
        // Dropped on an error, it removes the folders made until then.
        let mut folder = Self { path: path.to_owned(), made: Vec::new() };
        let mut made = Made { unfinished: &mut unfinished(), folders: &mut folder.made };
        make(&mut made, path)?;
        Ok(folder)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        let mut unfinished = unfinished();
        for folder in self.made.iter().rev() {
            unfinished.remove_folder(folder);
        }
    }
}

/// The two lists of the folders that were made.
struct Made<'a> {
    unfinished: &'a mut Unfinished,
    folders: &'a mut Vec<PathBuf>,
}

/// Another process may make or remove the same folders meanwhile. So nothing is checked beforehand: making a folder shows
/// whether it or its parent exists.
fn make_new(made: &mut Made, path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match (fs::create_dir(path), parent) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            make_if_missing(made, parent)?;
            fs::create_dir(path)?;
        }
        (result, _) => result?,
    }
    made.unfinished.add_folder(path);
    made.folders.push(path.to_owned());
    Ok(())
}

fn make_if_missing(made: &mut Made, path: &Path) -> io::Result<()> {
    match make_new(made, path) {
        Err(_) if path.is_dir() => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_that_were_made_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let mine = place.path().join("mine");
        fs::create_dir(&mine).unwrap();
        let folder = NewFolder::make(&mine.join("a/b")).unwrap();
        assert!(folder.path().is_dir());
        drop(folder);
        assert_eq!(fs::read_dir(&mine).unwrap().count(), 0);
        drop(NewFolder::make(&mine).unwrap());
        assert!(mine.exists());
    }

    #[test]
    fn a_folder_with_a_file_stays() {
        let place = tempfile::tempdir().unwrap();
        let [used, unused] = ["a/used", "a/unused"].map(|name| NewFolder::make(&place.path().join(name)).unwrap());
        fs::write(used.path().join("file"), "").unwrap();
        let paths = [&used, &unused].map(|folder| folder.path().to_owned());
        drop((used, unused));
        assert_eq!(paths.map(|path| path.exists()), [true, false]);
    }

    #[test]
    fn a_new_folder_was_not_there() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let folder = NewFolder::make_new(&path).unwrap();
        assert_eq!(NewFolder::make_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(folder.path().exists());
    }

    #[test]
    fn a_file_in_the_way_is_an_error_that_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below"), place.path().join("a/../file/below")] {
            assert!(NewFolder::make(&path).is_err());
            assert!(NewFolder::make_new(&path).is_err());
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
