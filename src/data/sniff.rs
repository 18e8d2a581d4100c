//! What a file is, by its first bytes: for messages about files that are not what they should be.

use std::fmt;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind(&'static str);

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// First bytes and what begins so.
const SIGNATURES: [(&[u8], &str); 27] = [
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"P2", "a PGM picture"),
    (b"P3", "a PPM picture"),
    (b"P5", "a PGM picture"),
    (b"P6", "a PPM picture"),
    (b"PK\x03\x04", "a ZIP archive (.zip, .npz, .xlsx, .pt)"),
    (&super::gzip::MAGIC, "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x93NUMPY", "a numpy array (.npy)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"MATLAB 5", "a MATLAB file (.mat)"),
    (b"PAR1", "a Parquet table"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"%PDF", "a PDF"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
];

/// What begins with these bytes, if it is something known; IDX files and tables of numbers are not.
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
    match bytes.get(4..12) {
        Some(b"ftypheic" | b"ftypheix" | b"ftypmif1") => return Some(FileKind("a HEIC picture, as phones make")),
        Some(b"ftypavif") => return Some(FileKind("an AVIF picture")),
        _ => {}
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(FileKind("a tar archive"));
    }
    SIGNATURES.iter().find(|(first, _)| bytes.starts_with(first)).map(|&(_, name)| FileKind(name))
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
