//! The workloads that are timed: networks, batches, and the floating-point operations of a step.

use std::str::FromStr;

use crate::data::digits::{CLASSES, PIXELS};
use crate::net::{Shape, UnknownName};

/// A network and the step that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The name on the command line and in files.
    pub name: &'static str,
    /// Hidden units.
    pub hidden: usize,
    /// The step that is repeated.
    pub step: Step,
}

/// One step of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One step of SGD.
    Training {
        /// Images in its batch.
        batch_size: usize,
    },
    /// One evaluation of the whole set.
    Inference,
}

/// The book's hidden units.
const HIDDEN: usize = 50;
/// The book's images in a batch.
const BATCH_SIZE: usize = 100;

impl Workload {
    /// The book's network and batches. A GPU has so little work here that it mostly waits for its next kernel.
    pub const ARTICLE: Self = Self { name: "article", hidden: HIDDEN, step: Step::Training { batch_size: BATCH_SIZE } };
    /// Enough work for a small GPU.
    pub const WIDE: Self = Self { name: "wide", hidden: 1024, step: Step::Training { batch_size: 1024 } };
    /// Enough work for a large GPU: the largest hidden layer and batch that every backend accepts.
    pub const LARGE: Self =
        Self { name: "large", hidden: Shape::MAX_HIDDEN, step: Step::Training { batch_size: Shape::MAX_BATCH } };
    /// Evaluation of the whole training set with the book's network.
    pub const INFERENCE: Self = Self { name: "inference", hidden: HIDDEN, step: Step::Inference };
    /// The named workloads, from the least work to the most. A device that runs out of time skips the last ones.
    pub const ALL: [Self; 4] = [Self::ARTICLE, Self::INFERENCE, Self::WIDE, Self::LARGE];

    /// Training with other hidden units or another batch size. `None` stands for the book's value.
    #[must_use]
    pub fn custom(hidden: Option<usize>, batch_size: Option<usize>) -> Self {
        let batch_size = batch_size.unwrap_or(BATCH_SIZE);
        Self { name: "custom", hidden: hidden.unwrap_or(HIDDEN), step: Step::Training { batch_size } }
    }

    /// The shape of the network.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape { input: PIXELS, hidden: self.hidden, classes: CLASSES }
    }

    /// Whether a software GPU runs this workload by default. The other workloads would take it minutes.
    #[must_use]
    pub fn suits_software(&self) -> bool {
        self.hidden <= HIDDEN
    }

    /// The floating-point operations of a step over N `images`, with I inputs, H hidden units and C classes. Only the
    /// matrix products are counted. Each of their terms is a multiplication and an addition.
    ///
    /// Inference computes x W1 and z1 W2: 2 N I H + 2 N H C. Training adds xᵀ da1, the gradient of W1 (2 N I H), z1ᵀ dy,
    /// the gradient of W2 (2 N H C), and dy W2ᵀ (2 N H C): 4 N I H + 6 N H C in total. The images need no gradient.
    #[must_use]
    pub fn flops(&self, images: usize) -> f64 {
        let Shape { input, hidden, classes } = self.shape();
        let (n, i, h, c) = (images as f64, input as f64, hidden as f64, classes as f64);
        match self.step {
            Step::Training { .. } => 4.0 * n * i * h + 6.0 * n * h * c,
            Step::Inference => 2.0 * n * (i * h + h * c),
        }
    }
}

impl FromStr for Workload {
    type Err = UnknownName;

    fn from_str(given: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|workload| workload.name == given);
        found.ok_or_else(|| UnknownName::new("workload", given, &["article", "wide", "large", "inference"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operations of matrix products, each given as (rows, columns, length of the sums).
    fn operations(products: &[(usize, usize, usize)]) -> f64 {
        products.iter().map(|(rows, columns, length)| 2.0 * (rows * columns * length) as f64).sum()
    }

    #[test]
    fn flops_are_those_of_the_matrix_products() {
        let workload = Workload::custom(Some(7), Some(5));
        let forward = [(5, 7, 784), (5, 10, 7)];
        let back = [(7, 10, 5), (5, 7, 10), (784, 7, 5)];
        assert_eq!(workload.flops(5).to_bits(), operations(&[&forward[..], &back].concat()).to_bits());
        let inference = Workload { step: Step::Inference, ..workload };
        assert_eq!(inference.flops(5).to_bits(), operations(&forward).to_bits());
    }

    #[test]
    fn the_named_workloads_are_as_documented() {
        let training = [("article", 50, Some(100)), ("wide", 1024, Some(1024)), ("large", 4096, Some(8192))];
        for (name, hidden, batch_size) in training.into_iter().chain([("inference", 50, None)]) {
            let workload: Workload = name.parse().unwrap();
            let step = batch_size.map_or(Step::Inference, |batch_size| Step::Training { batch_size });
            assert_eq!(workload, Workload { name, hidden, step });
            assert_eq!(workload.suits_software(), ["article", "inference"].contains(&name));
        }
        let error = "huge".parse::<Workload>().unwrap_err().to_string();
        assert_eq!(error, "'huge' is no workload; choose article, wide, large or inference");
        assert!("custom".parse::<Workload>().is_err());
        assert_eq!(Workload::custom(None, None).step, Workload::ARTICLE.step);
    }
}
