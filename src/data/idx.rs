//! IDX, the file format of MNIST: a magic number that names the kind, the size of each dimension,
//! then the bytes; numbers are big-endian `u32`. Files may be compressed with gzip.
//!
//! A header is only a claim: memory grows with the bytes that are really there.

use std::cmp::Ordering;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use byteorder::{BigEndian, ReadBytesExt, WriteBytesExt};
use flate2::bufread::MultiGzDecoder;

use super::dataset::{self, Dataset, MAX_PIXELS};

/// The first two bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What an IDX file holds, by its magic number: the third byte says unsigned bytes (8), the last
/// is the number of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[count, rows, cols]` bytes.
    Images = 0x0803,
    /// `[count]` bytes.
    Labels = 0x0801,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Images => "images",
            Self::Labels => "labels",
        })
    }
}

/// What is wrong in an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system or the gzip decoder failed; the decoder says what it found.
    #[error("cannot be read ({0}); check the file or download it again")]
    Io(#[from] io::Error),
    /// The name says gzip, the content does not.
    #[error("is named .gz but holds no gzip data; rename it without .gz or download it again")]
    NotGzip,
    /// The magic number is of no IDX file that is read here.
    #[error(
        "begins with {found:#010x}, but IDX {expected} begin with {:#010x}; give an IDX file",
        *expected as u32
    )]
    Magic {
        /// What the file should hold.
        expected: Kind,
        /// The number it begins with.
        found: u32,
    },
    /// Images where labels are expected, or the reverse.
    #[error("holds {found} where {expected} are expected; the names of two files may be swapped")]
    Swapped {
        /// What the file should hold.
        expected: Kind,
        /// What it holds.
        found: Kind,
    },
    /// The file ends within its header.
    #[error("ends within its header; download it again")]
    Header,
    /// The file ends before what its header says.
    #[error("ends after {found} of the {expected} bytes that its header says; download it again")]
    Truncated {
        /// Bytes the header says, after the header.
        expected: u64,
        /// Bytes found after the header.
        found: u64,
    },
    /// The file goes on after what its header says.
    #[error("goes on after the {expected} bytes that its header says; download it again")]
    Trailing {
        /// Bytes the header says, after the header.
        expected: u64,
    },
    /// The header says that there is nothing.
    #[error("holds no {0}; give a file that holds some")]
    Empty(Kind),
    /// Images of no pixel, or of too many.
    #[error("has images of {rows}x{cols} pixels; give images of 1 to {MAX_PIXELS} pixels")]
    ImageSize {
        /// Rows of one image.
        rows: usize,
        /// Columns of one image.
        cols: usize,
    },
}

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

/// Decodes images, at least one, of 1 to [`MAX_PIXELS`] pixels each.
///
/// # Errors
/// When `input` is anything but one whole IDX file of images.
pub fn read_images(mut input: impl Read) -> Result<Images, Error> {
    let Header { count, rows, cols } = read_image_header(&mut input)?;
    let pixels = read_body(input, u64::from(count) * (rows * cols) as u64)?;
    Ok(Images { rows, cols, pixels })
}

/// How many bytes of pixels a file of images says that it has, and whether it is compressed.
///
/// # Errors
/// When the file cannot be read, or does not begin as one of images.
pub fn promised_pixels(path: &Path) -> Result<(u64, bool), Error> {
    let mut file = BufReader::new(File::open(path)?);
    let is_packed = is_gzip(&mut file)?;
    let Header { count, rows, cols } = read_image_header(&mut named(path, file)?)?;
    Ok((u64::from(count) * (rows * cols) as u64, is_packed))
}

/// A raw file of images that is read at the places asked for. It is not mapped into memory: a mapped file that is cut while
/// it is used kills the process.
#[derive(Debug)]
pub struct ImageFile {
    file: File,
    /// Images in it, at least 1.
    pub count: usize,
    /// Rows of one image.
    pub rows: usize,
    /// Columns of one image.
    pub cols: usize,
}

/// Bytes before the first image.
const IMAGE_HEADER: u64 = 16;

impl ImageFile {
    /// Opens a file and checks its header and its length.
    ///
    /// # Errors
    /// When it cannot be read, or is no whole raw IDX file of images.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path)?;
        let Header { count, rows, cols } = read_image_header(&mut BufReader::new(&file))?;
        let expected = u64::from(count) * (rows * cols) as u64;
        let found = file.metadata()?.len().saturating_sub(IMAGE_HEADER);
        match found.cmp(&expected) {
            Ordering::Less => Err(Error::Truncated { expected, found }),
            Ordering::Greater => Err(Error::Trailing { expected }),
            Ordering::Equal => Ok(Self { file, count: count as usize, rows, cols }),
        }
    }

    /// Reads as many images as fill `images`, from number `first` on.
    ///
    /// # Errors
    /// What the system says; also where the file has become shorter.
    pub fn read(&self, first: usize, images: &mut [u8]) -> io::Result<()> {
        read_at(&self.file, images, IMAGE_HEADER + (first * self.rows * self.cols) as u64)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}

/// What stands before the pixels.
struct Header {
    count: u32,
    rows: usize,
    cols: usize,
}

fn read_image_header(input: &mut impl Read) -> Result<Header, Error> {
    let count = read_count(input, Kind::Images)?;
    let rows = read_header_number(input)? as usize;
    let cols = read_header_number(input)? as usize;
    dataset::pixels(rows, cols).ok_or(Error::ImageSize { rows, cols })?;
    Ok(Header { count, rows, cols })
}

/// Decodes labels, at least one.
///
/// # Errors
/// When `input` is anything but one whole IDX file of labels.
pub fn read_labels(mut input: impl Read) -> Result<Vec<u8>, Error> {
    let count = read_count(&mut input, Kind::Labels)?;
    read_body(input, u64::from(count))
}

/// Reads the magic number and the first dimension.
fn read_count(input: &mut impl Read, expected: Kind) -> Result<u32, Error> {
    let magic = read_header_number(input)?;
    if magic != expected as u32 {
        let other = [Kind::Images, Kind::Labels].into_iter().find(|&kind| kind as u32 == magic);
        return Err(match other {
            Some(found) => Error::Swapped { expected, found },
            None => Error::Magic { expected, found: magic },
        });
    }
    match read_header_number(input)? {
        0 => Err(Error::Empty(expected)),
        count => Ok(count),
    }
}

fn read_header_number(input: &mut impl Read) -> Result<u32, Error> {
    input.read_u32::<BigEndian>().map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Header,
        _ => Error::Io(error),
    })
}

/// Reads the `expected` bytes after the header, and sees that they are the last.
fn read_body(mut input: impl Read, expected: u64) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    match input.by_ref().take(expected).read_to_end(&mut body) {
        // A gzip stream that is cut says so with this error.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(Error::Io(error)),
        _ => {}
    }
    let found = body.len() as u64;
    if found < expected {
        return Err(Error::Truncated { expected, found });
    }
    // Reading up to the end also has the gzip decoder compare its checksum.
    if io::copy(&mut input.take(1), &mut io::sink())? > 0 {
        return Err(Error::Trailing { expected });
    }
    Ok(body)
}

/// Decodes a file of images, raw or compressed.
///
/// # Errors
/// As [`read_images`], and when the file cannot be read.
pub fn read_images_file(path: &Path) -> Result<Images, Error> {
    read_images(open(path)?)
}

/// Decodes a file of labels, raw or compressed.
///
/// # Errors
/// As [`read_labels`], and when the file cannot be read.
pub fn read_labels_file(path: &Path) -> Result<Vec<u8>, Error> {
    read_labels(open(path)?)
}

/// Opens a file and decompresses it if its first bytes say gzip, whatever its name.
fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    named(path, BufReader::new(File::open(path)?))
}

/// The bytes of a file of this name, decompressed if the first of them say gzip.
fn named(path: &Path, mut file: BufReader<File>) -> Result<Box<dyn Read>, Error> {
    let is_named_gz = path.extension().is_some_and(|extension| extension == "gz");
    if is_named_gz && !is_gzip(&mut file)? {
        return Err(Error::NotGzip);
    }
    Ok(unpacked(file)?)
}

fn is_gzip(input: &mut impl BufRead) -> io::Result<bool> {
    Ok(input.fill_buf()?.starts_with(&GZIP_MAGIC))
}

/// The bytes themselves, decompressed if the first of them say gzip.
///
/// # Errors
/// When `input` fails.
pub fn unpacked<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(if is_gzip(&mut input)? { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) })
}

/// Encodes the images of a set.
///
/// # Errors
/// When `out` fails, or there are more images than a header can say.
pub fn write_images(set: &Dataset, mut out: impl Write) -> io::Result<()> {
    write_header(&mut out, Kind::Images, &[set.len(), set.rows(), set.cols()])?;
    out.write_all(set.images())
}

/// Encodes labels.
///
/// # Errors
/// When `out` fails, or there are more labels than a header can say.
pub fn write_labels(labels: &[u8], mut out: impl Write) -> io::Result<()> {
    write_header(&mut out, Kind::Labels, &[labels.len()])?;
    out.write_all(labels)
}

/// Encodes what stands before the bytes: the sizes are the number of images, rows and columns, or the number of labels.
///
/// # Errors
/// When `out` fails, or a size is more than a header can say.
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
    use super::*;
    use flate2::{Compression, write::GzEncoder};
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

    /// A header of images and nothing after it.
    fn image_header(count: u32, rows: u32, cols: u32) -> Vec<u8> {
        let numbers = [Kind::Images as u32, count, rows, cols];
        numbers.into_iter().flat_map(u32::to_be_bytes).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads `bytes` as a file of images called `name`.
    fn read_named(name: &str, bytes: &[u8]) -> Result<Images, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_images_file(&path)
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3];
        assert_eq!(image_bytes(&small()), [&header[..], &[1, 2, 3, 4, 5, 6]].concat());
        assert_eq!(label_bytes(&small()), [0, 0, 8, 1, 0, 0, 0, 2, 4, 7]);
    }

    #[test]
    fn every_cut_is_found() {
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
        assert!(matches!(read_images(&images[..]), Err(Error::Trailing { expected: 6 })));
        let labels = [label_bytes(&small()), vec![0]].concat();
        assert!(matches!(read_labels(&labels[..]), Err(Error::Trailing { expected: 2 })));
    }

    #[test]
    fn other_magic_numbers_are_refused() {
        let png = b"\x89PNG\r\n\x1a\n";
        let error = read_images(&png[..]).unwrap_err();
        assert!(matches!(error, Error::Magic { found: 0x8950_4e47, .. }));
        assert!(error.to_string().starts_with("begins with 0x89504e47, but IDX images begin"));

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
        let no_labels = [0, 0, 8, 1, 0, 0, 0, 0];
        assert!(matches!(read_labels(&no_labels[..]), Err(Error::Empty(Kind::Labels))));
    }

    #[test]
    fn a_huge_claim_takes_no_memory() {
        let expected = u64::from(u32::MAX) * 4096;
        let bytes = [image_header(u32::MAX, 64, 64), vec![0; 10]].concat();
        match read_images(&bytes[..]) {
            Err(Error::Truncated { expected: said, found: 10 }) => assert_eq!(said, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gzip_is_known_by_its_first_bytes() {
        let raw = image_bytes(&small());
        let right = read_images(&raw[..]).unwrap();
        for (name, bytes) in [("images", &raw), ("images.gz", &gzip(&raw)), ("images", &gzip(&raw))] {
            assert_eq!(read_named(name, bytes).unwrap(), right);
        }
        assert!(matches!(read_named("images.gz", &raw), Err(Error::NotGzip)));
        assert!(matches!(read_named("images.gz", b""), Err(Error::NotGzip)));
    }

    #[test]
    fn a_gzip_bomb_stops_at_what_its_header_says() {
        /// Counts what is read of it.
        struct Counted<'a>(&'a [u8], &'a mut usize);

        impl Read for Counted<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let read = self.0.read(buffer)?;
                *self.1 += read;
                Ok(read)
            }
        }

        let bomb = gzip(&[image_header(2, 28, 28), vec![0; 100 << 20]].concat());
        let mut read = 0;
        let error = read_images(unpacked(BufReader::new(Counted(&bomb, &mut read))).unwrap()).unwrap_err();
        assert!(matches!(error, Error::Trailing { expected: 1568 }), "{error}");
        assert!(bomb.len() > 50_000 && read < 20_000, "{read} of {} bytes", bomb.len());
    }

    #[test]
    fn a_cut_or_corrupt_gzip_file_is_found() {
        let gz = gzip(&image_bytes(&small()));
        for end in 2..gz.len() {
            assert!(read_named("images.gz", &gz[..end]).is_err(), "cut at {end}");
        }
        let last = gz.len() - 1;
        // A flag of the header, the compressed data, the checksum, the length.
        for place in [3, 12, last - 5, last] {
            let mut corrupt = gz.clone();
            corrupt[place] ^= 0xff;
            assert!(read_named("images.gz", &corrupt).is_err(), "byte {place}");
        }
        assert!(read_named("images.gz", &[gz, vec![1]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            magic in prop::sample::select(vec![Kind::Images as u32, Kind::Labels as u32, 0]),
            sizes in prop::collection::vec(prop_oneof![0..5_u32, any::<u32>()], 0..4),
            rest in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let numbers = [magic].into_iter().chain(sizes).flat_map(u32::to_be_bytes);
            let bytes: Vec<u8> = numbers.chain(rest).collect();
            for bytes in [&bytes, &gzip(&bytes), &[&GZIP_MAGIC[..], &bytes].concat()] {
                let _ = read_images(&bytes[..]);
                let _ = read_labels(&bytes[..]);
                let _ = read_images(MultiGzDecoder::new(&bytes[..]));
            }
        }

        #[test]
        fn what_is_written_is_read(
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
