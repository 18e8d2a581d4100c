//! A temporary file that becomes a file of its own name, and those that killed processes left.
//!
//! Its name says whose it is, and a lock on it that its process lives. So what a killed process left can be told from what
//! another process is writing: it is not locked. Where a file system has no locks, nothing is removed. On Windows a lock would
//! keep readers out too, and the file is locked still when it has its own name; there it is opened so that nobody else can
//! write to it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::unfinished::unfinished;

const PREFIX: &str = ".twolayer-";
const SUFFIX: &str = ".tmp";
/// Random letters and digits between them: too many for a name that a person gives.
const RANDOM: usize = 12;

/// A file in use in the folder of the file that it is to become. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    /// Makes one, and removes those in the folder whose process was killed.
    pub fn new(folder: &Path) -> io::Result<Self> {
        remove_abandoned(folder);
        loop {
            let mut unfinished = unfinished();
            let (file, path) = new_name(folder, create)?;
            unfinished.add_file(&path);
            drop(unfinished);
            let temporary = Self { file, path };
            let held = if cfg!(windows) { Ok(()) } else { temporary.file.try_lock() };
            match held {
                // In the moment before it was locked another process may have taken it for abandoned.
                Ok(()) if temporary.path.exists() => return Ok(temporary),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(_)) => return Ok(temporary),
            }
        }
    }

    /// Fills the file, until it is on the disk.
    pub fn fill(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = BufWriter::new(&mut self.file);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        self.file.sync_all()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its own name, in the place of what had it.
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

/// Renames a file, in the place of what has that name.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let renamed = fs::rename(from, to);
    // There, a file that is being read can on some file systems only go out of the way.
    if !cfg!(windows) || renamed.is_ok() || !to.is_file() {
        return renamed;
    }
    let Ok(aside) = set_aside(folder_of(to), to) else { return renamed };
    let renamed = fs::rename(from, to);
    let _ = if renamed.is_ok() { fs::remove_file(aside) } else { fs::rename(aside, to) };
    renamed
}

/// Gives a file of this folder the name of a temporary one, which it returns.
pub(super) fn set_aside(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    Ok(new_name(folder, |aside| fs::rename(path, aside))?.1)
}

/// Does something with the path of a temporary file that is not there yet.
fn new_name<T>(folder: &Path, make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let mut names = tempfile::Builder::new();
    names.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
    let (made, path) = names.make_in(folder, make)?.into_parts();
    // From here on it is not the crate that removes it.
    Ok((made, path.keep()?))
}

/// Removes the temporary files of processes that were killed.
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

/// The parent of a bare file name is the empty path, which no folder can be opened by.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_there(names: &[&str], folder: &Path) -> Vec<bool> {
        names.iter().map(|name| folder.join(name).exists()).collect()
    }

    #[test]
    fn only_what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = [".twolayer-0123456789ab.tmp", ".twolayer-ABCDEFGHIJKL.tmp"];
        let others = [
            ".twolayer-0123456789abc.tmp",
            ".twolayer-my-own-notes.tmp",
            ".twolayer-0123456789ab",
            "twolayer-0123456789ab.tmp",
            "notes",
        ];
        for name in left.iter().chain(&others) {
            fs::write(folder.path().join(name), "something").unwrap();
        }
        let other_folder = ".twolayer-aaaaaaaaaaaa.tmp";
        fs::create_dir(folder.path().join(other_folder)).unwrap();

        let first = Temporary::new(folder.path()).unwrap();
        let second = Temporary::new(folder.path()).unwrap();
        assert!(first.path().exists() && second.path().exists() && first.path() != second.path());
        assert_eq!(is_there(&left, folder.path()), [false; 2]);
        assert_eq!(is_there(&others, folder.path()), [true; 5]);
        assert!(folder.path().join(other_folder).exists());
    }

    #[test]
    fn what_is_locked_is_in_use() {
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
    fn what_is_in_use_can_be_read_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut temporary = Temporary::new(folder.path()).unwrap();
        temporary.fill(|out| out.write_all(b"text")).unwrap();
        remove_abandoned(folder.path());
        assert_eq!(fs::read(temporary.path()).unwrap(), b"text");
        let path = folder.path().join("file");
        fs::rename(temporary.path(), &path).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"text");
    }

    #[test]
    fn many_writers_of_one_folder_take_nothing_from_each_other() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    for round in 0..50 {
                        let text = format!("{writer} {round}");
                        let mut temporary = Temporary::new(folder).unwrap();
                        temporary.fill(|out| out.write_all(text.as_bytes())).unwrap();
                        temporary.rename(&folder.join(writer.to_string())).unwrap();
                        assert_eq!(fs::read_to_string(folder.join(writer.to_string())).unwrap(), text);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
