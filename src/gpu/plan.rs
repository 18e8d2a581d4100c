//! Which kernels run a network on which kind of GPU: the one place where that is decided.

use wgpu::{AdapterInfo, DeviceType};

use super::layout::{FUSED_MOST_HIDDEN, WINDOW, hidden_window, layer_vec4s};
use crate::net::Shape;

/// A family of kernels, and how it is set. On one GPU the same plan gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// `shaders/tiled/`: register tiles, one operand in a uniform buffer; no barriers.
    Tiled,
    /// `shaders/fused/`: two kernels a step, a workgroup for 4 images.
    Fused,
    /// `shaders/blocked/`: blocks of 64 x 64 in workgroup memory.
    Blocked {
        /// A batch is split where a gradient would have fewer workgroups than this.
        workgroups: usize,
    },
}

/// What a GPU is made of, as far as the choice of kernels goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A program on the CPU (lavapipe, llvmpipe, SwiftShader, WARP).
    Software,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU with a memory of its own, or one that doesn't say.
    Discrete,
}

impl Class {
    /// The class of an adapter.
    #[must_use]
    pub fn of(info: &AdapterInfo) -> Self {
        match info.device_type {
            DeviceType::Cpu => Self::Software,
            DeviceType::IntegratedGpu => Self::Integrated,
            DeviceType::DiscreteGpu | DeviceType::VirtualGpu | DeviceType::Other => Self::Discrete,
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Integrated => "integrated",
            Self::Discrete => "discrete",
        }
    }
}

/// A class's row of the table: the plan of networks of up to [`NARROW`] hidden units, and that of wider ones.
///
/// `Software` is measured (`twolayer devices --tune`); the others follow from how such GPUs work.
#[must_use]
pub const fn row(class: Class) -> [Plan; 2] {
    match class {
        Class::Software => [Plan::Tiled, Plan::Blocked { workgroups: 1 }],
        Class::Integrated => [Plan::Fused, Plan::Blocked { workgroups: 64 }],
        Class::Discrete => [Plan::Fused, Plan::Blocked { workgroups: 256 }],
    }
}

impl Plan {
    /// The table's plan for a network on a class of GPU.
    #[must_use]
    pub fn choose(class: Class, shape: Shape) -> Self {
        let [narrow, wide] = row(class);
        if shape.hidden <= NARROW && narrow.fits(shape) { narrow } else { wide }
    }

    /// Every plan that the table could hold for such a network.
    #[must_use]
    pub fn candidates(shape: Shape) -> Vec<Self> {
        let blocked = [1, 64, 256].map(|workgroups| Self::Blocked { workgroups });
        [Self::Tiled, Self::Fused].into_iter().chain(blocked).filter(|plan| plan.fits(shape)).collect()
    }

    /// Whether the kernels can run the network.
    #[must_use]
    pub fn fits(self, shape: Shape) -> bool {
        match self {
            // Windows hold whole rows.
            Self::Tiled => hidden_window(shape) > 0 && layer_vec4s(shape.hidden, shape.classes) <= WINDOW,
            Self::Fused => shape.hidden <= FUSED_MOST_HIDDEN,
            Self::Blocked { .. } => true,
        }
    }

    /// The folder of `shaders/` that has its kernels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tiled => "tiled",
            Self::Fused => "fused",
            Self::Blocked { .. } => "blocked",
        }
    }
}

/// The most hidden units of a narrow network.
pub const NARROW: usize = 128;

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Blocked { workgroups } => write!(f, "{}, at least {workgroups} workgroups", self.as_str()),
            _ => f.write_str(self.as_str()),
        }
    }
}
