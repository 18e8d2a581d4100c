//! The host's side of the shaders: what all kernels share here, and a file for each folder of `shaders/`, a family of
//! kernels that together run a step.
//!
//! A family's file says what its kernels bind, in the order of their `@binding` numbers, and how many workgroups cover
//! the work.

pub mod blocked;
pub mod family;
pub mod fused;
mod kernel;
pub mod lists;
pub mod numerical;
mod stages;
pub mod tiled;
mod work;

pub use kernel::{Access, Dispatch, Kernel, Part, Rate, Slice, Source, Work};

use crate::net::Shape;

/// Columns in a `vec4f`, pixels in a word.
pub const QUAD: usize = 4;
/// The most invocations in a workgroup of any kernel.
pub const INVOCATIONS: u32 = 256;
/// The most storage buffers that one kernel binds.
pub const STORAGE_BUFFERS: u32 = 8;
/// Rows of indices and losses, and slices of a buffer, begin at multiples of this many words: WebGPU's
/// `minStorageBufferOffsetAlignment` and `minUniformBufferOffsetAlignment`, 256 bytes.
pub const ROW_WORDS: usize = 64;
/// Quads in a window: what WebGPU promises for a uniform buffer's binding, 64 KiB.
pub const WINDOW: usize = 4096;

/// Images that a workgroup takes through the output layer, in `fused` and in `blocked`: a quad.
const IMAGES: usize = QUAD;
/// Invocations that share the sums of their logits.
const TEAM: usize = 128;
/// Where `shaders/shared/output_team.wgsl` keeps what in workgroup memory, in quads: first the hidden layer's values of
/// `fused`, then the logits, then sums.
const LOGITS: usize = IMAGES * fused::MOST_HIDDEN / QUAD;
const SUMS: usize = LOGITS + IMAGES * Shape::MAX_CLASSES.div_ceil(QUAD);
const SCRATCH: usize = larger(SUMS + IMAGES * TEAM, IMAGES * fused::LANES);
// All the workgroup memory that WebGPU promises.
const _: () = assert!(SCRATCH * QUAD * size_of::<f32>() <= 16 << 10);

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The numbers that shaders share with their host, but for overrides: those that are lengths of arrays, and what goes
/// with them. Every shader begins with them.
const NUMBERS: [(&str, usize); 9] = [
    ("WINDOW", WINDOW),
    ("IMAGES", IMAGES),
    ("TEAM", TEAM),
    ("LOGITS", LOGITS),
    ("SUMS", SUMS),
    ("SCRATCH", SCRATCH),
    ("TILES", fused::TILES),
    ("BLOCK_QUADS", blocked::BLOCK / QUAD),
    ("HELD_QUADS", numerical::HELD_QUADS),
];

/// What several shaders share, beside `network.wgsl`, which all do.
mod shared {
    pub const ACTIVATION: &str = include_str!("../../../shaders/shared/activation.wgsl");
    pub const BLOCKS: &str = include_str!("../../../shaders/shared/blocks.wgsl");
    pub const DIFFERENCE: &str = include_str!("../../../shaders/shared/difference.wgsl");
    pub const GRADIENT_TILE: &str = include_str!("../../../shaders/shared/gradient_tile.wgsl");
    pub const LOSS: &str = include_str!("../../../shaders/shared/loss.wgsl");
    pub const OUTPUT_TEAM: &str = include_str!("../../../shaders/shared/output_team.wgsl");
    pub const UPDATE: &str = include_str!("../../../shaders/shared/update.wgsl");
}
