//! Decoding and encoding of IDX: images and labels.

use std::io::{self, Read, Write};

use byteorder::{BigEndian, ReadBytesExt, WriteBytesExt};

use super::error::{Contents, Element, Error, Kind};
use crate::NoMemory;
use crate::data::dataset::Dataset;
use crate::data::error::Error as SetError;
use crate::data::gzip::unpacked;
use crate::data::limits::{self, MAX_CLASSES};
use crate::data::sniff::file_kind;

/// The content of a file of images.
#[derive(Debug, PartialEq, Eq)]
pub struct Images {
    /// Rows of one image.
    pub rows: usize,
    /// Columns of one image.
    pub cols: usize,
    /// All pixels, `[count, rows, cols]` row-major.
    pub pixels: Vec<u8>,
}

/// Decodes images, at least one, of 1 to [`MAX_PIXELS`](crate::data::MAX_PIXELS) pixels each.
///
/// # Errors
/// When `input` is not one complete IDX file of images.
pub fn read_images(mut input: impl Read) -> Result<Images, Error> {
    let Header { count, rows, cols } = read_image_header(&mut input)?;
    let pixels = read_body(input, u64::from(count) * (rows * cols) as u64)?;
    Ok(Images { rows, cols, pixels })
}

/// The header of a file of images.
pub(super) struct Header {
    pub count: u32,
    pub rows: usize,
    pub cols: usize,
}

/// Reads a header of images. A fourth dimension of 1, the colour channel of some frameworks, is accepted.
pub(super) fn read_image_header(input: &mut impl Read) -> Result<Header, Error> {
    let contents = read_contents(input, Kind::Images)?;
    let (count, rows, cols) = match (contents.element, &contents.dims[..]) {
        (Element::U8, &[count, rows, cols] | &[count, rows, cols, 1] | &[count, 1, rows, cols]) => (count, rows, cols),
        (Element::U8, [_]) => return Err(Error::Swapped { expected: Kind::Images, found: Kind::Labels }),
        _ => return Err(Error::Contents { expected: Kind::Images, contents }),
    };
    let (rows, cols) = (rows as usize, cols as usize);
    if count == 0 {
        return Err(Error::Empty(Kind::Images));
    }
    limits::pixels(rows, cols).ok_or(Error::ImageSize { rows, cols })?;
    Ok(Header { count, rows, cols })
}

/// Columns of QMNIST's extended labels. The first is the class.
const QMNIST_COLUMNS: u32 = 8;

/// Decodes labels, at least one: unsigned bytes, or integers of that range, or QMNIST's extended labels
/// (<https://github.com/facebookresearch/qmnist>: 8 integers an image, of which the first is the class).
///
/// # Errors
/// When `input` is not one complete IDX file of labels.
pub fn read_labels(mut input: impl Read) -> Result<Vec<u8>, Error> {
    use Element::{F32, F64, I8, I16, I32, U8};
    let contents = read_contents(&mut input, Kind::Labels)?;
    let columns = match (contents.element, &contents.dims[..]) {
        (U8, [_, _, _]) => return Err(Error::Swapped { expected: Kind::Labels, found: Kind::Images }),
        (U8 | I8 | I16 | I32, [_] | [_, 1]) => 1,
        (I32, &[_, QMNIST_COLUMNS]) => QMNIST_COLUMNS as usize,
        _ => return Err(Error::Contents { expected: Kind::Labels, contents }),
    };
    if contents.dims[0] == 0 {
        return Err(Error::Empty(Kind::Labels));
    }
    // No overflow: at most 8 numbers of 4 bytes for each of a u32.
    let body = read_body(input, contents.body_bytes().unwrap_or(u64::MAX))?;
    let element = contents.element;
    if element == U8 {
        return Ok(body);
    }
    let size = element.size() as usize;
    let number = |bytes: &[u8]| match element {
        I8 => i32::from(bytes[0].cast_signed()),
        I16 => i32::from(i16::from_be_bytes([bytes[0], bytes[1]])),
        I32 | U8 | F32 | F64 => i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    };
    let label = |(index, image): (usize, &[u8])| {
        let value = number(image);
        let label = u8::try_from(value).ok().filter(|&label| usize::from(label) < MAX_CLASSES);
        label.ok_or(Error::LabelRange { index, value })
    };
    body.chunks_exact(size * columns).enumerate().map(label).collect()
}

/// Makes a set from the bytes of two IDX files, of images and of their labels, each raw or compressed with gzip.
///
/// # Errors
/// [`SetError::Bytes`] as [`read_images`] and [`read_labels`]; and as [`Dataset::new`].
pub fn read_set(images: &[u8], labels: &[u8]) -> Result<Dataset, SetError> {
    let of = |kind| move |reason| SetError::Bytes { kind, reason };
    let images = unpacked(images).map_err(Error::Io).and_then(read_images).map_err(of(Kind::Images))?;
    let labels = unpacked(labels).map_err(Error::Io).and_then(read_labels).map_err(of(Kind::Labels))?;
    Dataset::new(images.pixels, labels, images.rows, images.cols)
}

/// The most dimensions of an IDX file. A file with more is no IDX file.
const MAX_DIMENSIONS: u8 = 8;

/// Reads the magic number and the sizes.
fn read_contents(input: &mut impl Read, expected: Kind) -> Result<Contents, Error> {
    let found = read_header_number(input)?;
    let [zero, also_zero, element, dimensions] = found.to_be_bytes();
    let element = Element::ALL.into_iter().find(|&known| known as u8 == element);
    let (0, 0, Some(element), 1..=MAX_DIMENSIONS) = (zero, also_zero, element, dimensions) else {
        let mut first = found.to_be_bytes().to_vec();
        // These bytes only name the file's kind, so a failure to read them does not matter.
        let _ = input.take(60).read_to_end(&mut first);
        return Err(Error::Magic { expected, found, kind: file_kind(&first) });
    };
    let dims = (0..dimensions).map(|_| read_header_number(input)).collect::<Result<_, _>>()?;
    Ok(Contents { element, dims })
}

fn read_header_number(input: &mut impl Read) -> Result<u32, Error> {
    input.read_u32::<BigEndian>().map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Header,
        _ => Error::Io(error),
    })
}

/// Reads the `expected` bytes after the header, and checks that no others follow.
fn read_body(mut input: impl Read, expected: u64) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    match input.by_ref().take(expected).read_to_end(&mut body) {
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            return Err(NoMemory { bytes: usize::try_from(expected).unwrap_or(usize::MAX), what: "a file" }.into());
        }
        // A truncated gzip stream has this error; it becomes `Truncated` below.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(Error::Io(error)),
        _ => {}
    }
    let found = body.len() as u64;
    if found < expected {
        return Err(Error::Truncated { expected, found });
    }
    // Reading up to the end also makes the gzip decoder check the checksum.
    if io::copy(&mut input.take(1), &mut io::sink())? > 0 {
        return Err(Error::Trailing(expected));
    }
    Ok(body)
}

/// Encodes the images of a set.
///
/// # Errors
/// When `out` fails, or the count of images exceeds `u32`.
pub fn write_images(set: &Dataset, mut out: impl Write) -> io::Result<()> {
    write_header(&mut out, Kind::Images, &[set.len(), set.rows(), set.cols()])?;
    out.write_all(set.images())
}

/// Encodes labels.
///
/// # Errors
/// When `out` fails, or the count of labels exceeds `u32`.
pub fn write_labels(labels: &[u8], mut out: impl Write) -> io::Result<()> {
    write_header(&mut out, Kind::Labels, &[labels.len()])?;
    out.write_all(labels)
}

/// Encodes a header. The sizes are the count of images, rows and columns, or the count of labels.
///
/// # Errors
/// When `out` fails, or a size exceeds `u32`.
pub fn write_header(mut out: impl Write, kind: Kind, sizes: &[usize]) -> io::Result<()> {
    out.write_u32::<BigEndian>(kind as u32)?;
    for &size in sizes {
        let size = u32::try_from(size).map_err(io::Error::other)?;
        out.write_u32::<BigEndian>(size)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::data::gzip::{self, tests::gzip as compressed};
    use crate::data::idx::{ImageFile, read_images_file};
    use proptest::prelude::*;

    /// Two images of 1x3 pixels, labelled 4 and 7.
    fn small() -> Dataset {
        Dataset::new(vec![1, 2, 3, 4, 5, 6], vec![4, 7], 1, 3).unwrap()
    }

    fn image_bytes(set: &Dataset) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_images(set, &mut bytes).unwrap();
        bytes
    }

    fn label_bytes(set: &Dataset) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_labels(set.labels(), &mut bytes).unwrap();
        bytes
    }

    /// A file of this element type with these sizes and elements.
    fn file(element: Element, dims: &[u32], body: &[u8]) -> Vec<u8> {
        let header = [0, 0, element as u8, dims.len() as u8];
        [&header[..], &dims.iter().flat_map(|size| size.to_be_bytes()).collect::<Vec<_>>(), body].concat()
    }

    /// A header of images with nothing after it.
    fn image_header(count: u32, rows: u32, cols: u32) -> Vec<u8> {
        file(Element::U8, &[count, rows, cols], &[])
    }

    /// Reads `bytes` as a file of images called `name`.
    fn read_named(name: &str, bytes: &[u8]) -> Result<Images, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_images_file(&path)
    }

    #[test]
    fn files_have_the_bytes_of_the_format() {
        let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3];
        assert_eq!(image_bytes(&small()), [&header[..], &[1, 2, 3, 4, 5, 6]].concat());
        assert_eq!(label_bytes(&small()), [0, 0, 8, 1, 0, 0, 0, 2, 4, 7]);
    }

    #[test]
    fn a_set_is_read_from_bytes() {
        let [images, labels] = [image_bytes(&small()), label_bytes(&small())];
        assert_eq!(read_set(&images, &labels).unwrap(), small());
        assert_eq!(read_set(&compressed(&images), &compressed(&labels)).unwrap(), small());
        let error = |images: &[u8], labels: &[u8]| read_set(images, labels).unwrap_err().to_string();
        assert!(error(&images[..20], &labels).starts_with("the bytes of images: "));
        assert!(error(&images, b"").starts_with("the bytes of labels: "));
        let other = [0, 0, 8, 1, 0, 0, 0, 1, 4];
        assert!(matches!(read_set(&images, &other), Err(SetError::Counts { images: 2, labels: 1 })));
    }

    #[test]
    fn every_truncation_is_found() {
        let images = image_bytes(&small());
        for end in 0..images.len() {
            match read_images(&images[..end]) {
                Err(Error::Header) => assert!(end < 16),
                Err(Error::Truncated { expected: 6, found }) => assert_eq!(found, end as u64 - 16),
                other => panic!("cut at {end}: {other:?}"),
            }
        }
        let labels = label_bytes(&small());
        for end in 0..labels.len() {
            assert!(read_labels(&labels[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn trailing_bytes_are_found() {
        let images = [image_bytes(&small()), vec![0]].concat();
        assert!(matches!(read_images(&images[..]), Err(Error::Trailing(6))));
        let labels = [label_bytes(&small()), vec![0]].concat();
        assert!(matches!(read_labels(&labels[..]), Err(Error::Trailing(2))));
    }

    #[test]
    fn other_magic_numbers_are_refused() {
        let png = b"\x89PNG\r\n\x1a\n";
        let error = read_images(&png[..]).unwrap_err();
        assert!(matches!(error, Error::Magic { found: 0x8950_4e47, .. }));
        assert!(error.to_string().starts_with("begins with 0x89504e47 (a PNG picture), but IDX images begin"));

        let error = read_images(&label_bytes(&small())[..]).unwrap_err();
        assert!(error.to_string().starts_with("holds labels where images are expected"));
        let error = read_labels(&image_bytes(&small())[..]).unwrap_err();
        assert!(error.to_string().starts_with("holds images where labels are expected"));
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        let error = |count, rows, cols| read_images(&image_header(count, rows, cols)[..]).unwrap_err();
        assert!(matches!(error(0, 28, 28), Error::Empty(Kind::Images)));
        assert!(matches!(error(1, 0, 28), Error::ImageSize { rows: 0, cols: 28 }));
        assert!(matches!(error(1, 28, 0), Error::ImageSize { .. }));
        assert!(matches!(error(1, 64, 65), Error::ImageSize { .. }));
        assert!(matches!(error(1, u32::MAX, u32::MAX), Error::ImageSize { .. }));
        let too_many = [image_header(1, u32::MAX, u32::MAX), vec![0; 4]].concat();
        assert!(matches!(read_images(&too_many[..]), Err(Error::ImageSize { .. })));
        let no_labels = [0, 0, 8, 1, 0, 0, 0, 0];
        assert!(matches!(read_labels(&no_labels[..]), Err(Error::Empty(Kind::Labels))));
    }

    #[test]
    fn other_integers_are_labels_if_they_are_in_range() {
        let big_endian = |numbers: &[i32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
        let labels = |bytes: Vec<u8>| read_labels(&bytes[..]);
        assert_eq!(labels(file(Element::I32, &[2], &big_endian(&[3, 254]))).unwrap(), [3, 254]);
        assert_eq!(labels(file(Element::I16, &[2], &[0, 9, 0, 8])).unwrap(), [9, 8]);
        assert_eq!(labels(file(Element::I8, &[2, 1], &[9, 8])).unwrap(), [9, 8]);
        assert_eq!(labels(file(Element::U8, &[2, 1], &[9, 8])).unwrap(), [9, 8]);
        // QMNIST's columns: class, series, writer and others.
        let extended: Vec<i32> = [5, 4, 100, 0, 1, 2, 3, 4].into_iter().chain([7; 8]).collect();
        assert_eq!(labels(file(Element::I32, &[2, 8], &big_endian(&extended))).unwrap(), [5, 7]);
        for value in [-1, 255, 100_000] {
            let error = labels(file(Element::I32, &[2], &big_endian(&[0, value]))).unwrap_err();
            assert!(matches!(error, Error::LabelRange { index: 1, value: found } if found == value), "{error}");
        }
        assert!(matches!(labels(file(Element::I32, &[2], &[0; 7])), Err(Error::Truncated { expected: 8, found: 7 })));
        assert!(matches!(labels(file(Element::I32, &[2], &[0; 9])), Err(Error::Trailing(8))));
    }

    #[test]
    fn a_colour_dimension_of_one_is_accepted() {
        let right = read_images(&file(Element::U8, &[2, 1, 3], &[1, 2, 3, 4, 5, 6])[..]).unwrap();
        for dims in [[2, 1, 3, 1], [2, 1, 1, 3]] {
            let bytes = file(Element::U8, &dims, &[1, 2, 3, 4, 5, 6]);
            assert_eq!(read_images(&bytes[..]).unwrap(), right);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("images");
            std::fs::write(&path, &bytes).unwrap();
            let mut second = [0; 3];
            ImageFile::open(&path).unwrap().read(1, &mut second).unwrap();
            assert_eq!(second, [4, 5, 6]);
        }
    }

    #[test]
    fn the_content_of_other_files_is_named() {
        let images = |bytes: Vec<u8>| read_images(&bytes[..]).unwrap_err().to_string();
        let labels = |bytes: Vec<u8>| read_labels(&bytes[..]).unwrap_err().to_string();
        let floats = images(file(Element::F32, &[2, 28, 28], &[]));
        for (error, expected) in [
            (&floats, "holds 32-bit floats in 3 dimensions (2 x 28 x 28), but images are unsigned bytes in 3"),
            (&floats, "idx2numpy.convert_to_file(FILE, (255 * images)"),
            (
                &images(file(Element::U8, &[2, 28, 28, 3], &[])),
                "holds unsigned bytes in 4 dimensions (2 x 28 x 28 x 3)",
            ),
            (&images(file(Element::I32, &[4, 28, 28], &[])), "holds 32-bit integers"),
            (&images(b"PK\x03\x04 and so on".to_vec()), "(a ZIP archive"),
            (&images(b"<!DOCTYPE html><title>404".to_vec()), "(a web page)"),
            (
                &labels(file(Element::F64, &[2], &[])),
                "holds 64-bit floats in 1 dimension (2), but labels are unsigned bytes in 1",
            ),
            (&labels(file(Element::U8, &[2, 10], &[])), "holds unsigned bytes in 2 dimensions (2 x 10)"),
        ] {
            let is_found =
                if expected.starts_with("holds") { error.starts_with(expected) } else { error.contains(expected) };
            assert!(is_found, "{error}");
        }
    }

    #[test]
    fn a_huge_size_in_a_header_takes_no_memory() {
        let expected = u64::from(u32::MAX) * 4096;
        let bytes = [image_header(u32::MAX, 64, 64), vec![0; 10]].concat();
        match read_images(&bytes[..]) {
            Err(Error::Truncated { expected: bytes, found: 10 }) => assert_eq!(bytes, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gzip_is_recognised_by_its_first_bytes() {
        let raw = image_bytes(&small());
        let right = read_images(&raw[..]).unwrap();
        for (name, bytes) in [("images", &raw), ("images.gz", &compressed(&raw)), ("images", &compressed(&raw))] {
            assert_eq!(read_named(name, bytes).unwrap(), right);
        }
        assert!(matches!(read_named("images.gz", &raw), Err(Error::NotGzip(None))));
        assert!(matches!(read_named("images.gz", b""), Err(Error::NotGzip(None))));
    }

    #[test]
    fn a_gzip_bomb_is_read_only_up_to_the_size_in_its_header() {
        /// A reader that counts the bytes read.
        struct Counted<'a>(&'a [u8], &'a mut usize);

        impl Read for Counted<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let read = self.0.read(buffer)?;
                *self.1 += read;
                Ok(read)
            }
        }

        let bomb = compressed(&[image_header(2, 28, 28), vec![0; 100 << 20]].concat());
        let mut read = 0;
        let error = read_images(unpacked(BufReader::new(Counted(&bomb, &mut read))).unwrap()).unwrap_err();
        assert!(matches!(error, Error::Trailing(1568)), "{error}");
        assert!(bomb.len() > 50_000 && read < 20_000, "{read} of {} bytes", bomb.len());
    }

    #[test]
    fn a_truncated_or_corrupt_gzip_file_is_found() {
        let gz = compressed(&image_bytes(&small()));
        for end in 2..gz.len() {
            assert!(read_named("images.gz", &gz[..end]).is_err(), "cut at {end}");
        }
        let last = gz.len() - 1;
        // A flag of the header, the compressed data, the checksum, the length.
        for index in [3, 12, last - 5, last] {
            let mut corrupt = gz.clone();
            corrupt[index] ^= 0xff;
            assert!(read_named("images.gz", &corrupt).is_err(), "byte {index}");
        }
        assert!(read_named("images.gz", &[gz, vec![1]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            magic in prop::sample::select(vec![Kind::Images as u32, Kind::Labels as u32, 0x0c02, 0x0c01, 0x0804, 0x0d03, 0]),
            sizes in prop::collection::vec(prop_oneof![0..5_u32, any::<u32>()], 0..4),
            rest in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let numbers = [magic].into_iter().chain(sizes).flat_map(u32::to_be_bytes);
            let bytes: Vec<u8> = numbers.chain(rest).collect();
            for bytes in [&bytes, &compressed(&bytes), &[&gzip::MAGIC[..], &bytes].concat()] {
                let _ = read_images(&bytes[..]);
                let _ = read_labels(&bytes[..]);
                let _ = read_images(gzip::Unpacked::new(&bytes[..]));
            }
        }

        #[test]
        fn a_written_set_is_read_back(
            (rows, cols) in (1..=64_usize, 1..=64_usize),
            labels in prop::collection::vec(any::<u8>(), 1..5),
        ) {
            let pixels: Vec<u8> = (0..labels.len() * rows * cols).map(|i| (i % 251) as u8).collect();
            let set = Dataset::new(pixels, labels, rows, cols).unwrap();
            let images = read_images(&image_bytes(&set)[..]).unwrap();
            let labels = read_labels(&label_bytes(&set)[..]).unwrap();
            prop_assert_eq!(Dataset::new(images.pixels, labels, images.rows, images.cols).unwrap(), set);
        }
    }
}
