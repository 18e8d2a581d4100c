//! What `twolayer data info` shows of a set, as tables and as JSON.

use std::fmt::Write;
use std::io;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::data::description::Description;
use crate::data::idx::{self, Kind};
use crate::data::{Dataset, Store, Stores, download};

/// Images that are looked at at a time.
const TOGETHER: usize = 16_384;

/// What a set holds.
#[derive(Clone, Debug, Serialize)]
pub struct SetReport {
    source: String,
    rows: usize,
    cols: usize,
    classes: usize,
    #[serde(flatten)]
    description: Description,
    train: Half,
    test: Half,
}

/// What the training or the test set holds.
#[derive(Clone, Debug, Serialize)]
struct Half {
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
    /// Looks at all images.
    ///
    /// # Errors
    /// When images cannot be read.
    pub fn new(source: &str, stores: &Stores) -> io::Result<Self> {
        let Stores { train, test, classes, description } = stores;
        let half = |set| Half::new(set, *classes);
        let (rows, cols) = train.size();
        let (source, description) = (source.to_owned(), description.clone());
        Ok(Self { source, rows, cols, classes: *classes, description, train: half(train)?, test: half(test)? })
    }

    /// Tables for a person, and one of the images.
    #[must_use]
    pub fn text(&self, set: &Dataset) -> String {
        let Self { source, rows, cols, classes, description, train, test } = self;
        let mut text = format!("{source}: {rows}x{cols} pixels, {classes} classes\n");
        if let Some(preparation) = &description.preparation {
            let _ = writeln!(text, "prepared: {preparation}");
        }
        text.push('\n');
        let table = |header: [&str; 5], rows: Vec<[String; 5]>| {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
            table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
            table.trim_fmt()
        };
        let halves = [("train", train), ("test", test)];
        let row = |(name, half): (&str, &Half)| {
            let used = half.counts.iter().filter(|&&count| count > 0).count();
            let shares = [half.density, half.mean].map(|share| format!("{share:.3}"));
            let [density, mean] = shares;
            [name.to_owned(), half.images.to_string(), used.to_string(), density, mean]
        };
        text += &table(["", "images", "classes used", "pixels not 0", "mean"], halves.map(row).to_vec());
        text += "\n\n";
        let share = |count: usize, half: &Half| format!("{:.1} %", 100.0 * count as f64 / half.images as f64);
        let counts = train.counts.iter().zip(&test.counts).enumerate().map(|(label, (&of_train, &of_test))| {
            let [train_share, test_share] = [share(of_train, train), share(of_test, test)];
            let name = description.names.as_ref().and_then(|names| names.get(label));
            let class = name.map_or(label.to_string(), |name| format!("{label} {name}"));
            [class, of_train.to_string(), train_share, of_test.to_string(), test_share]
        });
        text += &table(["class", "train", "", "test", ""], counts.collect());
        text += "\n\nSHA-256 of the unpacked files\n";
        for (name, Half { images_sha256, labels_sha256, .. }) in halves {
            let _ = writeln!(text, " {name} images  {images_sha256}\n {name} labels  {labels_sha256}");
        }
        if let (Some(image), Some(label)) = (set.image(0), set.labels().first()) {
            let _ = writeln!(text, "\nthe first training image, of class {label}\n{}", drawn(image, *cols));
        }
        text
    }
}

impl Half {
    fn new(set: &Store, classes: usize) -> io::Result<Self> {
        let pixels = set.len() as f64 * set.pixels() as f64;
        let (mut lit, mut sum) = (0, 0);
        let images_sha256 = download::sha256_of(|mut file| {
            let (rows, cols) = set.size();
            idx::write_header(&mut file, Kind::Images, &[set.len(), rows, cols])?;
            for part in set.parts(TOGETHER) {
                let part = part.map_err(io::Error::other)?;
                lit += part.images().iter().filter(|&&pixel| pixel > 0).count();
                sum += part.images().iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
                file.write_all(part.images())?;
            }
            Ok(())
        })?;
        let labels_sha256 = download::sha256_of(|file| idx::write_labels(set.labels(), file))?;
        Ok(Self {
            images: set.len(),
            density: lit as f64 / pixels,
            mean: sum as f64 / pixels / 255.0,
            images_sha256,
            labels_sha256,
            counts: counts_by_class(set.labels(), classes),
        })
    }
}

/// How many labels there are of each class; all are below `classes`.
#[must_use]
pub fn counts_by_class(labels: &[u8], classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for &label in labels {
        counts[usize::from(label)] += 1;
    }
    counts
}

/// Columns that a terminal surely has.
const WIDTH: usize = 80;

/// An image in characters, two a pixel where there is room: so that it is about as wide as it is high.
fn drawn(image: &[u8], cols: usize) -> String {
    const SHADES: &[u8] = b" .:-=+*#%@";
    let times = if 2 * cols <= WIDTH { 2 } else { 1 };
    let mut text = String::new();
    for row in image.chunks(cols) {
        let shade = |&pixel: &u8| char::from(SHADES[usize::from(pixel) * SHADES.len() / 256]);
        let line: String = row.iter().flat_map(|pixel| std::iter::repeat_n(shade(pixel), times)).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Splits;

    #[test]
    fn counts_what_is_there() {
        let train = Dataset::new(vec![0, 255, 0, 0, 51, 0], vec![2, 0, 2], 1, 2).unwrap();
        let test = Dataset::new(vec![0, 0], vec![0], 1, 2).unwrap();
        let splits = Splits::new(train, test).unwrap();
        let report = SetReport::new("here", &splits.clone().into()).unwrap();
        assert_eq!((&report.train.counts[..], report.train.density), (&[1, 0, 2][..], 1.0 / 3.0));
        assert!((report.train.mean - 0.2).abs() < 1e-12 && report.test.mean == 0.0);
        let text = report.text(&splits.train);
        for told in ["here: 1x2 pixels, 3 classes", "0.333", "66.7 %", "of class 2\n  @@\n"] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
}
