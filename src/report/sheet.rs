//! A contact sheet: some images of a set in one picture, a row a class.

use std::io;
use std::path::Path;

use super::plot::PlotError;
use crate::data::Dataset;
use crate::files::write_whole;

/// Times that a pixel is drawn larger.
const SCALE: usize = 2;
/// Pixels of a set between two images.
const GAP: usize = 2;
/// Between images.
const PAPER: u8 = 48;

/// Draws up to `count` images of a set, as many of each class, in file order: a class a row. Returns how many there are.
///
/// # Errors
/// A file that cannot be written.
pub fn write_sheet(path: &Path, set: &Dataset, count: usize) -> Result<usize, PlotError> {
    let rows = by_class(set, count);
    let (width, height) = (set.cols() + GAP, set.rows() + GAP);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let size = [columns * width + GAP, rows.len() * height + GAP].map(|pixels| pixels * SCALE);
    let mut picture = vec![PAPER; size[0] * size[1]];
    for (row, images) in rows.iter().enumerate() {
        for (column, &image) in images.iter().enumerate() {
            let pixels = set.image(image).unwrap_or_default();
            for (place, &pixel) in pixels.iter().enumerate() {
                let x = SCALE * (GAP + column * width + place % set.cols());
                let y = SCALE * (GAP + row * height + place / set.cols());
                for line in y..y + SCALE {
                    picture[line * size[0] + x..][..SCALE].fill(pixel);
                }
            }
        }
    }
    let encode = |out: &mut dyn io::Write| {
        let mut encoder = png::Encoder::new(out, size[0] as u32, size[1] as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header()?.write_image_data(&picture)
    };
    write_whole(path, |out| encode(out).map_err(io::Error::other))
        .map_err(|error| PlotError::Write(path.to_owned(), error))?;
    Ok(rows.iter().map(Vec::len).sum())
}

/// The first images of each class that has any.
fn by_class(set: &Dataset, count: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); usize::from(u8::MAX) + 1];
    let mut classes: Vec<u8> = set.labels().to_vec();
    classes.sort_unstable();
    classes.dedup();
    let each = count.div_ceil(classes.len().max(1));
    for (image, &label) in set.labels().iter().enumerate() {
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

    #[test]
    fn a_class_is_a_row() {
        let labels = vec![3, 0, 3, 7, 0, 0, 3];
        let set = Dataset::new((0..14).collect(), labels, 1, 2).unwrap();
        assert_eq!(by_class(&set, 6), [vec![1, 4], vec![0, 2], vec![3]]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        assert_eq!(write_sheet(&path, &set, 6).unwrap(), 5);
        let found = crate::data::import::read_png(io::Cursor::new(std::fs::read(&path).unwrap())).unwrap();
        assert_eq!((found.rows, found.cols), (2 * (3 * 3 + 2), 2 * (2 * 4 + 2)));
        // The second image of class 3, whose pixels are 4 and 5, in the second row.
        let at = |x: usize, y: usize| found.pixels[y * found.cols + x];
        assert_eq!([at(12, 10), at(13, 11), at(14, 10), at(16, 10), at(12, 9)], [4, 4, 5, PAPER, PAPER]);
        // Nothing where class 7 has no second image.
        assert_eq!(at(12, 16), PAPER);
    }
}
