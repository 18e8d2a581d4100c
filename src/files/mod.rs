//! Writing files so that a reader never meets a half-written one, and nobody a forgotten one.

mod folder;
mod temporary;
mod together;
mod unfinished;

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use temporary::{Temporary, folder_of};

pub use folder::NewFolder;
pub use together::{Together, WriteError};
pub use unfinished::discard_unfinished;

/// Writes a file whole or not at all: `write` fills a temporary file in the same folder, which takes the place of `path` only
/// once it is complete and on the disk. Temporary files that killed processes left in that folder are removed.
///
/// # Errors
/// When the folder cannot be written to, or `write` fails; what was at `path` before is then still there, untouched.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut temporary = Temporary::new(folder_of(path))?;
    temporary.fill(write)?;
    temporary.rename(path)
}

/// Reads a file, of one that is longer the first `most` bytes.
///
/// # Errors
/// What the system says.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks that the folder of `path` takes files.
///
/// # Errors
/// Why it does not.
pub fn check_folder(path: &Path) -> io::Result<()> {
    Temporary::new(folder_of(path)).map(drop)
}

/// As [`check_folder`], and checks that what is at `path`, if anything is, may be replaced: on Windows it may not while another
/// program has it open.
///
/// # Errors
/// As [`check_folder`]; why it may not.
pub fn check_place(path: &Path) -> io::Result<()> {
    check_folder(path)?;
    // To its own name, which changes nothing, but asks for the same right.
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
            write_whole(&path, |out| out.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let error = write_whole(&path, |out| {
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
        assert!(write_whole(&file.join("below"), |_| Ok(())).is_err());
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
    fn what_another_program_keeps_to_itself_can_not_be_replaced() {
        use std::os::windows::fs::OpenOptionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let held = fs::OpenOptions::new().read(true).share_mode(0).open(&path).unwrap();
        assert!(check_place(&path).is_err());
        assert!(write_whole(&path, |_| Ok(())).is_err());
        drop(held);
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        // What is only being read, as this program reads, can be replaced.
        let _read = fs::File::open(&path).unwrap();
        check_place(&path).unwrap();
        write_whole(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn has_the_permissions_of_a_new_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write_whole(&ours, |_| Ok(())).unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(plain));
    }
}
