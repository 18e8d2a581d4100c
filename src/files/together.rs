//! Files that belong together: all of them, or none.

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
    /// The file, or the folder of them all.
    pub path: PathBuf,
    /// What the system said.
    pub reason: io::Error,
}

impl WriteError {
    /// Says of errors that this path is where they are.
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self { path: path.to_owned(), reason }
    }
}

/// Files of one folder that appear when all of them are complete. Dropped before, they are removed, and the folder too if it
/// was made for them.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let place = tempfile::tempdir()?;
/// # let folder = place.path().join("set");
/// let mut files = twolayer::files::Together::new(&folder)?;
/// files.write("images", |out| out.write_all(b"..."))?;
/// files.write("labels", |out| out.write_all(b"..."))?;
/// files.commit()?;
/// # assert_eq!(std::fs::read_dir(&folder)?.count(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Together {
    /// Before the folder, so that they are dropped before it.
    files: Vec<(Temporary, PathBuf)>,
    folder: NewFolder,
}

impl Together {
    /// Makes the folder if it is not there, and checks that it takes files.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(folder: &Path) -> Result<Self, WriteError> {
        let folder = NewFolder::make(folder).map_err(WriteError::at(folder))?;
        Temporary::new(folder.path()).map_err(WriteError::at(folder.path()))?;
        Ok(Self { files: Vec::new(), folder })
    }

    /// Writes one of the files, which is to have this name.
    ///
    /// # Errors
    /// When the folder cannot be written to, or `write` fails.
    pub fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        let path = self.folder.path().join(name);
        let filled = Temporary::new(self.folder.path()).and_then(|mut temporary| {
            temporary.fill(write)?;
            Ok(temporary)
        });
        let temporary = filled.map_err(WriteError::at(&path))?;
        self.files.push((temporary, path));
        Ok(())
    }

    /// Gives all files their names, in the place of those that had them.
    ///
    /// # Errors
    /// When one of them cannot have its name; what was there before is then there again.
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
            // Not removed here: on some file systems of Windows its name would be taken for as long as it is open.
            for (temporary, path) in renamed {
                let _ = fs::rename(path, temporary);
            }
        }
        for (path, aside) in replaced {
            let _ = if result.is_ok() { fs::remove_file(aside) } else { fs::rename(aside, path) };
        }
        result
    }

    /// First all old files go out of the way: old and new ones never stand side by side.
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

    fn write(files: &mut Together, names: [&str; 2], text: &str) {
        for name in names {
            files.write(name, |out| out.write_all(text.as_bytes())).unwrap();
        }
    }

    #[test]
    fn they_appear_together() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/set");
        for text in ["first", "second"] {
            let mut files = Together::new(&folder).unwrap();
            write(&mut files, ["images", "labels"], text);
            let before = names(&folder).into_iter().filter(|name| !name.starts_with('.')).count();
            assert_eq!(before, if text == "first" { 0 } else { 2 });
            files.commit().unwrap();
            assert_eq!(names(&folder), ["images", "labels"]);
            assert_eq!(fs::read_to_string(folder.join("labels")).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let mut files = Together::new(&place.path().join("a/set")).unwrap();
        write(&mut files, ["images", "labels"], "new");
        let failed = files.write("description", |_| Err(io::Error::other("no more")));
        assert_eq!(failed.unwrap_err().reason.to_string(), "no more");
        drop(files);
        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn a_name_that_cannot_be_taken_leaves_everything_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("images"), "old").unwrap();
        fs::create_dir(place.path().join("labels")).unwrap();
        let mut files = Together::new(place.path()).unwrap();
        write(&mut files, ["images", "labels"], "new");
        assert_eq!(files.commit().unwrap_err().path, place.path().join("labels"));
        assert_eq!(names(place.path()), ["images", "labels"]);
        assert_eq!(fs::read_to_string(place.path().join("images")).unwrap(), "old");
    }
}
