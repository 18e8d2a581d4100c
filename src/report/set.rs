//! The report of `twolayer data info` on a set, as tables and as JSON.

use std::fmt::Write;
use std::io;

use serde::Serialize;

use super::table::plain;
use crate::data::description::Description;
use crate::data::idx::{self, Kind};
use crate::data::{Dataset, Store, Stores, download};
use crate::words::counted;

/// Images that are read together.
const CHUNK: usize = 16_384;

/// The contents of a set.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    source: String,
    rows: usize,
    cols: usize,
    classes: usize,
    #[serde(flatten)]
    description: Description,
    train: Split,
    test: Split,
}

/// The contents of the training or the test split.
#[derive(Clone, Debug, Serialize)]
struct Split {
    images: usize,
    /// Images of each class.
    counts: Vec<usize>,
    /// The share of the pixels that are not 0.
    density: f64,
    /// The mean of all pixels, 0 to 1.
    mean: f64,
    /// SHA-256 of the unpacked IDX files.
    images_sha256: String,
    labels_sha256: String,
}

impl SetReport {
    /// Reads all images.
    ///
    /// # Errors
    /// The images cannot be read.
    pub fn new(source: &str, stores: &Stores) -> io::Result<Self> {
        let Stores { train, test, classes, description } = stores;
        let split = |set| Split::new(set, *classes);
        let (rows, cols) = train.size();
        let (source, description) = (source.to_owned(), description.clone());
        Ok(Self { source, rows, cols, classes: *classes, description, train: split(train)?, test: split(test)? })
    }

    /// Tables, `columns` wide, and the first image of `set`, the training images.
    #[must_use]
    pub fn text(&self, set: &Dataset, columns: usize) -> String {
        let Self { source, rows, cols, classes, description, train, test } = self;
        let mut text = format!("{source}: {rows}x{cols} pixels, {}\n", counted(*classes, "class"));
        if let Some(preparation) = &description.preparation {
            let _ = writeln!(text, "prepared: {preparation}");
        }
        text.push('\n');
        let splits = [("train", train), ("test", test)];
        let row = |(name, split): (&str, &Split)| {
            let used = split.counts.iter().filter(|&&count| count > 0).count();
            let [density, mean] = [split.density, split.mean].map(|share| format!("{share:.3}"));
            [name.to_owned(), split.images.to_string(), used.to_string(), density, mean]
        };
        text += &plain(["", "images", "classes used", "pixels not 0", "mean"], splits.map(row), &[0], columns);
        text += "\n\n";
        let share = |count: usize, split: &Split| format!("{:.1} %", 100.0 * count as f64 / split.images as f64);
        let counts = train.counts.iter().zip(&test.counts).enumerate().map(|(label, (&of_train, &of_test))| {
            let [train_share, test_share] = [share(of_train, train), share(of_test, test)];
            let name = description.names.as_ref().and_then(|names| names.get(label));
            let class = name.map_or(label.to_string(), |name| format!("{label} {name}"));
            [class, of_train.to_string(), train_share, of_test.to_string(), test_share]
        });
        text += &plain(["class", "train", "", "test", ""], counts, &[0], columns);
        let hashes = splits.map(|(name, Split { images_sha256, labels_sha256, .. })| {
            [("images", images_sha256), ("labels", labels_sha256)]
                .map(|(kind, hash)| [format!("{name} {kind}"), hash.clone()])
        });
        let hashes = hashes.into_iter().flatten();
        let _ = writeln!(text, "\n\n{}", plain(["unpacked file", "SHA-256"], hashes, &[0, 1], columns));
        if let (Some(image), Some(label)) = (set.image(0), set.labels().first()) {
            let _ = writeln!(text, "\nthe first training image, of class {label}\n{}", drawn(image, *cols, columns));
        }
        text
    }
}

impl Split {
    fn new(set: &Store, classes: usize) -> io::Result<Self> {
        let pixels = set.len() as f64 * set.pixels() as f64;
        let (mut nonzero, mut sum) = (0, 0);
        let images_sha256 = download::sha256_of(|mut file| {
            let (rows, cols) = set.size();
            idx::write_header(&mut file, Kind::Images, &[set.len(), rows, cols])?;
            for part in set.chunks(CHUNK) {
                let part = part.map_err(io::Error::other)?;
                nonzero += part.images().iter().filter(|&&pixel| pixel > 0).count();
                sum += part.images().iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
                file.write_all(part.images())?;
            }
            Ok(())
        })?;
        let labels_sha256 = download::sha256_of(|file| idx::write_labels(set.labels(), file))?;
        Ok(Self {
            images: set.len(),
            density: nonzero as f64 / pixels,
            mean: sum as f64 / pixels / 255.0,
            images_sha256,
            labels_sha256,
            counts: counts_by_class(set.labels(), classes),
        })
    }
}

/// The number of labels of each class. All labels must be below `classes`.
#[must_use]
pub fn counts_by_class(labels: &[u8], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for &label in labels {
        counts[usize::from(label)] += 1;
    }
    counts
}

/// A table of the classes, `columns` wide: the label, the name, and the number of training and test images.
#[must_use]
pub fn by_class(counts: &[Vec<usize>; 2], description: &Description, columns: usize) -> String {
    let [train, test] = counts;
    let rows = train.iter().zip(test).enumerate().map(|(label, (train, test))| {
        let name = description.names.as_ref().and_then(|names| names.get(label));
        [label.to_string(), name.map_or(label.to_string(), String::clone), train.to_string(), test.to_string()]
    });
    plain(["label", "class", "train", "test"], rows, &[1], columns)
}

/// Draws an image as text, at most `columns` wide. A pixel is two characters, which is about square, or one. In a wide image
/// a square of pixels is one character, for their mean.
pub(super) fn drawn(image: &[u8], cols: usize, columns: usize) -> String {
    const SHADES: &[u8] = b" .:-=+*#%@";
    let times = if 2 * cols <= columns { 2 } else { 1 };
    let side = cols.div_ceil(columns);
    let mut text = String::new();
    let rows: Vec<&[u8]> = image.chunks(cols).collect();
    for rows in rows.chunks(side) {
        let shade = |start: usize| {
            let square = rows.iter().flat_map(|row| &row[start..(start + side).min(cols)]);
            let (sum, count) = square.fold((0, 0), |(sum, count), &pixel| (sum + usize::from(pixel), count + 1));
            char::from(SHADES[sum / count * SHADES.len() / 256])
        };
        let shades = (0..cols).step_by(side).map(shade);
        let line: String = shades.flat_map(|shade| std::iter::repeat_n(shade, times)).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Splits;
    use crate::report::width::width;

    #[test]
    fn a_report_has_counts_density_and_mean() {
        let train = Dataset::new(vec![0, 255, 0, 0, 51, 0], vec![2, 0, 2], 1, 2).unwrap();
        let test = Dataset::new(vec![0, 0], vec![0], 1, 2).unwrap();
        let splits = Splits::new(train, test).unwrap();
        let report = SetReport::new("here", &splits.clone().into()).unwrap();
        assert_eq!((&report.train.counts[..], report.train.density), (&[1, 0, 2][..], 1.0 / 3.0));
        assert!((report.train.mean - 0.2).abs() < 1e-12 && report.test.mean == 0.0);
        let text = report.text(&splits.train, 80);
        for part in ["here: 1x2 pixels, 3 classes", "0.333", "66.7 %", "of class 2\n  @@\n"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn no_line_is_too_wide() {
        let name = |class: usize| ["くつした".repeat(60), "n".repeat(255), "two words".to_owned()][class % 3].clone();
        for (rows, cols) in [(1, 4096), (64, 64), (28, 28), (4096, 1)] {
            let set = |count: usize| {
                let labels = (0..count).map(|image| image as u8).collect();
                Dataset::new(vec![200; count * rows * cols], labels, rows, cols).unwrap()
            };
            let description = Description { names: Some((0..255).map(name).collect()), preparation: None };
            let splits = Splits::described(set(255), set(3), 255, description).unwrap();
            let report = SetReport::new("here", &splits.clone().into()).unwrap();
            for columns in [60, 80, 120] {
                let text = report.text(&splits.train, columns);
                let widest = text.lines().map(width).max();
                assert!(widest <= Some(columns), "{columns}\n{text}");
            }
        }
    }

    #[test]
    fn an_image_is_scaled_to_the_columns() {
        let image = [0, 255, 0, 255, 0, 0, 255, 255];
        assert_eq!(drawn(&image, 4, 8), "  @@  @@\n    @@@@\n");
        assert_eq!(drawn(&image, 4, 7), " @ @\n  @@\n");
        assert_eq!(drawn(&image, 4, 3), ":#\n");
        assert_eq!(drawn(&[255, 255, 255], 3, 2), "@@\n");
    }
}
