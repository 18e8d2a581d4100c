//! How devices are named, and what they are made of.

use crate::machine::Processor;

/// The CPU's index.
pub(super) const CPU: usize = 0;

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Kind {
    /// The CPU backend.
    Cpu,
    /// A wgpu adapter.
    Gpu,
}

impl Kind {
    /// The name used in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What a device is made of, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
pub enum Hardware {
    /// The machine's CPU.
    Cpu(Processor),
    /// A GPU.
    Gpu(Card),
}

/// A GPU as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize, serde::Deserialize))]
pub struct Card {
    /// What it is.
    #[cfg_attr(feature = "cli", serde(rename = "type"))]
    pub kind: CardKind,
    /// The PCI numbers of its vendor and its model, in hex with a colon between; none where the driver does not give them.
    pub pci: Option<String>,
}

/// What a GPU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum CardKind {
    /// It has a memory of its own.
    Discrete,
    /// It shares the CPU's memory.
    Integrated,
    /// A part of a GPU that a virtual machine is given.
    Virtual,
    /// A program on the CPU.
    Software,
    /// Its driver does not say.
    Other,
}

impl CardKind {
    /// The name used in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
            Self::Other => "other",
        }
    }
}

/// One device, as people and files name it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize, serde::Deserialize))]
pub struct Info {
    /// Its place in [`list`](super::list); the CPU's is 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Whether it is the CPU backend.
    pub kind: Kind,
    /// `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// Its driver and the driver's version, where known.
    pub driver: String,
    /// True for a GPU that is a program on the CPU.
    pub software: bool,
    /// Its place, from 0, among the devices of the same name, backend and driver: nothing else tells equal cards apart.
    pub among_equals: usize,
    /// What it is made of.
    #[cfg_attr(feature = "cli", serde(flatten))]
    pub hardware: Hardware,
}

impl Info {
    /// Its name, with the processor's in place of the word "CPU".
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.hardware {
            Hardware::Cpu(Processor { model: Some(model), .. }) => self.name.replacen("CPU", model, 1),
            _ => self.name.clone(),
        }
    }

    /// The f64 reference, which is no backend: what trains by the naive gradient.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            index: CPU,
            name: "the f64 reference, 1 thread".to_owned(),
            kind: Kind::Cpu,
            backend: "reference".to_owned(),
            driver: String::new(),
            software: false,
            among_equals: 0,
            hardware: Hardware::Cpu(Processor::this(None)),
        }
    }
}
