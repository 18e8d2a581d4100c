//! A temporary file that is renamed to its final name, and the removal of temporary files of killed processes.
//!
//! Its name shows that this program made it, and its process holds a lock on it. A temporary file without a lock therefore
//! belongs to a killed process, and is removed. Where a file system has no locks, nothing is removed. On Windows a lock would
//! keep readers out, even after the renaming; there the file is opened so that nobody else can write to it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::unfinished::unfinished;

const PREFIX: &str = ".twolayer-";
const SUFFIX: &str = ".tmp";
/// Random letters and digits between them. No person gives such a name.
const RANDOM: usize = 12;

/// A file in the folder of the file that it becomes. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    /// Makes one, and removes those of killed processes in the folder.
    pub fn new(folder: &Path) -> io::Result<Self> {
        remove_abandoned(folder);
        loop {
            let mut unfinished = unfinished();
            let (file, path) = new_name(folder, create)?;
            unfinished.add_file(&path);
            drop(unfinished);
            let temporary = Self { file, path };
            let locked = if cfg!(windows) { Ok(()) } else { temporary.file.try_lock() };
            match locked {
                // Before it was locked, another process may have removed it as abandoned.
                Ok(()) if temporary.path.exists() => return Ok(temporary),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(_)) => return Ok(temporary),
            }
        }
    }

    /// Makes one that `write` fills.
    pub fn write(folder: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Self> {
        let temporary = Self::new(folder)?;
        let mut out = BufWriter::new(&temporary.file);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        Ok(temporary)
    }

    /// Waits until the file is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its final name, and replaces a file that has it.
    pub fn rename(self, to: &Path) -> io::Result<()> {
        let mut unfinished = unfinished();
        replace(&self.path, to)?;
        unfinished.finish_file(&self.path);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        unfinished().remove_file(&self.path);
    }
}

#[cfg(not(windows))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(windows)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_DELETE: u32 = 4;
    OpenOptions::new().write(true).create_new(true).share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE).open(path)
}

/// Renames a file, and replaces a file that has the new name.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let renamed = fs::rename(from, to);
    // On some file systems of Windows a file that is being read can be renamed, but not replaced.
    if !cfg!(windows) || renamed.is_ok() || !to.is_file() {
        return renamed;
    }
    let Ok(aside) = set_aside(folder_of(to), to) else { return renamed };
    let renamed = fs::rename(from, to);
    let _ = if renamed.is_ok() { fs::remove_file(aside) } else { fs::rename(aside, to) };
    renamed
}

/// Renames a file to a temporary name in this folder. Returns its new path.
pub(super) fn set_aside(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    Ok(new_name(folder, |aside| fs::rename(path, aside))?.1)
}

/// Calls `make` with paths of temporary files until one was free. Returns its result and the path.
fn new_name<T>(folder: &Path, make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let mut names = tempfile::Builder::new();
    names.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
    let (made, path) = names.make_in(folder, make)?.into_parts();
    // Keeps tempfile from removing it: `Temporary` does.
    Ok((made, path.keep()?))
}

/// Removes the temporary files of killed processes.
fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file
            && entry.file_name().to_str().is_some_and(is_temporary)
            && let Ok(file) = OpenOptions::new().write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The folder of a path: `.` for a bare file name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_files_of_killed_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = [".twolayer-0123456789ab.tmp", ".twolayer-ABCDEFGHIJKL.tmp"];
        let others = [
            ".twolayer-0123456789abc.tmp",
            ".twolayer-my-own-notes.tmp",
            ".twolayer-0123456789ab",
            "twolayer-0123456789ab.tmp",
            "notes",
        ];
        for name in abandoned.iter().chain(&others) {
            fs::write(folder.path().join(name), "something").unwrap();
        }
        let other_folder = folder.path().join(".twolayer-aaaaaaaaaaaa.tmp");
        fs::create_dir(&other_folder).unwrap();

        let first = Temporary::new(folder.path()).unwrap();
        let second = Temporary::new(folder.path()).unwrap();
        assert!(first.path().exists() && second.path().exists() && first.path() != second.path());
        assert_eq!(abandoned.map(|name| folder.path().join(name).exists()), [false; 2]);
        assert_eq!(others.map(|name| folder.path().join(name).exists()), [true; 5]);
        assert!(other_folder.exists());
    }

    #[test]
    fn a_locked_file_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".twolayer-0123456789ab.tmp");
        let used = File::create(&path).unwrap();
        used.lock().unwrap();
        remove_abandoned(folder.path());
        assert!(path.exists());
        drop(used);
        remove_abandoned(folder.path());
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_use_can_be_read_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = Temporary::write(folder.path(), |out| out.write_all(b"text")).unwrap();
        remove_abandoned(folder.path());
        assert_eq!(fs::read(temporary.path()).unwrap(), b"text");
        let path = folder.path().join("file");
        fs::rename(temporary.path(), &path).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"text");
    }

    #[test]
    fn many_writers_of_one_folder_keep_their_files() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    for round in 0..50 {
                        let text = format!("{writer} {round}");
                        let path = folder.join(writer.to_string());
                        let temporary = Temporary::write(folder, |out| out.write_all(text.as_bytes())).unwrap();
                        temporary.rename(&path).unwrap();
                        assert_eq!(fs::read_to_string(path).unwrap(), text);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
