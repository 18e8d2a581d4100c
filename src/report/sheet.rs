//! A contact sheet: a picture of some images of a set, with a row for each class.

use std::path::Path;

use png::ColorType;

use super::plot::{PlotError, encode_png, write};
use super::set::counts_by_class;
use crate::data::{self, Store};

/// A sheet cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The images cannot be read.
    #[error(transparent)]
    Images(#[from] data::Error),
    /// The picture cannot be written.
    #[error(transparent)]
    Picture(#[from] PlotError),
}

/// The side of the square that a pixel is drawn as.
const SCALE: usize = 2;
/// The gap between two images, in pixels of an image.
const GAP: usize = 2;
/// The grey of the gaps.
const PAPER: u8 = 48;

/// Draws about `count` images of a set, the same number of each class, in file order. Each class is a row. Returns the number
/// of images drawn.
///
/// # Errors
/// The images cannot be read, or the file cannot be written.
pub fn write_sheet(path: &Path, store: &Store, count: usize) -> Result<usize, SheetError> {
    let rows = by_class(store.labels(), count);
    let set = store.gather(&rows.concat())?;
    let (width, height) = (set.cols() + GAP, set.rows() + GAP);
    let mut drawn = 0;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let size = [columns * width + GAP, rows.len() * height + GAP].map(|pixels| pixels * SCALE);
    let mut picture = vec![PAPER; size[0] * size[1]];
    for (row, images) in rows.iter().enumerate() {
        for column in 0..images.len() {
            let pixels = set.image(drawn).unwrap_or_default();
            drawn += 1;
            for (index, &pixel) in pixels.iter().enumerate() {
                let x = SCALE * (GAP + column * width + index % set.cols());
                let y = SCALE * (GAP + row * height + index / set.cols());
                for line in y..y + SCALE {
                    picture[line * size[0] + x..][..SCALE].fill(pixel);
                }
            }
        }
    }
    let [width, height] = size.map(|pixels| pixels as u32);
    write(path, encode_png((width, height), ColorType::Grayscale, &picture))?;
    Ok(drawn)
}

/// The indices of the first images of each class. Classes without images are left out.
fn by_class(labels: &[u8], count: usize) -> Vec<Vec<u32>> {
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); usize::from(u8::MAX) + 1];
    let classes = counts_by_class(labels, rows.len()).into_iter().filter(|count| *count > 0).count();
    let each = count.div_ceil(classes.max(1));
    for (image, &label) in (0..).zip(labels) {
        let row = &mut rows[usize::from(label)];
        if row.len() < each {
            row.push(image);
        }
    }
    rows.retain(|row| !row.is_empty());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    #[test]
    fn a_class_is_a_row() {
        let labels = vec![3, 0, 3, 7, 0, 0, 3];
        let set = Dataset::new((0..14).collect(), labels, 1, 2).unwrap();
        assert_eq!(by_class(set.labels(), 6), [vec![1, 4], vec![0, 2], vec![3]]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        assert_eq!(write_sheet(&path, &Store::Memory(set), 6).unwrap(), 5);
        let found = crate::data::import::picture::read(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!((found.rows, found.cols), (2 * (3 * 3 + 2), 2 * (2 * 4 + 2)));
        // The second row, class 3: its second image has the pixels 4 and 5.
        let at = |x: usize, y: usize| found.grey.to_bytes(255)[y * found.cols + x];
        assert_eq!([at(12, 10), at(13, 11), at(14, 10), at(16, 10), at(12, 9)], [4, 4, 5, PAPER, PAPER]);
        // Class 7 has no second image.
        assert_eq!(at(12, 16), PAPER);
    }
}
