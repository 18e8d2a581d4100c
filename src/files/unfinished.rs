//! The unfinished files and folders of this process. They are removed before the process ends early.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Temporary files and new folders.
#[derive(Debug)]
pub(super) struct Unfinished {
    files: Vec<PathBuf>,
    /// Each after its parent.
    folders: Vec<PathBuf>,
    /// The count of finished files.
    finished: usize,
}

static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished::new());

/// The list of this process. A function that makes, renames or removes a file or folder of the list holds this lock meanwhile.
pub(super) fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the temporary files of this process, and the empty folders made for them. Returns the count of files finished
/// since the process started; these stay.
///
/// For the end of the process: afterwards a thread that begins or finishes a file waits forever.
#[must_use]
pub fn discard_unfinished() -> usize {
    let mut unfinished = unfinished();
    unfinished.discard();
    let finished = unfinished.finished;
    std::mem::forget(unfinished);
    finished
}

impl Unfinished {
    const fn new() -> Self {
        Self { files: Vec::new(), folders: Vec::new(), finished: 0 }
    }

    pub fn add_file(&mut self, path: &Path) {
        self.files.push(path.to_owned());
    }

    /// Takes a file with its final name off the list.
    pub fn finish_file(&mut self, path: &Path) {
        self.files.retain(|file| file != path);
        self.finished += 1;
    }

    pub fn remove_file(&mut self, path: &Path) {
        self.files.retain(|file| file != path);
        let _ = fs::remove_file(path);
    }

    pub fn add_folder(&mut self, path: &Path) {
        self.folders.push(path.to_owned());
    }

    /// Removes a folder, if it is empty, and takes it off the list.
    pub fn remove_folder(&mut self, path: &Path) {
        self.folders.retain(|folder| folder != path);
        let _ = fs::remove_dir(path);
    }

    fn discard(&mut self) {
        for file in self.files.drain(..) {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.drain(..).rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_files_are_discarded() {
        let place = tempfile::tempdir().unwrap();
        let [full, empty] = ["full", "empty"].map(|name| place.path().join(name));
        let inner = empty.join("inner");
        let [begun, done] = [full.join("begun"), full.join("done")];
        let mut unfinished = Unfinished::new();
        for folder in [&full, &empty, &inner] {
            fs::create_dir(folder).unwrap();
            unfinished.add_folder(folder);
        }
        for file in [&begun, &done] {
            fs::write(file, "").unwrap();
            unfinished.add_file(file);
        }
        unfinished.finish_file(&done);
        unfinished.discard();
        assert!(done.exists() && !begun.exists() && !empty.exists());
        assert_eq!(unfinished.finished, 1);
    }
}
