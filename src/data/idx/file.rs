//! IDX files on the disk.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use super::error::Error;
use super::format::{Header, Images, read_image_header, read_images, read_labels};
use crate::data::gzip::{self, unpacked};
use crate::data::sniff::file_kind;

/// The bytes of pixels by the header of a file of images, and whether the file is compressed.
///
/// # Errors
/// When the file cannot be read, or does not begin as one of images.
pub fn promised_pixels(path: &Path) -> Result<(u64, bool), Error> {
    let mut file = BufReader::new(File::open(path)?);
    let is_packed = gzip::is_gzip(&mut file)?;
    let Header { count, rows, cols } = read_image_header(&mut unpacked_as_named(path, file)?)?;
    Ok((u64::from(count) * (rows * cols) as u64, is_packed))
}

/// A raw file of images, of which any images can be read. It is not mapped into memory: if a mapped file is truncated while it
/// is used, the process is killed.
#[derive(Debug)]
pub struct ImageFile {
    file: File,
    /// Images in it, at least 1.
    pub count: usize,
    /// Rows of one image.
    pub rows: usize,
    /// Columns of one image.
    pub cols: usize,
    /// Bytes before the first image.
    header: u64,
}

impl ImageFile {
    /// Opens a file and checks its header and its length.
    ///
    /// # Errors
    /// When it cannot be read, or is no complete raw IDX file of images.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path)?;
        let mut input = BufReader::new(&file);
        let Header { count, rows, cols } = read_image_header(&mut input)?;
        let header = input.stream_position()?;
        let expected = u64::from(count) * (rows * cols) as u64;
        let found = file.metadata()?.len().saturating_sub(header);
        match found.cmp(&expected) {
            Ordering::Less => Err(Error::Truncated { expected, found }),
            Ordering::Greater => Err(Error::Trailing(expected)),
            Ordering::Equal => Ok(Self { file, count: count as usize, rows, cols, header }),
        }
    }

    /// Fills `images` with images from index `first` on.
    ///
    /// # Errors
    /// The system's error; also when the file was truncated after it was opened.
    pub fn read(&self, first: usize, images: &mut [u8]) -> io::Result<()> {
        read_at(&self.file, images, self.header + (first * self.rows * self.cols) as u64)
    }
}

#[cfg(not(windows))]
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

/// Opens a file, and decompresses it if its first bytes are those of gzip.
fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    unpacked_as_named(path, BufReader::new(File::open(path)?))
}

/// A reader of a file, which decompresses it if its first bytes are those of gzip. A file named .gz must have them.
fn unpacked_as_named(path: &Path, mut file: BufReader<File>) -> Result<Box<dyn Read>, Error> {
    let is_named_gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    if is_named_gz && !gzip::is_gzip(&mut file)? {
        return Err(Error::NotGzip(file_kind(file.fill_buf()?)));
    }
    Ok(unpacked(file)?)
}
