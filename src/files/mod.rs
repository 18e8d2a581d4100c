//! Atomic writing of files: a reader never meets a half-written file, and no temporary file is left behind.

mod atomic;
mod folder;
mod lock;
mod temporary;
mod unfinished;

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use temporary::{Temporary, folder_of};

pub use atomic::{AtomicFiles, WriteError};
pub use folder::NewFolder;
pub use lock::FolderLock;
pub use unfinished::discard_unfinished;

/// Writes a file completely or not at all. `write` fills a temporary file in the same folder; once that is on the disk, it
/// replaces `path`. Temporary files of killed processes in that folder are removed.
///
/// # Errors
/// When the folder cannot be written to, or `write` fails. A file that was at `path` before is then unchanged.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let temporary = Temporary::write(folder_of(path), write)?;
    temporary.sync()?;
    temporary.rename(path)
}

/// As [`write_atomic`], but does not wait until the file is on the disk. If the process is killed, the file is still complete;
/// after a power failure it may not be.
///
/// # Errors
/// Those of [`write_atomic`].
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    Temporary::write(folder_of(path), write)?.rename(path)
}

/// Reads the first `max_bytes` bytes of a file, or all of a shorter one.
///
/// # Errors
/// The system's error.
pub fn read_at_most(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks that files can be written to the folder of `path`.
///
/// # Errors
/// The system's reason why they cannot.
pub fn check_folder(path: &Path) -> io::Result<()> {
    Temporary::new(folder_of(path)).map(drop)
}

/// As [`check_folder`]; also checks that a file at `path` may be replaced. On Windows it may not while another program has it
/// open.
///
/// # Errors
/// The system's reason why it may not.
pub fn check_place(path: &Path) -> io::Result<()> {
    check_folder(path)?;
    // Renaming a file to its own name changes nothing and needs the same right.
    match fs::rename(path, path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn writes_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for content in ["first", "second"] {
            write_atomic(&path, |out| out.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let error = write_atomic(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(error.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_path_under_a_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        assert!(write_atomic(&file.join("below"), |_| Ok(())).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    }

    #[test]
    fn no_more_is_read_than_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "content").unwrap();
        for (most, read) in [(3, "con"), (7, "content"), (u64::MAX, "content")] {
            assert_eq!(read_at_most(&path, most).unwrap(), read.as_bytes());
        }
        assert!(read_at_most(folder.path(), 1).is_err());
    }

    #[test]
    fn a_check_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        check_place(&path).unwrap();
        assert_eq!(names(folder.path()).len(), 0);
        fs::write(&path, "old").unwrap();
        check_place(&path).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(folder.path()).len()), ("old", 1));
        assert!(check_place(&path.join("below")).is_err());
    }

    #[cfg(windows)]
    #[test]
    fn a_file_that_another_program_has_locked_is_not_replaced() {
        use std::os::windows::fs::OpenOptionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let held = fs::OpenOptions::new().read(true).share_mode(0).open(&path).unwrap();
        assert!(check_place(&path).is_err());
        assert!(write_atomic(&path, |_| Ok(())).is_err());
        drop(held);
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        // A file that is only being read, as this program reads, can be replaced.
        let _read = fs::File::open(&path).unwrap();
        check_place(&path).unwrap();
        write_atomic(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn has_the_permissions_of_a_new_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write_atomic(&ours, |_| Ok(())).unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(plain));
    }
}
