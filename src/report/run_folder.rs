//! The folder of a run: model.safetensors, history.csv and run.json.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::summary::Run;
use crate::files::{AtomicFiles, NewFolder, WriteError, check_folder, check_place};
use crate::model;
use crate::net::{Net, Params};

/// The file of the model.
pub const MODEL: &str = "model.safetensors";
/// The file with the loss of every step.
pub const HISTORY: &str = "history.csv";
/// The file of the results.
pub const RUN: &str = "run.json";

const FILES: [&str; 3] = [MODEL, HISTORY, RUN];

/// A run cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder already holds a run.
    #[error("{} already holds a run; choose another --out, or add --overwrite", .0.display())]
    Exists(PathBuf),
    /// The path is a file.
    #[error("{} is a file, not a folder; choose another --out", .0.display())]
    IsFile(PathBuf),
    /// The folder cannot be created or written to.
    #[error("{} cannot be written to ({reason}); choose another --out, or use --no-save", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
    /// A file cannot be written.
    #[error(
        "{} cannot be written ({reason}); free disk space, close programs that have it open, or choose another --out",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: io::Error,
    },
}

impl From<WriteError> for Error {
    fn from(WriteError { path, reason }: WriteError) -> Self {
        Self::Write { path, reason }
    }
}

/// A folder that a run may write to. A new folder that is still empty is removed on drop.
#[derive(Debug)]
pub struct RunFolder {
    folder: NewFolder,
    /// Whether it held an earlier run at the start.
    holds_run: bool,
}

impl RunFolder {
    /// Checks that the path is not a file and holds no run. Creates nothing.
    ///
    /// # Errors
    /// The path is a file, or a folder that holds a run, unless `overwrite`.
    pub fn check(path: &Path, overwrite: bool) -> Result<(), Error> {
        if path.is_file() {
            return Err(Error::IsFile(path.into()));
        }
        if !overwrite && holds_run(path) {
            return Err(Error::Exists(path.into()));
        }
        Ok(())
    }

    /// Creates the folder and checks that files can be written to it.
    ///
    /// # Errors
    /// Those of [`RunFolder::check`]. The folder cannot be created or written to, or a file of an earlier run cannot be
    /// replaced.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, Error> {
        Self::check(path, overwrite)?;
        Self::checked(path, NewFolder::make(path))
    }

    /// Creates a new folder: `path`, or `path-2` and so on. Two runs that start at the same time get different folders.
    ///
    /// # Errors
    /// The folder cannot be created or written to.
    pub fn create_new(path: &Path) -> Result<Self, Error> {
        let mut free = path.to_owned();
        let mut number = 1;
        loop {
            match Self::checked(&free, NewFolder::make_new(&free)) {
                // If `free` does not exist, its parent exists as a file, and the error is returned.
                Err(Error::Folder { reason, .. }) if reason.kind() == io::ErrorKind::AlreadyExists && free.exists() => {
                }
                other => return other,
            }
            number += 1;
            let mut name = path.as_os_str().to_owned();
            name.push(format!("-{number}"));
            free = name.into();
        }
    }

    /// Creates a new folder next to this one, for a run that cannot be written here.
    ///
    /// # Errors
    /// Those of [`RunFolder::create_new`].
    pub fn beside(&self) -> Result<Self, Error> {
        let path = self.path();
        // The file name has no slash at its end. The path `.` has no file name.
        Self::create_new(&path.file_name().map_or_else(|| path.join("run"), |name| path.with_file_name(name)))
    }

    fn checked(path: &Path, folder: io::Result<NewFolder>) -> Result<Self, Error> {
        let failed = |reason| Error::Folder { path: path.into(), reason };
        let folder = folder.map_err(failed)?;
        check_folder(&path.join(MODEL)).map_err(failed)?;
        for file in FILES.map(|name| path.join(name)) {
            check_place(&file).map_err(|reason| Error::Write { path: file, reason })?;
        }
        Ok(Self { folder, holds_run: holds_run(path) })
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether it held an earlier run at the start. [`save`](Self::save) overwrites that run.
    #[must_use]
    pub fn holds_run(&self) -> bool {
        self.holds_run
    }

    /// Writes all three files, or none, so that the folder never mixes the files of two runs.
    ///
    /// # Errors
    /// A file cannot be written, or another run was saved here since this one started ([`Error::Exists`]).
    pub fn save(&self, net: &Net, params: &Params, losses: &[f32], run: &Run) -> Result<(), Error> {
        if !self.holds_run && holds_run(self.path()) {
            return Err(Error::Exists(self.path().into()));
        }
        let mut files = AtomicFiles::new(self.path())?;
        files.write(MODEL, |out| model::write(out, net, params, run.description()))?;
        files.write(HISTORY, |out| write_history(out, losses))?;
        files.write(RUN, |out| {
            serde_json::to_writer_pretty(&mut *out, run)?;
            writeln!(out)
        })?;
        Ok(files.commit()?)
    }
}

fn holds_run(path: &Path) -> bool {
    FILES.iter().any(|name| path.join(name).exists())
}

/// Writes a line for each step: its number from 0, and the mean loss of its batch before the update.
fn write_history(out: &mut dyn Write, losses: &[f32]) -> io::Result<()> {
    writeln!(out, "iteration,loss")?;
    for (iteration, loss) in losses.iter().enumerate() {
        writeln!(out, "{iteration},{loss}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_run_is_overwritten_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(HISTORY), "iteration,loss\n").unwrap();
        let error = RunFolder::create(&path, false).unwrap_err().to_string();
        assert!(error.contains("already holds a run"), "{error}");
        RunFolder::create(&path, true).unwrap();
    }

    #[test]
    fn a_file_in_the_path_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(RunFolder::create(&file, true), Err(Error::IsFile(_))));
        assert!(matches!(RunFolder::create(&file.join("below"), true), Err(Error::Folder { .. })));
        assert!(matches!(RunFolder::create_new(&file.join("below")), Err(Error::Folder { .. })));
    }

    #[test]
    fn runs_of_one_name_get_folders_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/now");
        let [first, second, third] = [(); 3].map(|()| RunFolder::create_new(&path).unwrap());
        assert_eq!(first.path(), path);
        assert_eq!(second.path(), folder.path().join("runs/now-2"));
        assert_eq!(third.path(), folder.path().join("runs/now-3"));
    }

    #[test]
    fn a_run_that_cannot_be_written_gets_a_folder_beside() {
        let folder = tempfile::tempdir().unwrap();
        for (name, beside) in [("run", "run-2"), ("run/", "run-3"), ("run/..", "run/../run-4")] {
            let made = RunFolder::create(&folder.path().join(name), false).unwrap().beside().unwrap();
            assert_eq!(made.path(), folder.path().join(beside));
            fs::write(made.path().join(MODEL), "").unwrap();
            fs::create_dir_all(folder.path().join("run")).unwrap();
        }
    }

    #[cfg(windows)]
    #[test]
    fn a_file_that_another_program_has_open_is_an_error_at_the_start() {
        use std::os::windows::fs::OpenOptionsExt;

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(HISTORY), "iteration,loss\n").unwrap();
        let open = fs::OpenOptions::new().read(true).share_mode(1).open(folder.path().join(HISTORY)).unwrap();
        let error = RunFolder::create(folder.path(), true).unwrap_err().to_string();
        assert!(error.contains("history.csv cannot be written"), "{error}");
        drop(open);
        RunFolder::create(folder.path(), true).unwrap();
    }

    #[test]
    fn an_empty_folder_is_removed_with_the_parents_made_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        fs::create_dir(&mine).unwrap();
        drop(RunFolder::create(&mine.join("a/b"), false).unwrap());
        assert_eq!(fs::read_dir(&mine).unwrap().count(), 0);
        drop(RunFolder::create(&mine, false).unwrap());
        assert!(mine.exists());
    }

    #[test]
    fn the_history_has_a_line_a_step() {
        let mut out = Vec::new();
        write_history(&mut out, &[2.5, 0.125]).unwrap();
        assert_eq!(out, b"iteration,loss\n0,2.5\n1,0.125\n");
    }
}
