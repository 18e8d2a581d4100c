//! The host's side of the shaders: a file for each folder of `shaders/`, a family of kernels that together run a step.
//!
//! A family's file says what its kernels bind, in the order of their `@binding` numbers, and how many workgroups cover
//! the work.

pub mod blocked;
pub mod family;
pub mod fused;
mod kernel;
pub mod lists;
pub mod numerical;
pub mod operands;
mod stages;
pub mod tiled;
mod work;

pub use kernel::{Access, Dispatch, Kernel, Source, Work};

/// What several shaders share, beside `network.wgsl`, which all do.
mod shared {
    pub const ACTIVATION: &str = include_str!("../../../shaders/shared/activation.wgsl");
    pub const BLOCKS: &str = include_str!("../../../shaders/shared/blocks.wgsl");
    pub const DIFFERENCE: &str = include_str!("../../../shaders/shared/difference.wgsl");
    pub const GRADIENT_TILE: &str = include_str!("../../../shaders/shared/gradient_tile.wgsl");
    pub const LOSS: &str = include_str!("../../../shaders/shared/loss.wgsl");
    pub const OUTPUT_TEAM: &str = include_str!("../../../shaders/shared/output_team.wgsl");
    pub const AXPBY: &str = include_str!("../../../shaders/shared/axpby.wgsl");
}
