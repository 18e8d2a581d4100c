//! A folder with a folder of pictures for each class.

mod classes;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use classes::{Class, Skipped, check_splits};

pub use classes::pictures;

use super::finish::{Raw, finish};
use super::names::Naming;
use super::picture::{self, Picture};
use super::problem::{Error, Fault, Problem};
use super::remark::{Remark, SkipReason};
use super::source::{Imported, Options};
use crate::data::description::Paper;
use crate::data::limits;
use crate::{memory, threads};

/// Imports a folder with a folder for each class, which holds the class's pictures at any depth. They are sorted by path.
pub(super) fn read(folder: &Path, options: &Options, train: Option<&Imported>) -> Result<Imported, Error> {
    let fail = |problem| Error { path: folder.to_owned(), problem };
    let mut skipped = Skipped::default();
    let classes = classes::find(folder, &mut skipped)?;
    if classes.is_empty() {
        return Err(fail(Problem::NoClasses(skipped.count(SkipReason::OutsideClasses))));
    }
    check_splits(&classes).map_err(fail)?;
    if let ([class], None) = (&classes[..], train) {
        let has_folders = class.is_deeper();
        return Err(fail(Problem::OneClass { folder: class.folder.clone(), has_folders }));
    }
    let mut remarks = Vec::new();
    let names: Vec<String> = classes.iter().map(|class| class.name(&mut remarks)).collect();
    let naming = Naming {
        first_label: options.first_label,
        train: train.map(|train| &train.classes),
        large_numbers_are_names: true,
    };
    let labels = naming.labels(&names).map_err(fail)?;
    remarks.extend(labels.remarks);

    let found: Vec<(u8, &PathBuf)> = classes
        .iter()
        .zip(&labels.labels)
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
            skipped.add(SkipReason::Broken, fault.path);
        }
    }
    let (rows, cols) = size(&pictures, &large, options.size).map_err(fail)?;
    remarks.insert(0, pictures_remark(&pictures, &classes));
    let (full, largest) = scale(&pictures, options.max).map_err(fail)?;
    let paper = paper(&pictures, train.and_then(|train| train.preparation.paper));
    // White paper has the largest value.
    let largest = if let Some((Paper::White, _)) = paper { full } else { largest };
    remarks.push(Remark::Largest { value: largest.into(), full: full.into() });
    remarks.extend(skipped.remarks());
    let deeper: Vec<PathBuf> =
        classes.iter().filter(|class| class.is_deeper()).map(|class| class.folder.clone()).collect();
    if !deeper.is_empty() {
        remarks.push(Remark::Deeper(deeper));
    }
    let count = |is: fn(&Picture) -> bool| pictures.iter().filter(|(_, _, picture)| is(picture)).count();
    let (frames, turned) = (count(|picture| picture.has_more_frames), count(|picture| picture.is_turned));
    remarks.extend((frames > 0).then_some(Remark::Frames(frames)));
    remarks.extend((turned > 0).then_some(Remark::Turned(turned)));
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

fn read_picture(path: &Path) -> Result<Picture, picture::Problem> {
    picture::read(&fs::read(path).map_err(|reason| picture::Problem::Decoder(image::ImageError::IoError(reason)))?)
}

/// A label, and the picture with its path.
type Labelled<'a> = (u8, &'a PathBuf, Picture);

/// The size of all pictures: the given one, or the most frequent one.
fn size(
    pictures: &[Labelled],
    large: &[(&PathBuf, (usize, usize))],
    given: Option<(usize, usize)>,
) -> Result<(usize, usize), Problem> {
    let decoded = pictures.iter().map(|(_, path, picture)| (*path, (picture.rows, picture.cols)));
    let all: Vec<(&PathBuf, (usize, usize))> = decoded.chain(large.iter().copied()).collect();
    let mut counts: Vec<((usize, usize), usize)> = Vec::new();
    for (_, size) in &all {
        match counts.iter_mut().find(|(other, _)| other == size) {
            Some((_, count)) => *count += 1,
            None => counts.push((*size, 1)),
        }
    }
    // Of equally frequent sizes, that of the first picture.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count).map(|(size, _)| *size).ok_or(Problem::Empty)?;
    let expected = given.unwrap_or(most);
    let (rows, cols) = expected;
    limits::pixels(rows, cols).ok_or(Problem::ImageSize { rows, cols })?;
    let others: Vec<Fault> = all
        .iter()
        .filter(|(_, size)| *size != expected)
        .map(|&(path, (rows, cols))| Fault { path: path.clone(), problem: picture::Problem::Size { rows, cols } })
        .collect();
    if others.is_empty() { Ok(expected) } else { Err(Problem::Sizes { expected, faults: others, of: all.len() }) }
}

fn pictures_remark(pictures: &[Labelled], classes: &[Class]) -> Remark {
    let mut formats: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (_, _, picture) in pictures {
        *formats.entry(picture.format).or_default() += 1;
    }
    let deeper = classes.iter().map(|class| class.deeper).sum();
    Remark::Pictures { formats: formats.into_iter().collect(), deeper }
}

/// The value of white, and the largest value. Of pictures with 8 and with 16 bits, those that use less of their scale decide.
fn scale(pictures: &[Labelled], max: Option<u16>) -> Result<(u16, u16), Problem> {
    let greys = || pictures.iter().map(|(_, path, picture)| (path, &picture.grey));
    if let Some(max) = max {
        let full = greys().next().map(|(_, grey)| grey.full());
        if let Some((path, _)) = greys().find(|(_, grey)| Some(grey.full()) != full) {
            return Err(Problem::OtherDepth((*path).clone()));
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

/// The background of transparent pictures, and their count. It is that of the training images, or the one that differs more from
/// the ink.
fn paper(pictures: &[Labelled], train: Option<Paper>) -> Option<(Paper, usize)> {
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

/// The pixels of a picture, with this background where it is transparent.
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

    /// Pictures of 2 x 2 pixels with these paths, each of one grey and black.
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
    fn pictures_are_read_at_any_depth_and_other_entries_have_remarks() {
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
        let remarks: Vec<String> = found
            .remarks
            .iter()
            .map(|remark| remark.to_string().replace(folder.path().to_str().unwrap(), ""))
            .collect();
        for expected in [
            "4 pictures read: 4 PNG; 1 of them in folders below a class's own",
            "largest pixel 230 of 255",
            "skipped, hidden (the name begins with a dot): /.git, /a/.DS_Store, /a/._2.png",
            "skipped, no picture: /b/notes.txt",
            "skipped, a picture of a kind that is not read (convert it to PNG): /b/scan.tif",
            "skipped, a picture beside the folders of the classes: /loose.png",
            "skipped, a folder without a picture, so no class: /none",
        ] {
            assert!(remarks.iter().any(|remark| remark.replace('\\', "/") == expected), "{expected}: {remarks:#?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_circular_link_is_skipped() {
        let folder = folder(&[("a/1.png", 200), ("b/1.png", 200)]);
        std::os::unix::fs::symlink("..", folder.path().join("a/up")).unwrap();
        let found = import(folder.path()).unwrap();
        assert_eq!(found.set.len(), 2);
        let is_circle = |remark: &Remark| matches!(remark, Remark::Skipped { reason: SkipReason::Circle, .. });
        assert!(found.remarks.iter().any(is_circle));
    }

    #[test]
    fn folders_that_are_no_classes_are_refused() {
        let splits = folder(&[("training/0/1.png", 200), ("training/1/1.png", 200), ("testing/0/1.png", 200)]);
        let error = import(splits.path()).unwrap_err();
        assert!(error.contains("training --test ") && error.contains("testing"), "{error}");
        let around = folder(&[("all/0/1.png", 200), ("all/1/1.png", 200)]);
        let error = import(around.path()).unwrap_err();
        assert!(error.contains("give the folder that holds the classes, perhaps") && error.contains("all"), "{error}");
        let error = import(folder(&[("1.png", 9), ("2.png", 9)]).path()).unwrap_err();
        assert!(error.contains("2 pictures beside it"), "{error}");
        for names in [
            ["training_set/a", "test_set/a"],
            ["trainingSet/a", "testSet/a"],
            ["seg_train/a", "seg_test/a"],
            ["train", "test"],
            ["fold1/a", "fold2/a"],
        ] {
            let splits = folder(&names.map(|name| format!("{name}/1.png")).each_ref().map(|name| (name.as_str(), 200)));
            assert!(import(splits.path()).unwrap_err().contains("a training and a test set"), "{names:?}");
        }
        let error = import(
            folder(&[("Train/a/1.png", 200), ("Test/a/1.png", 200), ("val/a/1.png", 200), ("docs/x.png", 9)]).path(),
        )
        .unwrap_err();
        assert!(
            error.contains("Train --test ")
                && error.contains("Test, ")
                && error.contains("val")
                && error.contains("docs"),
            "{error}"
        );
        // One such name alone is a class.
        assert_eq!(import(folder(&[("train/1.png", 200), ("test tube/1.png", 200)]).path()).unwrap().classes.count, 2);
    }

    #[test]
    fn all_faulty_pictures_are_reported_together() {
        let folder = folder(&[("a/1.png", 200), ("a/2.png", 200), ("b/1.png", 200)]);
        fs::write(folder.path().join("a/0.png"), "no picture").unwrap();
        fs::write(folder.path().join("b/9.jpg"), "").unwrap();
        let error = import(folder.path()).unwrap_err();
        assert!(
            error.contains("2 of 5 pictures are broken") && error.contains("0.png") && error.contains("9.jpg"),
            "{error}"
        );
        let skipping = Options { skip_broken: true, ..Options::default() };
        let found = read(folder.path(), &skipping, None).unwrap();
        assert_eq!(found.set.len(), 3);
        let is_broken =
            |remark: &Remark| matches!(remark, Remark::Skipped { reason: SkipReason::Broken, count: 2, .. });
        assert!(found.remarks.iter().any(is_broken));

        image::GrayImage::new(5, 4).save(folder.path().join("a/0.png")).unwrap();
        image::GrayImage::new(100, 80).save(folder.path().join("b/9.png")).unwrap();
        let error = read(folder.path(), &skipping, None).unwrap_err().to_string();
        assert!(error.contains("2 of 5 pictures are not of 2 x 2 pixels") && error.contains("80 x 100"), "{error}");
        let asked = Options { size: Some((4, 5)), ..skipping };
        assert!(
            read(folder.path(), &asked, None).unwrap_err().to_string().contains("4 of 5 pictures are not of 4 x 5")
        );
    }

    #[test]
    fn the_background_of_transparent_pictures_differs_from_the_ink() {
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
    fn another_scale_is_reported_and_can_be_given() {
        let dim = folder(&[("a/1.png", 15), ("b/1.png", 12)]);
        let found = import(dim.path()).unwrap();
        assert!(found.remarks.contains(&Remark::Dark { value: 15.0, full: 255.0, is_given: false }));
        let scaled = read(dim.path(), &Options { max: Some(15), ..Options::default() }, None).unwrap();
        assert_eq!((scaled.set.image(0).unwrap(), scaled.set.image(1).unwrap()[1]), (&[0, 255, 255, 255][..], 204));
        assert_eq!(scaled.preparation.max, Some(15));
        let error = read(dim.path(), &Options { max: Some(14), ..Options::default() }, None).unwrap_err().to_string();
        assert!(error.contains("1.png") && error.contains("15") && error.contains("--max"), "{error}");
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
