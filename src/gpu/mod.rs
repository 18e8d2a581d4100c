//! The wgpu backend: any GPU that speaks Vulkan, Metal, Direct3D 12 or OpenGL, through the kernels in `shaders/`.
//!
//! [`adapters`] finds the GPUs, [`device`] opens one, [`plan`] says which kernels run a network on it, `kernels` holds the
//! host's side of each family of shaders, and `network` strings the kernels together into training, evaluation and
//! prediction.

pub mod adapters;
mod data;
pub mod device;
mod kernels;
mod layer;
mod layout;
#[cfg(feature = "cli")]
pub(crate) mod listing;
mod mapping;
pub(crate) mod network;
#[cfg(feature = "cli")]
pub(crate) mod peak;
pub mod plan;
mod timing;
mod values;
