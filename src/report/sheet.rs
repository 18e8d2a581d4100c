//! A contact sheet: a picture of some images of a set, with a row for each class, or each with a caption.

use std::path::Path;

use plotters::prelude::*;
use png::ColorType;

use super::plot::{Outcome, PlotError, encode_png, font, write};
use super::set::counts_by_class;
use crate::data::{self, Dataset, Store};
use crate::memory;

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
            let place = [GAP + column * width, GAP + row * height].map(|pixels| pixels * SCALE);
            draw(&mut picture, size[0], &set, drawn, place, SCALE);
            drawn += 1;
        }
    }
    let [width, height] = size.map(|pixels| pixels as u32);
    write(path, encode_png((width, height), ColorType::Grayscale, &picture))?;
    Ok(drawn)
}

/// Draws an image of a set into a picture of this width, with each pixel as a square.
fn draw(picture: &mut [u8], width: usize, set: &Dataset, image: usize, [left, top]: [usize; 2], scale: usize) {
    for (index, &pixel) in set.image(image).unwrap_or_default().iter().enumerate() {
        let x = left + scale * (index % set.cols());
        let y = top + scale * (index / set.cols());
        for line in y..y + scale {
            picture[line * width + x..][..scale].fill(pixel);
        }
    }
}

/// The lines below an image. Of each the beginning is shortened to fit, and the end is kept.
pub type Caption = [(String, String); 3];

/// About the larger side of an image with a caption, in pixels of the sheet.
const SIDE: usize = 112;
/// The width of a caption.
const CAPTION: usize = 150;
/// The height of a line of a caption.
const LINE: usize = 18;
/// The height of its letters.
const LETTERS: usize = 15;
/// The gap around an image with its caption.
const MARGIN: usize = 8;

/// Draws all images of a set, each with a caption.
///
/// # Errors
/// There is no memory for the sheet, or the file cannot be written.
pub fn write_captioned(path: &Path, set: &Dataset, captions: &[Caption]) -> Result<(), SheetError> {
    let scale = (SIDE / set.rows().max(set.cols())).max(1);
    let cell = [
        (set.cols() * scale).max(CAPTION) + MARGIN,
        set.rows() * scale + LINE * captions.first().map_or(0, |caption| caption.len()) + 2 * MARGIN,
    ];
    // About 4:3.
    let columns = (4 * captions.len() * cell[1]).div_ceil(3 * cell[0]).isqrt().clamp(1, captions.len().max(1));
    let width = columns * cell[0] + MARGIN;
    let height = captions.len().div_ceil(columns) * cell[1] + MARGIN;
    let mut picture = memory::room(width * height, "the picture").map_err(data::Error::from)?;
    picture.resize(width * height, PAPER);
    let written = captions.iter().enumerate().try_for_each(|(image, caption)| {
        let left = MARGIN + image % columns * cell[0];
        let top = MARGIN + image / columns * cell[1];
        draw(&mut picture, width, set, image, [left, top], scale);
        let below = top + set.rows() * scale + MARGIN / 2;
        for (line, (beginning, end)) in caption.iter().enumerate() {
            for (row, pixels) in text(beginning, end)?.chunks_exact(CAPTION).enumerate() {
                picture[(below + line * LINE + row) * width + left..][..CAPTION].copy_from_slice(pixels);
            }
        }
        Ok(())
    });
    let encoded = written.and_then(|()| encode_png((width as u32, height as u32), ColorType::Grayscale, &picture));
    Ok(write(path, encoded)?)
}

/// A line of a caption in bright grey, `[LINE, CAPTION]`.
fn text(beginning: &str, end: &str) -> Outcome<Vec<u8>> {
    let style = font(LETTERS as i32)?.color(&RGBColor(230, 230, 230));
    let mut pixels = vec![PAPER; 3 * LINE * CAPTION];
    {
        let page = BitMapBackend::with_buffer(&mut pixels, (CAPTION as u32, LINE as u32)).into_drawing_area();
        // A space at the end of a text has no width of its own.
        let room = CAPTION as u32;
        let mut text = format!("{beginning}{end}");
        let mut kept = beginning.chars().count();
        while page.estimate_text_size(&text, &style)?.0 > room && kept > 0 {
            kept -= 1;
            text = beginning.chars().take(kept).collect::<String>() + "…" + end;
        }
        page.draw(&Text::new(text, (0, 0), &style))?;
        page.present()?;
    }
    Ok(pixels.chunks_exact(3).map(|pixel| pixel[0]).collect())
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
