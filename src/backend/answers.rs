//! The answers of a backend.

/// A data set that a backend holds, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident(pub(crate) usize);

/// Loss and confusion matrix of a network on a whole set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Images in the set.
    pub images: usize,
    /// Mean loss.
    pub loss: f64,
    /// Classes the network tells apart.
    pub classes: usize,
    /// `[classes, classes]` counts of images: row by their label, column by the class predicted.
    pub confusion: Vec<u32>,
}

impl Evaluation {
    /// The share of images whose predicted class is their label.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right: u32 = self.confusion.iter().step_by(self.classes + 1).sum();
        f64::from(right) / self.images as f64
    }

    /// The share of images that are of the largest class: the accuracy of answering it to all.
    #[must_use]
    pub fn majority(&self) -> f64 {
        let labelled = self.confusion.chunks(self.classes).map(|row| row.iter().sum::<u32>());
        f64::from(labelled.max().unwrap_or(0)) / self.images as f64
    }
}

/// Every intermediate value of one batch's pass, row-major, under the reference's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Intermediates {
    /// x W1 + b1, `[N, hidden]`.
    pub a1: Vec<f32>,
    /// activation(a1), `[N, hidden]`.
    pub z1: Vec<f32>,
    /// The logits z1 W2 + b2, `[N, classes]`.
    pub a2: Vec<f32>,
    /// softmax(a2), or a2 itself, `[N, classes]`.
    pub y: Vec<f32>,
    /// (y - t) / N, `[N, classes]`.
    pub dy: Vec<f32>,
    /// dy W2ᵀ, `[N, hidden]`.
    pub dz1: Vec<f32>,
    /// dz1 activation'(a1), `[N, hidden]`.
    pub da1: Vec<f32>,
}

/// The kernels that run a step on a GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// Their family, a folder of `shaders/`.
    pub family: &'static str,
    /// How the family is set.
    pub plan: String,
    /// Their names, one a dispatch, in their order.
    pub dispatches: Vec<&'static str>,
}

/// How long each kernel of a step takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The kernels, in the order in which they first run.
    pub kernels: Vec<KernelTime>,
    /// Why there are none, if so.
    pub missing: Option<Untimed>,
}

impl From<Untimed> for Profile {
    fn from(reason: Untimed) -> Self {
        Self { kernels: Vec::new(), missing: Some(reason) }
    }
}

/// One kernel's part of a step, all its dispatches together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelTime {
    /// The kernel's name.
    pub name: &'static str,
    /// Seconds a step.
    pub seconds: f64,
    /// Floating-point operations a step: an addition and a multiplication are two.
    pub flops: f64,
    /// Bytes a step that go in or out, each once.
    pub bytes: f64,
}

/// Why a kernel's time is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untimed {
    /// There are no kernels.
    #[error("the CPU backend has no kernels")]
    Cpu,
    /// The device has no timestamps.
    #[error("the driver has no timestamps")]
    NoTimestamps,
    /// The device has timestamps, but they are not those of a clock.
    #[error("the driver's timestamps make no sense")]
    BadTimestamps,
    /// Only training steps are timed by kernel.
    #[error("kernels are timed in training steps only")]
    Inference,
}

/// The most that a device can do, as measured.
#[cfg(feature = "cli")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Additions and multiplications of f32 a second; a fused multiply-add is two.
    pub flops: f64,
    /// Bytes a second that a copy within the device's memory reads and writes.
    pub bytes_per_second: f64,
}

/// Work that was done, in operations or bytes, and how long it took.
#[cfg(feature = "cli")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub work: f64,
    pub seconds: f64,
}
