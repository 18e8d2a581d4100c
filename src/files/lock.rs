//! A lock on a folder, for one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::unfinished::unfinished;

const NAME: &str = ".twolayer-lock";

/// A lock on a folder. The system releases it when the process ends, however that happens. Dropped, it removes its file.
///
/// Where a file system has no locks, every process gets one.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Locks a folder. `None` if another process, or another lock of this process, has it.
    ///
    /// # Errors
    /// The system's error: the folder cannot be written to.
    pub fn take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(NAME);
        loop {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // The process that had the lock may have removed the file since it was opened.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) | Err(TryLockError::Error(_)) => {
                    unfinished().add_file(&path);
                    return Ok(Some(Self { path, _file: file }));
                }
            }
        }
    }

    /// Whether another process, or another lock of this process, has the lock of a folder.
    #[must_use]
    pub fn is_taken(folder: &Path) -> bool {
        // Neither in the way of another that looks, nor in need of the right to write.
        let file = File::open(folder.join(NAME));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        unfinished().remove_file(&self.path);
    }
}

/// Whether the file is still the one with this path.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let place = |metadata: io::Result<std::fs::Metadata>| metadata.ok().map(|found| (found.dev(), found.ino()));
        place(path.metadata()).is_some_and(|theirs| place(file.metadata()) == Some(theirs))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap().unwrap();
        assert!(FolderLock::take(folder.path()).unwrap().is_none() && FolderLock::is_taken(folder.path()));
        drop(lock);
        assert!(!FolderLock::is_taken(folder.path()));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let again = FolderLock::take(folder.path()).unwrap();
        assert!(again.is_some());
        // As a killed process leaves it.
        drop(again);
        std::fs::write(folder.path().join(NAME), "").unwrap();
        assert!(FolderLock::take(folder.path()).unwrap().is_some());
        assert!(FolderLock::take(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn of_many_processes_one_has_the_lock() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        if let Some(lock) = FolderLock::take(folder.path()).unwrap() {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            taken.fetch_add(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
