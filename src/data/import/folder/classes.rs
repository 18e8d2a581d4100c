//! The classes of a folder: its folders, and the pictures in them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::picture::{self, ENDINGS};
use super::super::problem::{Error, Problem};
use super::super::remark::{Remark, SkipReason};
use super::super::text::as_text;
use crate::data::locate::is_hidden;

/// The names of folders that are a training or a test set, not a class, and words that such names may also contain.
const TRAIN_WORDS: [&str; 3] = ["train", "training", "trn"];
const TEST_WORDS: [&str; 13] = [
    "test",
    "testing",
    "tst",
    "val",
    "valid",
    "validation",
    "eval",
    "evaluation",
    "dev",
    "pred",
    "predict",
    "fold",
    "split",
];
const FILLERS: [&str; 9] = ["set", "images", "image", "imgs", "img", "data", "seg", "pictures", "folder"];
/// Folders and files of operating systems, in small letters.
const OF_SYSTEMS: [&str; 8] = [
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "thumbs.db",
    "desktop.ini",
    "icon\r",
];
/// Endings of pictures in formats that are not read.
const OTHER_ENDINGS: [&str; 12] =
    ["tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "svg", "tga", "ico", "psd", "qoi"];

/// A class's folder and the pictures in it, at any depth.
pub struct Class {
    pub folder: PathBuf,
    pub pictures: Vec<PathBuf>,
    /// The count of pictures in subfolders.
    pub deeper: usize,
}

impl Class {
    /// Whether all its pictures are in subfolders.
    pub fn is_deeper(&self) -> bool {
        self.deeper == self.pictures.len()
    }

    /// The name of its folder. Adds a remark if that is not UTF-8.
    pub fn name(&self, remarks: &mut Vec<Remark>) -> String {
        let name = self.folder.file_name().unwrap_or(OsStr::new(""));
        let (text, is_utf8) = as_text(name.as_encoded_bytes());
        if !is_utf8 {
            remarks.push(Remark::Windows1252(text.clone()));
        }
        text
    }
}

/// The entries of a folder that are no pictures of a class.
#[derive(Default)]
pub struct Skipped(BTreeMap<SkipReason, Vec<PathBuf>>);

impl Skipped {
    pub fn add(&mut self, reason: SkipReason, path: PathBuf) {
        self.0.entry(reason).or_default().push(path);
    }

    pub fn count(&self, reason: SkipReason) -> usize {
        self.0.get(&reason).map_or(0, Vec::len)
    }

    pub fn remarks(self) -> impl Iterator<Item = Remark> {
        let entries = self.0.into_iter();
        entries.map(|(reason, examples)| Remark::Skipped { reason, count: examples.len(), examples })
    }
}

/// The folders that hold pictures, sorted by name.
pub fn find(folder: &Path, skipped: &mut Skipped) -> Result<Vec<Class>, Error> {
    let mut classes = Vec::new();
    for path in entries(folder)? {
        if let Some(reason) = skip_reason(&path) {
            skipped.add(reason, path);
        } else if path.is_dir() {
            let mut pictures = Vec::new();
            walk(&path, &mut vec![canonical(folder)], &mut pictures, skipped)?;
            if pictures.is_empty() {
                skipped.add(SkipReason::EmptyFolder, path);
            } else {
                let deeper = pictures.iter().filter(|picture| picture.parent() != Some(&path)).count();
                classes.push(Class { folder: path, pictures, deeper });
            }
        } else {
            let reason = if is_picture(&path) { SkipReason::OutsideClasses } else { not_a_picture(&path) };
            skipped.add(reason, path);
        }
    }
    Ok(classes)
}

/// The pictures in a folder and its subfolders, sorted by path. Hidden files, files of the operating system, and links to a folder
/// that contains them are left out.
///
/// # Errors
/// A folder that cannot be read.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut pictures = Vec::new();
    walk(folder, &mut Vec::new(), &mut pictures, &mut Skipped::default())?;
    Ok(pictures)
}

/// Adds the pictures in a folder and its subfolders. `parents` are the folders that contain it.
fn walk(
    folder: &Path,
    parents: &mut Vec<PathBuf>,
    pictures: &mut Vec<PathBuf>,
    skipped: &mut Skipped,
) -> Result<(), Error> {
    let here = canonical(folder);
    if parents.contains(&here) {
        skipped.add(SkipReason::Circle, folder.to_owned());
        return Ok(());
    }
    parents.push(here);
    for path in entries(folder)? {
        if let Some(reason) = skip_reason(&path) {
            skipped.add(reason, path);
        } else if path.is_dir() {
            walk(&path, parents, pictures, skipped)?;
        } else if is_picture(&path) {
            pictures.push(path);
        } else {
            skipped.add(not_a_picture(&path), path);
        }
    }
    parents.pop();
    Ok(())
}

/// The paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let paths = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> =
        paths.map_err(|reason: io::Error| Error { path: folder.to_owned(), problem: reason.into() })?;
    paths.sort();
    Ok(paths)
}

/// A folder's path without links.
fn canonical(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|end| endings.iter().any(|ending| end.eq_ignore_ascii_case(ending)))
}

/// Whether a file is a picture by its name, or by its first bytes.
fn is_picture(path: &Path) -> bool {
    if has_ending(path, &ENDINGS) {
        return true;
    }
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut first));
    // Some signatures are two letters, which may also begin a text.
    let is_binary = first.iter().any(|byte| !byte.is_ascii() || *byte == 0);
    read.is_ok()
        && is_binary
        && matches!(picture::read(&first), Err(problem) if !matches!(problem, picture::Problem::Format(_)))
}

/// The reason to skip an entry, if its name or its type is one.
fn skip_reason(path: &Path) -> Option<SkipReason> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    // A link that leads nowhere has no metadata. Reading it fails later.
    let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    match () {
        () if is_hidden(path) => Some(SkipReason::Hidden),
        () if OF_SYSTEMS.contains(&name.as_str()) => Some(SkipReason::System),
        () if is_special => Some(SkipReason::NoFile),
        () => None,
    }
}

fn not_a_picture(path: &Path) -> SkipReason {
    if has_ending(path, &OTHER_ENDINGS) { SkipReason::OtherFormat } else { SkipReason::NoPicture }
}

/// Whether a folder is a training set (true) or a test set (false), by its name; none for another name.
fn is_training(folder: &Path) -> Option<bool> {
    let name = folder.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let mut words = vec![String::new()];
    let mut before_is_small = false;
    for c in name.chars() {
        if !c.is_alphabetic() || c.is_uppercase() && before_is_small {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut()?.extend(c.to_lowercase());
        }
        before_is_small = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty() && !FILLERS.contains(&word.as_str()));
    let [word] = &words[..] else { return None };
    let is = |words: &[&str]| words.contains(&word.as_str());
    if is(&TRAIN_WORDS) { Some(true) } else { is(&TEST_WORDS).then_some(false) }
}

/// Checks that the folders are not a training and a test set: some are named so and some otherwise, or all are named so and have
/// no pictures of their own.
pub fn check_splits(classes: &[Class]) -> Result<(), Problem> {
    let folders = |is: Option<bool>| {
        let found = classes.iter().map(|class| &class.folder).filter(move |folder| is_training(folder) == is);
        found.cloned().collect::<Vec<PathBuf>>()
    };
    let [train, mut test, others] = [Some(true), Some(false), None].map(folders);
    let are_all = others.is_empty() && classes.iter().all(Class::is_deeper);
    if !are_all && (train.is_empty() || test.is_empty()) {
        return Ok(());
    }
    // A folder named test is preferred to one named val.
    test.sort_by_key(|folder| !folder.to_string_lossy().to_lowercase().contains("test"));
    let (mut train, mut test) = (train.into_iter(), test.into_iter());
    let first = (train.next(), test.next());
    Err(Problem::Splits { train: first.0, test: first.1, others: train.chain(test).chain(others).collect() })
}
