//! A field of a table.

use super::text;

/// A field without quotes and spaces around it.
pub(super) fn trimmed(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\"")).unwrap_or(field).trim_ascii()
}

/// A number, and whether it is written as a fraction.
pub(super) fn as_number(field: &[u8], has_decimal_comma: bool) -> Option<(f32, bool)> {
    // A fast path for nearly all fields: one to three digits.
    if let [b'0'..=b'9', rest @ ..] = field
        && rest.len() < 3
        && rest.iter().all(u8::is_ascii_digit)
    {
        return Some((field.iter().fold(0.0, |value, digit| value * 10.0 + f32::from(digit - b'0')), false));
    }
    let text = std::str::from_utf8(field).ok()?;
    let is_fraction = text.contains(['.', 'e', 'E']) || has_decimal_comma && text.contains(',');
    let value: f32 = if has_decimal_comma { text.replacen(',', ".", 1).parse() } else { text.parse() }.ok()?;
    value.is_finite().then_some((value, is_fraction))
}

/// A field as text.
pub(super) fn as_text(field: &[u8]) -> String {
    text::as_text(field).0
}

/// The part of a field that an error shows.
pub(super) fn excerpt(field: &[u8]) -> String {
    as_text(field).chars().take(20).collect()
}
