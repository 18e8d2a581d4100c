//! Conversion of text to UTF-8.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A name as text, and whether it is UTF-8. Other bytes are read as Windows-1252. Control characters are escaped.
pub(super) fn as_text(bytes: &[u8]) -> (String, bool) {
    let (text, is_utf8) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.into(), true),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(bytes).0, false),
    };
    // Control characters could change the terminal.
    let escaped = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    (text.chars().map(escaped).collect(), is_utf8)
}

/// The text without a byte order mark, and its encoding if that is not UTF-8. Without a mark it is UTF-16 if every second of
/// the first bytes is 0.
///
/// # Errors
/// When `input` fails.
pub(super) fn utf8<'a>(mut input: impl BufRead + 'a) -> io::Result<(Box<dyn Read + 'a>, Option<&'static Encoding>)> {
    let first = input.fill_buf()?;
    let guess = match *first {
        [0, 1..=255, 0, 1..=255, ..] => (UTF_16BE, 0),
        [1..=255, 0, 1..=255, 0, ..] => (UTF_16LE, 0),
        _ => (UTF_8, 0),
    };
    let (encoding, mark) = Encoding::for_bom(first).unwrap_or(guess);
    input.consume(mark);
    if encoding == UTF_8 {
        // The reader of the table reports bytes that are no UTF-8.
        return Ok((Box::new(input), None));
    }
    let decoder = encoding.new_decoder_without_bom_handling();
    Ok((Box::new(Decoded { input, decoder, text: Vec::new(), consumed: 0, is_over: false }), Some(encoding)))
}

struct Decoded<R> {
    input: R,
    decoder: Decoder,
    /// Decoded bytes.
    text: Vec<u8>,
    /// The count of decoded bytes that were read.
    consumed: usize,
    is_over: bool,
}

/// Bytes decoded at a time.
const CAPACITY: usize = 16 << 10;

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.consumed == self.text.len() && !self.is_over {
            let bytes = self.input.fill_buf()?;
            let is_last = bytes.is_empty();
            self.text.resize(CAPACITY, 0);
            let (result, read, written, _) = self.decoder.decode_to_utf8(bytes, &mut self.text, is_last);
            self.input.consume(read);
            self.text.truncate(written);
            self.consumed = 0;
            self.is_over = is_last && result == CoderResult::InputEmpty;
        }
        let read = (&self.text[self.consumed..]).read(buffer)?;
        self.consumed += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], size: usize) -> (String, Option<&'static str>) {
        let (mut text, encoding) = utf8(io::BufReader::with_capacity(size, bytes)).unwrap();
        let mut read = Vec::new();
        // A few bytes at a time, as some readers do.
        loop {
            let mut some = [0; 3];
            match text.read(&mut some).unwrap() {
                0 => return (String::from_utf8(read).unwrap(), encoding.map(Encoding::name)),
                count => read.extend(&some[..count]),
            }
        }
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "label;1×1\r\n3;0,5\r\n".repeat(5000);
        let wide = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        for size in [16, 8192] {
            assert_eq!(read(text.as_bytes(), size), (text.clone(), None));
            assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), size), (text.clone(), None));
            for (mark, bytes, name) in [(b"\xff\xfe", &little, "UTF-16LE"), (b"\xfe\xff", &big, "UTF-16BE")] {
                assert_eq!(read(bytes, size), (text.clone(), Some(name)), "{name} without a mark");
                assert_eq!(read(&[&mark[..], bytes].concat(), size), (text.clone(), Some(name)));
            }
        }
        assert_eq!(read(b"", 16), (String::new(), None));
    }
}
