//! A folder that is made for files and goes away again if none is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::unfinished::{Unfinished, unfinished};

/// A folder for files. Dropped, or discarded by [`discard_unfinished`](super::discard_unfinished), it goes away again with
/// those that were made for it, unless there is something in it. What was there before stays.
#[derive(Debug)]
pub struct NewFolder {
    path: PathBuf,
    /// The folders that were made, each after the one that it is in.
    made: Vec<PathBuf>,
}

impl NewFolder {
    /// Makes a folder, and those that it is to be in, where they are not there.
    ///
    /// # Errors
    /// What the system says; nothing is left then.
    pub fn make(path: &Path) -> io::Result<Self> {
        Self::make_by(path, make_if_missing)
    }

    /// Makes a folder that is not there.
    ///
    /// # Errors
    /// As [`make`](Self::make); [`AlreadyExists`](io::ErrorKind::AlreadyExists) where something of this name is there.
    pub fn make_new(path: &Path) -> io::Result<Self> {
        Self::make_by(path, make_new)
    }

    fn make_by(path: &Path, make: impl Fn(&mut Made, &Path) -> io::Result<()>) -> io::Result<Self> {
        // Dropped on an error, it takes away what was made till then.
        let mut folder = Self { path: path.to_owned(), made: Vec::new() };
        let mut made = Made { unfinished: &mut unfinished(), folders: &mut folder.made };
        make(&mut made, path)?;
        Ok(folder)
    }

    /// Where it is.
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

/// Where the folders are noted that are made.
struct Made<'a> {
    unfinished: &'a mut Unfinished,
    folders: &'a mut Vec<PathBuf>,
}

/// Another process may make or remove the same folders meanwhile, so what is there is seen by trying to make it.
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
    fn what_was_made_goes_away_and_nothing_else() {
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
    fn what_holds_something_stays() {
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
