//! Messages of protocol buffers, field by field (<https://protobuf.dev/programming-guides/encoding/>).

/// The encoded fields of a message.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

/// The types of fields, as they are on the wire.
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field of an integer.
    pub fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(value);
        self
    }

    pub fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// Adds a repeated field.
    pub fn messages(self, field: u64, messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(self, |all, message| all.message(field, &message))
    }

    pub fn encoded(&self) -> &[u8] {
        &self.0
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_in_the_specification() {
        // Its examples: 150 in field 1, "testing" in field 2, and the first within field 3 of another message.
        let message = Message::new().number(1, 150).text(2, "testing");
        assert_eq!(message.encoded(), [&[0x08, 0x96, 0x01, 0x12, 0x07][..], b"testing"].concat());
        let message = Message::new().messages(3, [Message::new().number(1, 150)]);
        assert_eq!(message.encoded(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }
}
