//! The kind of a file, from its first bytes, for messages about unexpected files.

use std::fmt;

/// A kind of file. It displays as text with an article: `a PNG picture`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind(&'static str);

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Bytes at an offset of a file, any of several, and the kind of file that has them there.
const SIGNATURES: [(usize, &[&[u8]], &str); 24] = [
    (4, &[b"ftypheic", b"ftypheix", b"ftypmif1"], "a HEIC picture, as phones make"),
    (4, &[b"ftypavif"], "an AVIF picture"),
    (257, &[b"ustar"], "a tar archive"),
    (0, &[b"\x89PNG"], "a PNG picture"),
    (0, &[b"\xff\xd8\xff"], "a JPEG picture"),
    (0, &[b"GIF8"], "a GIF picture"),
    (0, &[b"BM"], "a BMP picture"),
    (0, &[b"II*\0", b"MM\0*"], "a TIFF picture"),
    (0, &[b"P2", b"P5"], "a PGM picture"),
    (0, &[b"P3", b"P6"], "a PPM picture"),
    (0, &[b"PK\x03\x04"], "a ZIP archive (.zip, .npz, .xlsx, .pt)"),
    (0, &[&super::gzip::MAGIC], "gzip data"),
    (0, &[b"BZh"], "bzip2 data"),
    (0, &[b"\xfd7zXZ"], "xz data"),
    (0, &[b"\x28\xb5\x2f\xfd"], "zstd data"),
    (0, &[b"7z\xbc\xaf"], "a 7z archive"),
    (0, &[b"Rar!"], "a RAR archive"),
    (0, &[b"\x93NUMPY"], "a numpy array (.npy)"),
    (0, &[b"\x89HDF"], "an HDF5 file"),
    (0, &[b"MATLAB 5"], "a MATLAB file (.mat)"),
    (0, &[b"PAR1"], "a Parquet table"),
    (0, &[b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"], "a Python pickle"),
    (0, &[b"%PDF"], "a PDF"),
    (0, &[b"version https://git-lfs"], "a Git LFS pointer, not the file itself"),
];

/// The kind of a file with these first bytes; none if it is unknown, or an IDX file or a table of numbers.
#[must_use]
pub fn file_kind(bytes: &[u8]) -> Option<FileKind> {
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(FileKind("a WebP picture"));
    }
    let text = bytes.trim_ascii_start().get(..5).unwrap_or_default().to_ascii_lowercase();
    if text.starts_with(b"<svg") {
        return Some(FileKind("an SVG drawing"));
    }
    if text.starts_with(b"<html") || text.starts_with(b"<!doc") || text.starts_with(b"<?xml") {
        return Some(FileKind("a web page"));
    }
    if matches!(text.first(), Some(b'[' | b'{')) {
        return Some(FileKind("JSON"));
    }
    let has = |offset: usize, first: &[u8]| bytes.get(offset..).is_some_and(|bytes| bytes.starts_with(first));
    let known = SIGNATURES.iter().find(|(offset, signatures, _)| signatures.iter().any(|bytes| has(*offset, bytes)));
    known.map(|&(.., kind)| FileKind(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_first_bytes() {
        let named = |bytes: &[u8]| file_kind(bytes).map(|kind| kind.to_string());
        assert_eq!(named(b"\x89PNG\r\n").unwrap(), "a PNG picture");
        assert_eq!(named(b"RIFF\x10\0\0\0WEBPVP8 ").unwrap(), "a WebP picture");
        assert_eq!(named(b"\n<!DOCTYPE html>").unwrap(), "a web page");
        assert_eq!(named(b"PK\x03\x04\x14").unwrap(), "a ZIP archive (.zip, .npz, .xlsx, .pt)");
        for bytes in [&b""[..], b"0", b"label,1x1", b"\0\0\x08\x03\0\0"] {
            assert_eq!(named(bytes), None);
        }
    }
}
