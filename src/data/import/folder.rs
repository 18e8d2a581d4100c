//! A folder that has a folder of pictures for each class.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::finish::{Raw, finish};
use super::names::Naming;
use super::picture::{self, ENDINGS, Picture};
use super::problem::{Error, Fault, Problem};
use super::remark::{Remark, Why};
use super::source::{Imported, Options};
use super::text::as_text;
use crate::data::description::Paper;
use crate::data::limits;
use crate::data::locate::is_hidden;
use crate::{memory, threads};

/// What folders are called that are the halves of a set, not classes; and the words that may stand beside.
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
/// Folders and files that systems keep for themselves, in small letters.
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
/// Endings of pictures that are not read.
const OTHER_ENDINGS: [&str; 12] =
    ["tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "svg", "tga", "ico", "psd", "qoi"];

/// Takes over a folder with a folder for each class, in which that class's pictures lie, at any depth, in the order of their
/// paths.
pub(super) fn read(folder: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    let fail = |problem| Error { path: folder.to_owned(), problem };
    let mut entries = Entries::default();
    let classes = entries.classes(folder)?;
    if classes.is_empty() {
        return Err(fail(Problem::NoClasses { pictures: entries.count(Why::OutsideClasses) }));
    }
    check_halves(&classes).map_err(fail)?;
    if let ([class], None) = (&classes[..], train) {
        let is_around = class.is_deeper();
        return Err(fail(Problem::OneClass { folder: class.folder.clone(), is_around }));
    }
    let mut remarks = Vec::new();
    let names: Vec<String> = classes.iter().map(|class| name(&class.folder, &mut remarks)).collect();
    let naming = Naming {
        first_label: options.first_label,
        train: train.map(|train| &train.classes),
        large_numbers_are_names: true,
    };
    let labels = naming.labels(&names).map_err(fail)?;
    remarks.extend(labels.remarks);

    let found: Vec<(u8, &PathBuf)> = classes
        .iter()
        .zip(&labels.of)
        .flat_map(|(class, &label)| class.pictures.iter().map(move |path| (label, path)))
        .collect();
    let read = threads::map(found.iter(), |(_, path)| read_picture(path));
    let (mut pictures, mut large, mut broken) = (Vec::new(), Vec::new(), Vec::new());
    for ((label, path), picture) in found.into_iter().zip(read) {
        match picture {
            Ok(picture) => pictures.push((label, path, picture)),
            Err(picture::Problem::Size { rows, cols }) => large.push((path, (rows, cols))),
            Err(problem) => broken.push(Fault { path: path.clone(), problem }),
        }
    }
    if !broken.is_empty() {
        if !options.skip_broken {
            let of = pictures.len() + large.len() + broken.len();
            return Err(fail(Problem::Broken { faults: broken, of }));
        }
        for fault in broken {
            entries.pass_over(Why::Broken, fault.path);
        }
    }
    let (rows, cols) = size(&pictures, &large, options.size).map_err(fail)?;
    remarks.splice(0..0, [told(&pictures, &classes)]);
    let (full, largest) = scale(&pictures, options.max).map_err(fail)?;
    let paper = paper(&pictures, train.and_then(|train| train.preparation.paper));
    // White paper is as bright as anything.
    let largest = if let Some((Paper::White, _)) = paper { full } else { largest };
    remarks.push(Remark::Largest { value: largest.into(), full: full.into() });
    remarks.extend(entries.remarks());
    let deeper: Vec<PathBuf> =
        classes.iter().filter(|class| class.is_deeper()).map(|class| class.folder.clone()).collect();
    if !deeper.is_empty() {
        remarks.push(Remark::Deeper(deeper));
    }
    let frames = pictures.iter().filter(|(_, _, picture)| picture.has_more_frames).count();
    if frames > 0 {
        remarks.push(Remark::Frames(frames));
    }
    let turned = pictures.iter().filter(|(_, _, picture)| picture.is_turned).count();
    if turned > 0 {
        remarks.push(Remark::Turned(turned));
    }
    remarks.extend(paper.map(|(paper, count)| Remark::Paper { count, paper }));
    let paper = paper.map(|(paper, _)| paper);
    let mut images = memory::room(pictures.len() * rows * cols, "images").map_err(|error| fail(error.into()))?;
    for (_, _, picture) in &pictures {
        images.extend(bytes(picture, options.max, paper.unwrap_or(Paper::Black)));
    }
    let raw = Raw {
        images,
        labels: pictures.iter().map(|(label, _, _)| *label).collect(),
        size: (rows, cols),
        largest: largest.into(),
        full: full.into(),
        paper,
    };
    finish(raw, labels.classes, remarks, options, train).map_err(fail)
}

/// A class's folder and the pictures in it, at any depth.
struct Class {
    folder: PathBuf,
    pictures: Vec<PathBuf>,
    /// How many of them lie in folders below its own.
    deeper: usize,
}

impl Class {
    /// Whether all its pictures lie in folders below its own.
    fn is_deeper(&self) -> bool {
        self.deeper == self.pictures.len()
    }
}

/// What is found in a folder beside the pictures.
#[derive(Default)]
struct Entries {
    passed_over: BTreeMap<Why, Vec<PathBuf>>,
}

impl Entries {
    fn pass_over(&mut self, why: Why, path: PathBuf) {
        self.passed_over.entry(why).or_default().push(path);
    }

    fn count(&self, why: Why) -> usize {
        self.passed_over.get(&why).map_or(0, Vec::len)
    }

    fn remarks(self) -> impl Iterator<Item = Remark> {
        let remark = |(why, examples): (Why, Vec<PathBuf>)| Remark::PassedOver { why, count: examples.len(), examples };
        self.passed_over.into_iter().map(remark)
    }

    /// The folders that hold pictures, in the order of their names.
    fn classes(&mut self, folder: &Path) -> Result<Vec<Class>, Error> {
        let mut classes = Vec::new();
        for path in entries(folder)? {
            if let Some(why) = no_data(&path) {
                self.pass_over(why, path);
            } else if path.is_dir() {
                let mut pictures = Vec::new();
                self.walk(&path, &mut vec![whole(folder)], &mut pictures)?;
                if pictures.is_empty() {
                    self.pass_over(Why::EmptyFolder, path);
                } else {
                    let deeper = pictures.iter().filter(|picture| picture.parent() != Some(&path)).count();
                    classes.push(Class { folder: path, pictures, deeper });
                }
            } else {
                let why = if is_picture(&path) { Why::OutsideClasses } else { not_a_picture(&path) };
                self.pass_over(why, path);
            }
        }
        Ok(classes)
    }

    /// Adds the pictures in a folder and below it. `around` are the folders that it lies in.
    fn walk(&mut self, folder: &Path, around: &mut Vec<PathBuf>, pictures: &mut Vec<PathBuf>) -> Result<(), Error> {
        let here = whole(folder);
        if around.contains(&here) {
            self.pass_over(Why::Circle, folder.to_owned());
            return Ok(());
        }
        around.push(here);
        for path in entries(folder)? {
            if let Some(why) = no_data(&path) {
                self.pass_over(why, path);
            } else if path.is_dir() {
                self.walk(&path, around, pictures)?;
            } else if is_picture(&path) {
                pictures.push(path);
            } else {
                self.pass_over(not_a_picture(&path), path);
            }
        }
        around.pop();
        Ok(())
    }
}

/// The paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let paths = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> =
        paths.map_err(|reason: io::Error| Error { path: folder.to_owned(), problem: reason.into() })?;
    paths.sort();
    Ok(paths)
}

/// A folder by the one path that it has, whatever links lead there.
fn whole(folder: &Path) -> PathBuf {
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
    // Two letters alone make no picture of a text.
    let is_binary = first.iter().any(|byte| !byte.is_ascii() || *byte == 0);
    read.is_ok()
        && is_binary
        && matches!(picture::read(&first), Err(problem) if !matches!(problem, picture::Problem::Format(_)))
}

/// Why an entry is no data of a person's, by its name and kind alone.
fn no_data(path: &Path) -> Option<Why> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    // What cannot be asked, as a link that leads nowhere, is found out when it is read.
    let is_special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    match () {
        () if is_hidden(path) => Some(Why::Hidden),
        () if OF_SYSTEMS.contains(&name.as_str()) => Some(Why::System),
        () if is_special => Some(Why::NoFile),
        () => None,
    }
}

fn not_a_picture(path: &Path) -> Why {
    if has_ending(path, &OTHER_ENDINGS) { Why::OtherFormat } else { Why::NoPicture }
}

/// What a class is called: the name of its folder.
fn name(folder: &Path, remarks: &mut Vec<Remark>) -> String {
    let name = folder.file_name().unwrap_or(OsStr::new(""));
    let (text, is_utf8) = as_text(name.as_encoded_bytes());
    if !is_utf8 {
        remarks.push(Remark::Windows1252(text.clone()));
    }
    text
}

/// Which half of a set a folder is, by its name: true for the training images.
fn half(folder: &Path) -> Option<bool> {
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

/// Checks that the folders are not the halves of a set: named like both, or all of them like halves and without pictures of
/// their own.
fn check_halves(classes: &[Class]) -> Result<(), Problem> {
    let mut of_half = [Vec::new(), Vec::new()];
    for class in classes {
        if let Some(is_train) = half(&class.folder) {
            of_half[usize::from(!is_train)].push(class.folder.clone());
        }
    }
    let are_all = classes.iter().all(|class| class.is_deeper() && half(&class.folder).is_some());
    let [train, mut test] = of_half;
    if !are_all && (train.is_empty() || test.is_empty()) {
        return Ok(());
    }
    // What is called test goes before what is called val.
    test.sort_by_key(|folder| !folder.to_string_lossy().to_lowercase().contains("test"));
    let mut others: Vec<PathBuf> = train.iter().skip(1).chain(test.iter().skip(1)).cloned().collect();
    others.extend(classes.iter().map(|class| class.folder.clone()).filter(|folder| half(folder).is_none()));
    Err(Problem::Halves { train: train.into_iter().next(), test: test.into_iter().next(), others })
}

fn read_picture(path: &Path) -> Result<Picture, picture::Problem> {
    picture::read(&fs::read(path).map_err(|reason| picture::Problem::Decoder(image::ImageError::IoError(reason)))?)
}

type Found<'a> = (u8, &'a PathBuf, Picture);

/// The size of all pictures: the one asked for, or that of most of them.
fn size(
    pictures: &[Found],
    large: &[(&PathBuf, (usize, usize))],
    asked: Option<(usize, usize)>,
) -> Result<(usize, usize), Problem> {
    let ours = pictures.iter().map(|(_, path, picture)| (*path, (picture.rows, picture.cols)));
    let all: Vec<(&PathBuf, (usize, usize))> = ours.chain(large.iter().copied()).collect();
    let mut counts: Vec<((usize, usize), usize)> = Vec::new();
    for (_, size) in &all {
        match counts.iter_mut().find(|(other, _)| other == size) {
            Some((_, count)) => *count += 1,
            None => counts.push((*size, 1)),
        }
    }
    // Of sizes that are as frequent, that of the first picture.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count).map(|(size, _)| *size).ok_or(Problem::Empty)?;
    let expected = asked.unwrap_or(most);
    let (rows, cols) = expected;
    limits::pixels(rows, cols).ok_or(Problem::ImageSize { rows, cols })?;
    let others: Vec<Fault> = all
        .iter()
        .filter(|(_, size)| *size != expected)
        .map(|&(path, (rows, cols))| Fault { path: path.clone(), problem: picture::Problem::Size { rows, cols } })
        .collect();
    if others.is_empty() { Ok(expected) } else { Err(Problem::Sizes { expected, faults: others, of: all.len() }) }
}

/// What was read.
fn told(pictures: &[Found], classes: &[Class]) -> Remark {
    let mut formats: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (_, _, picture) in pictures {
        *formats.entry(picture.format).or_default() += 1;
    }
    let deeper = classes.iter().map(|class| class.deeper).sum();
    Remark::Pictures { formats: formats.into_iter().collect(), deeper }
}

/// White, and the largest value: those of the pictures with 16 bits where there are any that use less of their scale.
fn scale(pictures: &[Found], max: Option<u16>) -> Result<(u16, u16), Problem> {
    let greys = || pictures.iter().map(|(_, path, picture)| (path, &picture.grey));
    if let Some(max) = max {
        let full = greys().next().map(|(_, grey)| grey.full());
        if let Some((path, _)) = greys().find(|(_, grey)| Some(grey.full()) != full) {
            return Err(Problem::OtherDepth { path: (*path).clone() });
        }
        if let Some((path, grey)) = greys().find(|(_, grey)| grey.largest() > max) {
            return Err(Problem::AboveMax { path: (*path).clone(), value: grey.largest(), max });
        }
        return Ok((max, greys().map(|(_, grey)| grey.largest()).max().unwrap_or(0)));
    }
    let scales = [u8::MAX.into(), u16::MAX].map(|full| {
        let largest = greys().filter(|(_, grey)| grey.full() == full).map(|(_, grey)| grey.largest()).max();
        largest.map(|largest| (full, largest))
    });
    let used = |(full, largest): &(u16, u16)| f64::from(*largest) / f64::from(*full);
    let least = scales.into_iter().flatten().min_by(|a, b| used(a).total_cmp(&used(b)));
    Ok(least.unwrap_or((u8::MAX.into(), 0)))
}

/// What to put behind transparent pictures, and how many there are: what the training images have, or what the ink differs
/// from more.
fn paper(pictures: &[Found], train: Option<Paper>) -> Option<(Paper, usize)> {
    let transparent = || pictures.iter().filter_map(|(_, _, picture)| Some((&picture.grey, picture.alpha.as_ref()?)));
    let count = transparent().count();
    if count == 0 {
        return None;
    }
    let (mut ink, mut sum) = (0, 0);
    for (grey, alpha) in transparent() {
        for (value, &alpha) in grey.to_bytes(grey.full()).into_iter().zip(alpha) {
            ink += u64::from(alpha);
            sum += u64::from(alpha) * u64::from(value);
        }
    }
    let is_dark = 2 * sum < ink * u64::from(u8::MAX);
    Some((train.unwrap_or(if is_dark { Paper::White } else { Paper::Black }), count))
}

/// The pixels of one picture, on this paper where it is transparent.
fn bytes(Picture { grey, alpha, .. }: &Picture, max: Option<u16>, paper: Paper) -> Vec<u8> {
    let mut bytes = grey.to_bytes(max.unwrap_or(grey.full()));
    let paper: u32 = match paper {
        Paper::Black => 0,
        Paper::White => u8::MAX.into(),
    };
    for (byte, &alpha) in bytes.iter_mut().zip(alpha.iter().flatten()) {
        let alpha = u32::from(alpha);
        *byte = ((u32::from(*byte) * alpha + paper * (255 - alpha) + 127) / 255) as u8;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use image::ImageFormat;

    use super::*;

    /// Pictures of 2 x 2 pixels, by their paths, all of one grey.
    fn folder(pictures: &[(&str, u8)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for &(name, grey) in pictures {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::GrayImage::from_raw(2, 2, vec![0, grey, grey, grey])
                .unwrap()
                .save_with_format(path, ImageFormat::Png)
                .unwrap();
        }
        folder
    }

    fn import(folder: &Path) -> Result<Imported, String> {
        read(folder, &Options::default(), None).map_err(|error| error.to_string())
    }

    #[test]
    fn pictures_are_read_at_any_depth_and_nothing_is_passed_over_in_silence() {
        let folder = folder(&[
            ("a/2.png", 200),
            ("a/deep/er/1.png", 210),
            ("b/x.PNG", 220),
            ("b/no-ending", 230),
            ("loose.png", 240),
        ]);
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a/.DS_Store"), "").unwrap();
        fs::write(path("a/._2.png"), "").unwrap();
        fs::write(path("b/notes.txt"), "P2 is no picture").unwrap();
        fs::write(path("b/scan.tif"), "").unwrap();
        fs::create_dir(path("none")).unwrap();
        fs::create_dir(path(".git")).unwrap();
        let found = import(folder.path()).unwrap();
        assert_eq!((found.set.len(), found.set.labels()), (4, &[0, 0, 1, 1][..]));
        assert_eq!([0, 1, 2, 3].map(|image| found.set.image(image).unwrap()[3]), [200, 210, 230, 220]);
        let told: Vec<String> = found
            .remarks
            .iter()
            .map(|remark| remark.to_string().replace(folder.path().to_str().unwrap(), ""))
            .collect();
        for expected in [
            "4 pictures read: 4 PNG; 1 of them in folders below a class's own",
            "largest pixel 230 of 255",
            "passed over, hidden (the name begins with a dot): /.git, /a/.DS_Store, /a/._2.png",
            "passed over, no picture: /b/notes.txt",
            "passed over, a picture of a kind that is not read (convert it to PNG): /b/scan.tif",
            "passed over, a picture beside the folders of the classes: /loose.png",
            "passed over, a folder without a picture, so no class: /none",
        ] {
            assert!(told.iter().any(|told| told.replace('\\', "/") == expected), "{expected}: {told:#?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_back_ends() {
        let folder = folder(&[("a/1.png", 200), ("b/1.png", 200)]);
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        let found = import(folder.path()).unwrap();
        assert_eq!(found.set.len(), 2);
        assert!(found.remarks.iter().any(|remark| matches!(remark, Remark::PassedOver { why: Why::Circle, .. })));
    }

    #[test]
    fn folders_that_are_no_classes_are_refused() {
        let halves = folder(&[("training/0/1.png", 200), ("training/1/1.png", 200), ("testing/0/1.png", 200)]);
        let said = import(halves.path()).unwrap_err();
        assert!(said.contains("training --test ") && said.contains("testing"), "{said}");
        let around = folder(&[("all/0/1.png", 200), ("all/1/1.png", 200)]);
        let said = import(around.path()).unwrap_err();
        assert!(said.contains("give the folder that holds the classes, perhaps") && said.contains("all"), "{said}");
        let said = import(folder(&[("1.png", 9), ("2.png", 9)]).path()).unwrap_err();
        assert!(said.contains("2 pictures beside it"), "{said}");
        for names in [
            ["training_set/a", "test_set/a"],
            ["trainingSet/a", "testSet/a"],
            ["seg_train/a", "seg_test/a"],
            ["train", "test"],
            ["fold1/a", "fold2/a"],
        ] {
            let halves = folder(&names.map(|name| format!("{name}/1.png")).each_ref().map(|name| (name.as_str(), 200)));
            assert!(import(halves.path()).unwrap_err().contains("halves of a set"), "{names:?}");
        }
        let said = import(
            folder(&[("Train/a/1.png", 200), ("Test/a/1.png", 200), ("val/a/1.png", 200), ("docs/x.png", 9)]).path(),
        )
        .unwrap_err();
        assert!(
            said.contains("Train --test ") && said.contains("Test, ") && said.contains("val") && said.contains("docs"),
            "{said}"
        );
        // A word of these names alone is a class.
        assert_eq!(import(folder(&[("train/1.png", 200), ("test tube/1.png", 200)]).path()).unwrap().classes.count, 2);
    }

    #[test]
    fn all_that_is_broken_or_of_another_size_is_told_at_once() {
        let folder = folder(&[("a/1.png", 200), ("a/2.png", 200), ("b/1.png", 200)]);
        fs::write(folder.path().join("a/0.png"), "no picture").unwrap();
        fs::write(folder.path().join("b/9.jpg"), "").unwrap();
        let said = import(folder.path()).unwrap_err();
        assert!(
            said.contains("2 of 5 pictures are broken") && said.contains("0.png") && said.contains("9.jpg"),
            "{said}"
        );
        let skipping = Options { skip_broken: true, ..Options::default() };
        let found = read(folder.path(), &skipping, None).unwrap();
        assert_eq!(found.set.len(), 3);
        let is_told = |remark: &Remark| matches!(remark, Remark::PassedOver { why: Why::Broken, count: 2, .. });
        assert!(found.remarks.iter().any(is_told));

        image::GrayImage::new(5, 4).save(folder.path().join("a/0.png")).unwrap();
        image::GrayImage::new(100, 80).save(folder.path().join("b/9.png")).unwrap();
        let said = read(folder.path(), &skipping, None).unwrap_err().to_string();
        assert!(said.contains("2 of 5 pictures are not of 2 x 2 pixels") && said.contains("80 x 100"), "{said}");
        let asked = Options { size: Some((4, 5)), ..skipping };
        assert!(
            read(folder.path(), &asked, None).unwrap_err().to_string().contains("4 of 5 pictures are not of 4 x 5")
        );
    }

    #[test]
    fn transparency_lies_on_what_keeps_the_ink_visible() {
        let saved = |ink: u8| {
            let folder = tempfile::tempdir().unwrap();
            for class in ["a", "b"] {
                fs::create_dir(folder.path().join(class)).unwrap();
                let pixels = vec![ink, 255, 7, 0, ink, 102, 9, 0];
                image::DynamicImage::ImageLumaA8(image::ImageBuffer::from_raw(2, 2, pixels).unwrap())
                    .save(folder.path().join(class).join("1.png"))
                    .unwrap();
            }
            import(folder.path()).unwrap()
        };
        let dark = saved(0);
        assert_eq!((dark.set.image(0).unwrap(), dark.preparation.paper), (&[0, 255, 153, 255][..], Some(Paper::White)));
        let bright = saved(255);
        assert_eq!(
            (bright.set.image(0).unwrap(), bright.preparation.paper),
            (&[255, 0, 102, 0][..], Some(Paper::Black))
        );
    }

    #[test]
    fn another_scale_is_told_and_can_be_given() {
        let dim = folder(&[("a/1.png", 15), ("b/1.png", 12)]);
        let found = import(dim.path()).unwrap();
        assert!(found.remarks.contains(&Remark::Dark { value: 15.0, full: 255.0, is_given: false }));
        let scaled = read(dim.path(), &Options { max: Some(15), ..Options::default() }, None).unwrap();
        assert_eq!((scaled.set.image(0).unwrap(), scaled.set.image(1).unwrap()[1]), (&[0, 255, 255, 255][..], 204));
        assert_eq!(scaled.preparation.max, Some(15));
        let said = read(dim.path(), &Options { max: Some(14), ..Options::default() }, None).unwrap_err().to_string();
        assert!(said.contains("1.png") && said.contains("15") && said.contains("--max"), "{said}");
        let twelve_bits = tempfile::tempdir().unwrap();
        for class in ["0", "1"] {
            fs::create_dir(twelve_bits.path().join(class)).unwrap();
            let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(2, 1, vec![0, 4095]).unwrap();
            picture.save(twelve_bits.path().join(class).join("1.png")).unwrap();
        }
        let found = import(twelve_bits.path()).unwrap();
        assert!(found.remarks.contains(&Remark::Dark { value: 4095.0, full: 65535.0, is_given: false }));
        assert_eq!(found.set.image(0).unwrap(), [0, 16]);
    }
}
