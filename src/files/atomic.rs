//! Several files that are written all or none.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder::NewFolder;
use super::temporary::{Temporary, set_aside};
use super::unfinished::unfinished;

/// Why one of several files cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written ({reason}); make room, or close what has it open", path.display())]
pub struct WriteError {
    /// The file, or the folder of all files.
    pub path: PathBuf,
    /// The system's error.
    pub reason: io::Error,
}

impl WriteError {
    /// Adds this path to an error.
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self { path: path.to_owned(), reason }
    }
}

/// Files of one folder that appear at [`commit`](AtomicFiles::commit), when all of them are complete. Dropped before, they
/// are removed, and the folder too if it was made for them.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let place = tempfile::tempdir()?;
/// # let folder = place.path().join("set");
/// let mut files = twolayer::files::AtomicFiles::new(&folder)?;
/// files.write("images", |out| out.write_all(b"..."))?;
/// files.write("labels", |out| out.write_all(b"..."))?;
/// files.commit()?;
/// # assert_eq!(std::fs::read_dir(&folder)?.count(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AtomicFiles {
    /// Fields are dropped in order: the files before their folder.
    files: Vec<(Temporary, PathBuf)>,
    folder: NewFolder,
}

impl AtomicFiles {
    /// Makes the folder if it does not exist, and checks that files can be written to it.
    ///
    /// # Errors
    /// The system's error.
    pub fn new(folder: &Path) -> Result<Self, WriteError> {
        let folder = NewFolder::make(folder).map_err(WriteError::at(folder))?;
        Temporary::new(folder.path()).map_err(WriteError::at(folder.path()))?;
        Ok(Self { files: Vec::new(), folder })
    }

    /// Writes one of the files. It gets this name at [`commit`](Self::commit).
    ///
    /// # Errors
    /// When the folder cannot be written to, or `write` fails.
    pub fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let path = self.folder.path().join(name);
        let temporary = Temporary::write(self.folder.path(), write).map_err(WriteError::at(&path))?;
        temporary.sync().map_err(WriteError::at(&path))?;
        self.files.push((temporary, path));
        Ok(())
    }

    /// Gives all files their names, and replaces files that have them.
    ///
    /// # Errors
    /// When a file cannot get its name. The earlier files are then back in their places.
    pub fn commit(self) -> Result<(), WriteError> {
        let mut unfinished = unfinished();
        let mut replaced = Vec::new();
        let mut renamed = Vec::new();
        let result = self.rename(&mut replaced, &mut renamed);
        if result.is_ok() {
            for (temporary, _) in &self.files {
                unfinished.finish_file(temporary.path());
            }
        } else {
            // Not removed here: on some file systems of Windows the name of a removed file stays in use while it is open.
            for (temporary, path) in renamed {
                let _ = fs::rename(path, temporary);
            }
        }
        for (path, aside) in replaced {
            let _ = if result.is_ok() { fs::remove_file(aside) } else { fs::rename(aside, path) };
        }
        result
    }

    /// Sets all old files aside first, so that a reader never finds old and new files together.
    fn rename<'a>(
        &'a self,
        replaced: &mut Vec<(&'a Path, PathBuf)>,
        renamed: &mut Vec<(&'a Path, &'a Path)>,
    ) -> Result<(), WriteError> {
        for (_, path) in &self.files {
            if path.symlink_metadata().is_ok_and(|there| !there.is_dir()) {
                replaced.push((path, set_aside(self.folder.path(), path).map_err(WriteError::at(path))?));
            }
        }
        for (temporary, path) in &self.files {
            fs::rename(temporary.path(), path).map_err(WriteError::at(path))?;
            renamed.push((temporary.path(), path));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn write(files: &mut AtomicFiles, names: [&str; 2], text: &str) {
        for name in names {
            files.write(name, |out| out.write_all(text.as_bytes())).unwrap();
        }
    }

    #[test]
    fn files_appear_together() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/set");
        for text in ["first", "second"] {
            let mut files = AtomicFiles::new(&folder).unwrap();
            write(&mut files, ["images", "labels"], text);
            let before = names(&folder).into_iter().filter(|name| !name.starts_with('.')).count();
            assert_eq!(before, if text == "first" { 0 } else { 2 });
            files.commit().unwrap();
            assert_eq!(names(&folder), ["images", "labels"]);
            assert_eq!(fs::read_to_string(folder.join("labels")).unwrap(), text);
        }
    }

    #[test]
    fn files_that_are_not_committed_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let mut files = AtomicFiles::new(&place.path().join("a/set")).unwrap();
        write(&mut files, ["images", "labels"], "new");
        let failed = files.write("description", |_| Err(io::Error::other("no more")));
        assert_eq!(failed.unwrap_err().reason.to_string(), "no more");
        drop(files);
        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn a_failed_commit_restores_the_old_files() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("images"), "old").unwrap();
        fs::create_dir(place.path().join("labels")).unwrap();
        let mut files = AtomicFiles::new(place.path()).unwrap();
        write(&mut files, ["images", "labels"], "new");
        assert_eq!(files.commit().unwrap_err().path, place.path().join("labels"));
        assert_eq!(names(place.path()), ["images", "labels"]);
        assert_eq!(fs::read_to_string(place.path().join("images")).unwrap(), "old");
    }
}
