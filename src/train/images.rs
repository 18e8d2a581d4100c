//! The splits of a run on a device: resident, or copied there during use.

use std::sync::Arc;

use super::events::Error;
use super::stream::Stream;
use crate::backend::{Backend, Evaluation, Pending, Resident};
use crate::data::Store;
use crate::net::Gradients;

/// The splits of a run.
#[derive(Debug)]
pub struct Sets {
    /// The training split.
    pub train: Images,
    /// The split that chooses the best network, which is only evaluated.
    pub validation: Option<Images>,
    /// The test split, which is only evaluated.
    pub test: Images,
}

/// A set of images for a backend.
#[derive(Debug)]
pub enum Images {
    /// All images are on the device.
    Resident(Resident),
    /// Images are copied to the device during use.
    Streamed(Stream),
}

impl From<Resident> for Images {
    fn from(set: Resident) -> Self {
        Self::Resident(set)
    }
}

impl Images {
    /// Uploads a set to a backend. A set that is in a file, or does not fit the device's buffers, is copied during use.
    ///
    /// # Errors
    /// The device fails, or the images cannot be read.
    pub async fn new(backend: &mut Backend, store: impl Into<Arc<Store>>) -> Result<Self, Error> {
        let store = store.into();
        if let Store::Memory(set) = &*store {
            match backend.upload(set).await {
                Err(error) if error.is_too_large() => {}
                resident => return Ok(resident?.into()),
            }
        }
        Ok(Self::Streamed(Stream::new(backend, store).await?))
    }

    /// Starts training on these batches, `[steps, batch_size]`, with a learning rate for each. `next` are the indices of the
    /// following batches, to be read ahead.
    ///
    /// # Errors
    /// The device fails, or the images cannot be read.
    pub async fn train(
        &mut self,
        backend: &mut Backend,
        indices: Vec<u32>,
        next: Option<Vec<u32>>,
        learning_rates: &[f32],
    ) -> Result<Pending<Vec<f32>>, Error> {
        match self {
            Self::Resident(set) => Ok(backend.train_by(*set, &indices, learning_rates)),
            Self::Streamed(stream) => {
                let (set, indices) = stream.load(backend, indices, next).await?;
                Ok(backend.train_by(set, &indices, learning_rates))
            }
        }
    }

    /// Starts an evaluation of all images: loss, accuracy and confusion matrix.
    ///
    /// # Errors
    /// The device fails, or the images cannot be read.
    pub async fn evaluate(&mut self, backend: &mut Backend) -> Result<Pending<Evaluation>, Error> {
        match self {
            Self::Resident(set) => Ok(backend.evaluate(*set)),
            Self::Streamed(stream) => {
                let evaluation = stream.evaluate(backend).await?;
                Ok(Box::pin(std::future::ready(Ok(evaluation))))
            }
        }
    }

    /// The most images that steps can be done on without loading others.
    pub(super) fn most_images(&self) -> usize {
        match self {
            Self::Resident(_) => usize::MAX,
            Self::Streamed(_) => Stream::IMAGES,
        }
    }

    /// Whether images are read before they are used.
    pub(super) fn reads_ahead(&self) -> bool {
        matches!(self, Self::Streamed(stream) if stream.reads_ahead())
    }

    /// The mean loss of one batch and its gradient.
    pub(super) async fn gradient(&mut self, backend: &mut Backend, indices: &[u32]) -> Result<(f32, Gradients), Error> {
        match self {
            Self::Resident(set) => Ok(backend.gradient(*set, indices).await?),
            Self::Streamed(stream) => {
                let (set, indices) = stream.load(backend, indices.to_vec(), None).await?;
                Ok(backend.gradient(set, &indices).await?)
            }
        }
    }
}
