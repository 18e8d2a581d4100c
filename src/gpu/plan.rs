//! Which kernels run a network on which kind of GPU: the one place where that is decided.

use serde::{Deserialize, Serialize};
use wgpu::{AdapterInfo, DeviceType};

use super::layout::{BLOCK, FUSED_MOST_HIDDEN, HALF_BLOCK, WINDOW, hidden_window, layer_vec4s};
use crate::net::Shape;

/// A family of kernels, and how it is set. On one GPU the same plan gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kernels", rename_all = "snake_case", deny_unknown_fields)]
pub enum Plan {
    /// `shaders/tiled/`: register tiles, one operand in a uniform buffer; no barriers.
    Tiled,
    /// `shaders/fused/`: two kernels a step, a workgroup for 4 images.
    Fused,
    /// `shaders/blocked/`: blocks of sums in registers, their operands in workgroup memory.
    Blocked(Blocks),
}

/// How `shaders/blocked/` cuts the matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Columns of a block, 64 or 32; it has 64 rows, and each of its 64 invocations 8 x 8 or 8 x 4 sums.
    pub columns: usize,
    /// Where there would be fewer workgroups than this, sums are split into parts.
    pub workgroups: usize,
}

impl Blocks {
    /// Blocks for any GPU, none of whose sums are split.
    pub const ANY: Self = Self { columns: BLOCK, workgroups: 1 };
}

/// What a GPU is made of, as far as the choice of kernels goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A program on the CPU (lavapipe, llvmpipe, SwiftShader, WARP).
    Software,
    /// A GPU of Intel, in the processor or on a card.
    Intel,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A GPU with a memory of its own, or one that doesn't say.
    Discrete,
}

/// Intel's number among PCI's vendors.
const INTEL: u32 = 0x8086;

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Software, Self::Intel, Self::Integrated, Self::Discrete];

    /// The class of an adapter.
    #[must_use]
    pub fn of(info: &AdapterInfo) -> Self {
        match info.device_type {
            DeviceType::Cpu => Self::Software,
            _ if info.vendor == INTEL => Self::Intel,
            DeviceType::IntegratedGpu => Self::Integrated,
            DeviceType::DiscreteGpu | DeviceType::VirtualGpu | DeviceType::Other => Self::Discrete,
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Intel => "intel",
            Self::Integrated => "integrated",
            Self::Discrete => "discrete",
        }
    }
}

/// A row of the table: what runs on one kind of GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The most hidden units of a narrow network.
    pub narrow_up_to_hidden: usize,
    /// Runs narrow networks.
    pub narrow: Plan,
    /// Runs wider networks, and those that `narrow` does not fit.
    pub wide: Plan,
}

impl Row {
    /// The table.
    ///
    /// | class | narrow | blocks | workgroups | why |
    /// |---|---|---|---|---|
    /// | software | tiled | 64 x 64 | 1 | measured (`twolayer devices --tune`): no barrier, no words of 0 |
    /// | intel | fused | 64 x 32 | 256 | 8 x 8 sums spill its 128 registers into memory; eight workgroups for each of some 32 cores |
    /// | integrated | fused | 64 x 64 | 64 | two workgroups for each of some 32 cores |
    /// | discrete | fused | 64 x 64 | 512 | measured on an H100: four for each of its 132 cores; more parts cost more than they fill |
    ///
    /// The rows of Intel and of integrated GPUs are by what compilers make of the kernels (`benches/gpu-compilers/`). `narrow_up_to_hidden` is where a
    /// workgroup of `fused` has no memory left for more.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        let (narrow, blocks) = match class {
            Class::Software => (Plan::Tiled, Blocks::ANY),
            Class::Intel => (Plan::Fused, Blocks { columns: HALF_BLOCK, workgroups: 256 }),
            Class::Integrated => (Plan::Fused, Blocks { columns: BLOCK, workgroups: 64 }),
            Class::Discrete => (Plan::Fused, Blocks { columns: BLOCK, workgroups: 512 }),
        };
        Self { narrow_up_to_hidden: FUSED_MOST_HIDDEN, narrow, wide: Plan::Blocked(blocks) }
    }

    /// A row with one plan for all networks that it fits.
    #[must_use]
    pub const fn all(plan: Plan) -> Self {
        Self { narrow_up_to_hidden: usize::MAX, narrow: plan, wide: plan }
    }

    /// Checks a row that a person wrote.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn check(self) -> Result<(), RowError> {
        for plan in [self.narrow, self.wide] {
            if let Plan::Blocked(Blocks { columns, workgroups, .. }) = plan {
                if ![BLOCK, HALF_BLOCK].contains(&columns) {
                    return Err(RowError::Columns(columns));
                }
                if !(1..=MOST_WORKGROUPS).contains(&workgroups) {
                    return Err(RowError::Workgroups(workgroups));
                }
            }
        }
        Ok(())
    }

    /// The plan of a network.
    #[must_use]
    pub fn plan(self, shape: Shape) -> Plan {
        let is_narrow = shape.hidden <= self.narrow_up_to_hidden && self.narrow.fits(shape);
        let plan = if is_narrow { self.narrow } else { self.wide };
        // Blocks fit every network.
        if plan.fits(shape) { plan } else { Plan::Blocked(Blocks::ANY) }
    }
}

/// More than any GPU has room for at once.
const MOST_WORKGROUPS: usize = 1 << 20;

/// Numbers that no kernel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A block is not as wide as this.
    #[error("{0} columns; give {BLOCK} or {HALF_BLOCK}")]
    Columns(usize),
    /// No target for a GPU.
    #[error("{0} workgroups; give 1 to {MOST_WORKGROUPS}")]
    Workgroups(usize),
}

impl Plan {
    /// Every plan that the table could hold for such a network.
    #[must_use]
    pub fn candidates(shape: Shape) -> Vec<Self> {
        let whole = [64, 256, 512, 1024].map(|workgroups| Blocks { columns: BLOCK, workgroups });
        let half = [64, 256, 1024].map(|workgroups| Blocks { columns: HALF_BLOCK, workgroups });
        let blocks = [Blocks::ANY].into_iter().chain(whole).chain(half);
        let plans = [Self::Tiled, Self::Fused].into_iter().chain(blocks.map(Self::Blocked));
        plans.filter(|plan| plan.fits(shape)).collect()
    }

    /// Whether the kernels can run the network.
    #[must_use]
    pub fn fits(self, shape: Shape) -> bool {
        match self {
            // Windows hold whole rows.
            Self::Tiled => hidden_window(shape) > 0 && layer_vec4s(shape.hidden, shape.classes) <= WINDOW,
            Self::Fused => shape.hidden <= FUSED_MOST_HIDDEN,
            Self::Blocked(_) => true,
        }
    }

    /// The folder of `shaders/` that has its kernels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tiled => "tiled",
            Self::Fused => "fused",
            Self::Blocked(_) => "blocked",
        }
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Blocked(Blocks { columns, workgroups: 1 }) => write!(f, "{}, {BLOCK} x {columns}", self.as_str()),
            Self::Blocked(Blocks { columns, workgroups }) => {
                write!(f, "{}, {BLOCK} x {columns}, at least {workgroups} workgroups", self.as_str())
            }
            _ => f.write_str(self.as_str()),
        }
    }
}
