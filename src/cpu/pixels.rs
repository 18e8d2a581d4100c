//! Pixels that are not 0.

/// A pixel that is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nonzero {
    /// Its number in its block.
    pub index: u8,
    pub value: u8,
}
