//! Images from elsewhere: folders of PNG files, or lines of numbers.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::dataset::{self, Dataset, MAX_CLASSES, MAX_PIXELS};

/// Why images cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file or the folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with images from elsewhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The system failed.
    #[error("cannot be read ({0}); check it")]
    Io(#[from] io::Error),
    /// A folder without folders of images.
    #[error("holds no folder of .png files; give a folder that has one for each class")]
    NoClasses,
    /// More folders than there may be classes.
    #[error("holds {0} folders, but there may be {MAX_CLASSES} classes; give fewer")]
    Classes(usize),
    /// A file that is no PNG, or a broken one.
    #[error("is no whole PNG file ({0}); write it anew")]
    Png(#[from] png::DecodingError),
    /// A palette that ends within a colour.
    #[error("has a palette of {0} bytes, three a colour; write it anew")]
    Palette(usize),
    /// An image of another size than the others.
    #[error(
        "has {} x {} pixels (rows x columns) where the images before have {} x {}; give images of one size",
        found.0, found.1, expected.0, expected.1
    )]
    Size {
        /// Its rows and columns.
        found: (usize, usize),
        /// Those of the images before.
        expected: (usize, usize),
    },
    /// An image that is too large, or of no pixel.
    #[error("has images of {rows} x {cols} pixels; give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
    },
    /// A line that is not a label and its pixels.
    #[error(
        "line {line}: {found:?} is no whole number from 0 to {most}; each line is a label, then the pixels from 0 to 255"
    )]
    Number {
        /// Which line, from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// The largest that may.
        most: u8,
    },
    /// A line with fewer or more pixels than there should be.
    #[error("line {line} has {found} pixels where {expected} are expected; give all lines the same")]
    Pixels {
        /// Which line, from 1.
        line: usize,
        /// Its pixels.
        found: usize,
        /// Those of an image.
        expected: usize,
    },
    /// So many pixels that they are no square, and no size was given.
    #[error("has {0} pixels a line, which are no square; give the size of an image")]
    NotSquare(usize),
    /// The file holds nothing.
    #[error("holds no image; give one that holds at least one")]
    Empty,
    /// What came out is no set.
    #[error(transparent)]
    Set(#[from] super::Error),
}

/// Images with their labels, and what the classes are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The images.
    pub set: Dataset,
    /// The name of each class, if they have any.
    pub classes: Option<Vec<String>>,
}

/// Takes over a folder with a folder for each class, which holds that class's .png files, in the order of the names. Where
/// all names are numbers from 0 to 254, these are the labels; else the labels count the names in their order. Colours become
/// grey (by ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B), what is transparent becomes black.
///
/// # Errors
/// When a file cannot be read, is no PNG or has another size than the first.
pub fn from_folder(folder: &Path) -> Result<Imported, Error> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |reason: io::Error| Error { path, problem: reason.into() }
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        if entry.path().is_dir() && !png_files(&entry.path()).map_err(at(&entry.path()))?.is_empty() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let fail = |problem| Error { path: folder.to_owned(), problem };
    if names.is_empty() {
        return Err(fail(Problem::NoClasses));
    }
    if names.len() > MAX_CLASSES {
        return Err(fail(Problem::Classes(names.len())));
    }
    names.sort();
    let numbers: Option<Vec<u8>> =
        names.iter().map(|name| name.parse().ok().filter(|&label| usize::from(label) < MAX_CLASSES)).collect();
    let (labels_of, classes) = match numbers {
        Some(numbers) => (numbers, None),
        None => ((0..names.len()).map(|label| label as u8).collect(), Some(names.clone())),
    };
    let (mut images, mut labels, mut size) = (Vec::new(), Vec::new(), None);
    for (name, label) in names.iter().zip(labels_of) {
        let class = folder.join(name);
        for path in png_files(&class).map_err(at(&class))? {
            let fail = |problem| Error { path: path.clone(), problem };
            let Grey { rows, cols, pixels } = File::open(&path)
                .map_err(Problem::from)
                .and_then(|file| read_png(BufReader::new(file)))
                .map_err(fail)?;
            let expected = *size.get_or_insert((rows, cols));
            if expected != (rows, cols) {
                return Err(fail(Problem::Size { found: (rows, cols), expected }));
            }
            images.extend(pixels);
            labels.push(label);
        }
    }
    let (rows, cols) = size.unwrap_or_default();
    let set = Dataset::new(images, labels, rows, cols).map_err(|error| fail(error.into()))?;
    Ok(Imported { set, classes })
}

/// The .png files of a folder, in the order of their names.
fn png_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// One grey image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grey {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// `[rows, cols]`, row-major.
    pub pixels: Vec<u8>,
}

/// Decodes a PNG image of any kind to grey.
///
/// # Errors
/// When it is no whole PNG, or has no pixel or more than [`MAX_PIXELS`]; that is seen before any is decoded.
pub fn read_png(input: impl BufRead + io::Seek) -> Result<Grey, Problem> {
    let mut decoder = png::Decoder::new(input);
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info()?;
    let (rows, cols) = (reader.info().height as usize, reader.info().width as usize);
    dataset::pixels(rows, cols).ok_or(Problem::ImageSize { rows, cols })?;
    // The decoder would panic.
    if let Some(palette) = reader.info().palette.as_ref().filter(|palette| !palette.len().is_multiple_of(3)) {
        return Err(Problem::Palette(palette.len()));
    }
    let mut bytes = vec![0; reader.output_buffer_size().ok_or(Problem::ImageSize { rows, cols })?];
    let frame = reader.next_frame(&mut bytes)?;
    let channels = frame.color_type.samples();
    let grey = |pixel: &[u8]| match *pixel {
        [grey] => u32::from(grey),
        [grey, alpha] => over_black(grey, alpha),
        [red, green, blue, alpha] => luma([red, green, blue].map(|colour| over_black(colour, alpha))),
        [red, green, blue, ..] => luma([red, green, blue].map(u32::from)),
        [] => 0,
    };
    let pixels = bytes[..frame.buffer_size()].chunks_exact(channels).map(|pixel| grey(pixel) as u8).collect();
    Ok(Grey { rows, cols, pixels })
}

fn over_black(value: u8, alpha: u8) -> u32 {
    (u32::from(value) * u32::from(alpha) + 127) / 255
}

fn luma([red, green, blue]: [u32; 3]) -> u32 {
    (299 * red + 587 * green + 114 * blue + 500) / 1000
}

/// Takes over lines of numbers with commas between: a label, then an image's pixels from 0 to 255, row by row. A first line
/// that does not begin with a number is passed over. `size` is that of an image, rows and columns; without it images are
/// squares.
///
/// # Errors
/// When the file cannot be read or a line is something else.
pub fn from_csv(path: &Path, size: Option<(usize, usize)>) -> Result<Imported, Error> {
    let fail = |problem| Error { path: path.to_owned(), problem };
    let file = File::open(path).map_err(|reason| fail(reason.into()))?;
    let set = read_csv(BufReader::new(file), size).map_err(fail)?;
    Ok(Imported { set, classes: None })
}

/// Decodes what [`from_csv`] reads.
///
/// # Errors
/// As [`from_csv`].
pub fn read_csv(input: impl BufRead, size: Option<(usize, usize)>) -> Result<Dataset, Problem> {
    const MOST_LABEL: u8 = MAX_CLASSES as u8 - 1;
    let number = |line: usize, word: &str, most: u8| match word.trim().parse::<u8>() {
        Ok(value) if value <= most => Ok(value),
        _ => Err(Problem::Number { line, found: word.trim().chars().take(20).collect(), most }),
    };
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    let mut expected = size.map(|(rows, cols)| rows.saturating_mul(cols));
    for (line, text) in (1..).zip(input.lines()) {
        let text = text?;
        let mut words = text.split(',');
        let first = words.next().unwrap_or_default();
        let is_heading = line == 1 && !first.trim().starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if text.trim().is_empty() || is_heading {
            continue;
        }
        labels.push(number(line, first, MOST_LABEL)?);
        let before = images.len();
        for word in words {
            images.push(number(line, word, u8::MAX)?);
        }
        let found = images.len() - before;
        let expected = *expected.get_or_insert(found);
        if found != expected {
            return Err(Problem::Pixels { line, found, expected });
        }
    }
    let pixels = expected.filter(|_| !labels.is_empty()).ok_or(Problem::Empty)?;
    let side = pixels.isqrt();
    let (rows, cols) = match size {
        Some(size) => size,
        None if side * side == pixels => (side, side),
        None => return Err(Problem::NotSquare(pixels)),
    };
    dataset::pixels(rows, cols).ok_or(Problem::ImageSize { rows, cols })?;
    Ok(Dataset::new(images, labels, rows, cols)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn png(color: png::ColorType, depth: png::BitDepth, (rows, cols): (u32, u32), bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, cols, rows);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
        out
    }

    fn grey(bytes: &[u8]) -> Vec<u8> {
        read_png(Cursor::new(bytes)).unwrap().pixels
    }

    #[test]
    fn every_kind_of_png_becomes_grey() {
        use png::{BitDepth, ColorType};
        let eight = |color, bytes: &[u8]| grey(&png(color, BitDepth::Eight, (1, 2), bytes));
        assert_eq!(eight(ColorType::Grayscale, &[3, 250]), [3, 250]);
        assert_eq!(eight(ColorType::GrayscaleAlpha, &[200, 255, 200, 0]), [200, 0]);
        assert_eq!(eight(ColorType::Rgb, &[255, 0, 0, 255, 255, 255]), [76, 255]);
        assert_eq!(eight(ColorType::Rgba, &[0, 255, 0, 255, 255, 255, 255, 51]), [150, 51]);
        assert_eq!(grey(&png(ColorType::Grayscale, BitDepth::Sixteen, (2, 1), &[128, 7, 255, 255])), [128, 255]);
        assert_eq!(grey(&png(ColorType::Grayscale, BitDepth::One, (1, 3), &[0b1010_0000])), [255, 0, 255]);
        let size = read_png(Cursor::new(png(ColorType::Grayscale, BitDepth::Eight, (2, 3), &[0; 6]))).unwrap();
        assert_eq!((size.rows, size.cols), (2, 3));
    }

    #[test]
    fn a_png_is_refused_for_what_it_says_before_it_is_decoded() {
        let large = png(png::ColorType::Grayscale, png::BitDepth::Eight, (65, 64), &[0; 65 * 64]);
        assert!(matches!(read_png(Cursor::new(&large)), Err(Problem::ImageSize { rows: 65, cols: 64 })));
        let small = png(png::ColorType::Grayscale, png::BitDepth::Eight, (8, 8), &[9; 64]);
        for end in 0..small.len() - 12 {
            assert!(read_png(Cursor::new(&small[..end])).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_palette_that_ends_within_a_colour_is_refused() {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, 2, 1);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::One);
        encoder.set_palette(&[0, 0, 0, 255, 255, 255, 9, 9][..]);
        encoder.write_header().unwrap().write_image_data(&[0b0100_0000]).unwrap();
        assert!(matches!(read_png(Cursor::new(&out)), Err(Problem::Palette(8))));
    }

    #[test]
    fn lines_of_numbers_are_images() {
        let read = |text: &str, size| read_csv(text.as_bytes(), size);
        let expected = Dataset::new(vec![1, 2, 3, 4, 5, 6, 7, 255], vec![7, 0], 2, 2).unwrap();
        for text in ["7,1,2,3,4\n0,5,6,7,255\n", "label,a,b,c,d\n7, 1,2,3,4\r\n0,5,6,7,255", "7,1,2,3,4\n\n0,5,6,7,255"]
        {
            assert_eq!(read(text, None).unwrap(), expected, "{text:?}");
        }
        assert_eq!(read("3,1,2", Some((1, 2))).unwrap().rows(), 1);
        assert!(matches!(read("3,1,2", None), Err(Problem::NotSquare(2))));
        assert!(matches!(read("", None), Err(Problem::Empty)));
        assert!(matches!(read("label,pixel", None), Err(Problem::Empty)));
        assert!(matches!(read("3", None), Err(Problem::ImageSize { .. })));
        assert!(matches!(read("1,2\n1,2,3", None), Err(Problem::Pixels { line: 2, found: 2, expected: 1 })));
        for (text, wrong) in
            [("255,1", "255"), ("1,256", "256"), ("1,-1", "-1"), ("1,x", "x"), ("-1,1", "-1"), ("1,", "")]
        {
            match read(text, None) {
                Err(Problem::Number { line: 1, found, .. }) => assert_eq!(found, wrong),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), place in 8..60_usize, value: u8) {
            let _ = read_png(Cursor::new(&bytes));
            let _ = read_csv(&bytes[..], None);
            let mut image = png(png::ColorType::Rgb, png::BitDepth::Eight, (4, 4), &[7; 48]);
            if let Some(byte) = image.get_mut(place) {
                *byte = value;
            }
            let _ = read_png(Cursor::new(&image));
        }

        #[test]
        fn numbers_with_anything_between_do_not_make_it_panic(text in "[0-9,\n -]{0,100}") {
            let _ = read_csv(text.as_bytes(), None);
        }
    }
}
