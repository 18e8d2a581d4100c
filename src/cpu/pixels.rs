//! Which pixels a product takes: those of some images, and those that are not 0.

use std::ops::Range;

use bytemuck::Zeroable;

/// Some images of a set, and some blocks of their pixels.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    pub indices: &'a [u32],
    pub blocks: Range<usize>,
}

/// A pixel that is not 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Zeroable)]
pub struct Nonzero {
    /// Its number in its block.
    pub index: u8,
    pub value: u8,
}
