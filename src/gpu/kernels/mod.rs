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
pub mod tiled;
mod work;

pub use kernel::{Access, Dispatch, Kernel, Part, Rate, Slice, Source, Work};

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

/// What several shaders share, beside `network.wgsl`, which all do.
mod shared {
    pub const ACTIVATION: &str = include_str!("../../../shaders/shared/activation.wgsl");
    pub const BLOCKS: &str = include_str!("../../../shaders/shared/blocks.wgsl");
    pub const GRADIENT_TILE: &str = include_str!("../../../shaders/shared/gradient_tile.wgsl");
    pub const LOSS: &str = include_str!("../../../shaders/shared/loss.wgsl");
    pub const OUTPUT_TEAM: &str = include_str!("../../../shaders/shared/output_team.wgsl");
    pub const UPDATE: &str = include_str!("../../../shaders/shared/update.wgsl");
}
