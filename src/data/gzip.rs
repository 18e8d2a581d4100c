//! Gzip files of several members, with zeros after any of them: tapes and some tools pad a file so. `gzip -t` and Python's
//! gzip skip these zeros too.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The first two bytes of every gzip file.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Whether the next bytes begin a gzip file.
///
/// # Errors
/// When `input` fails.
pub fn is_gzip(input: &mut impl BufRead) -> io::Result<bool> {
    Ok(input.fill_buf()?.starts_with(&MAGIC))
}

/// A reader of the bytes, decompressed if they begin a gzip file.
///
/// # Errors
/// When `input` fails.
pub fn unpacked<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(if is_gzip(&mut input)? { Box::new(Unpacked::new(input)) } else { Box::new(input) })
}

/// A reader that decompresses all members.
pub struct Unpacked<R> {
    /// None after the last member.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Unpacked<R> {
    /// Decompresses the rest of `input`.
    pub fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { break };
            let mut input = member.into_inner();
            if skip_zeros(&mut input)? {
                self.member = Some(GzDecoder::new(input));
            }
        }
        Ok(0)
    }
}

/// Skips zeros. Returns whether other bytes follow.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let is_end = bytes.is_empty();
        let goes_on = zeros < bytes.len();
        input.consume(zeros);
        if is_end || goes_on {
            return Ok(goes_on);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads through a buffer of `size` bytes, so that zeros cross its end.
    fn read(bytes: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        unpacked(io::BufReader::with_capacity(size, bytes))?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn members_and_zeros_after_them_are_one_content() {
        for size in [2, 3, 512, 8192] {
            for zeros in [0, 1, 511, 5000] {
                let padded = [gzip(b"one"), vec![0; zeros], gzip(b" two"), vec![0; zeros]].concat();
                assert_eq!(read(&padded, size).unwrap(), b"one two", "{zeros} zeros, {size} bytes at a time");
            }
        }
        assert_eq!(read(b"as it is", 8).unwrap(), b"as it is");
        assert_eq!(read(&gzip(b""), 8).unwrap(), b"");
    }

    #[test]
    fn other_bytes_after_a_member_are_an_error() {
        for rest in [&b"\0\0x"[..], b"x", &MAGIC] {
            assert!(read(&[&gzip(b"one"), rest].concat(), 512).is_err(), "{rest:?}");
        }
        let whole = gzip(b"one");
        assert!(read(&whole[..whole.len() - 1], 512).is_err());
    }
}
