//! A set that is too large for the device, or for memory: some images at a time, on a GPU the next ones read while these are
//! used.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::Error;
use crate::backend::{Backend, Evaluation, Pending, Resident};
use crate::data::{self, Dataset, Store};

/// A set whose images come to the device as they are used.
#[derive(Debug)]
pub struct Stream {
    store: Arc<Store>,
    /// Where they lie on the device.
    place: Resident,
    /// To the thread that gathers images, and from it.
    orders: Sender<Vec<u32>>,
    gathered: Receiver<Result<Dataset, data::Error>>,
    /// The image numbers that the thread has been given and that have not been taken.
    ordered: Option<Vec<u32>>,
}

impl Stream {
    /// Images at a time: enough that waking threads for them does not count, and little memory.
    pub const IMAGES: usize = 16_384;

    /// Makes room on the backend for some images of the store, and starts the thread that reads them.
    ///
    /// # Errors
    /// What the backend reports, or images that cannot be read.
    pub async fn new(backend: &mut Backend, store: Arc<Store>) -> Result<Self, Error> {
        let place = backend.upload(&store.gather(&[0])?).await?;
        let (orders, received) = channel::<Vec<u32>>();
        let (sent, gathered) = channel();
        let source = store.clone();
        thread::spawn(move || {
            // It ends when either end of it is gone.
            for numbers in received {
                if sent.send(source.gather(&numbers)).is_err() {
                    break;
                }
            }
        });
        Ok(Self { store, place, orders, gathered, ordered: None })
    }

    /// Takes the images of these numbers to the device, and has the `next` ones read meanwhile where the device computes by
    /// itself: where the CPU does, its cores are used up, and reading first is faster. Returns where the images are, and their
    /// numbers there.
    pub(super) async fn take(
        &mut self,
        backend: &mut Backend,
        numbers: Vec<u32>,
        next: Option<Vec<u32>>,
    ) -> Result<(Resident, Vec<u32>), Error> {
        let images = match self.ordered.take() {
            Some(ordered) if ordered == numbers => self.received()?,
            other => {
                // What was ordered is not wanted any more.
                if other.is_some() {
                    self.received()?;
                }
                self.store.gather(&numbers)?
            }
        };
        if let Some(next) = next.filter(|_| backend.ahead() > 1) {
            self.order(next);
        }
        backend.replace(self.place, &images).await?;
        Ok((self.place, (0..numbers.len() as u32).collect()))
    }

    fn order(&mut self, numbers: Vec<u32>) {
        // If the thread is gone, what it would have read is gathered when it is taken.
        if self.orders.send(numbers.clone()).is_ok() {
            self.ordered = Some(numbers);
        }
    }

    fn received(&self) -> Result<Dataset, data::Error> {
        self.gathered.recv().unwrap_or(Err(data::Error::ReaderGone))
    }

    /// Loss, accuracy and confusion matrix over the whole set.
    pub(super) async fn evaluate(&mut self, backend: &mut Backend) -> Result<Evaluation, Error> {
        let len = self.store.len() as u32;
        let part = |first: u32| (first..len.min(first + Self::IMAGES as u32)).collect::<Vec<_>>();
        let mut sum: Option<Evaluation> = None;
        let mut pending: Option<Pending<Evaluation>> = None;
        for first in (0..len).step_by(Self::IMAGES) {
            let next = first + Self::IMAGES as u32;
            self.take(backend, part(first), (next < len).then(|| part(next))).await?;
            let asked = backend.evaluate(self.place);
            // One is computed while the next is taken to the device, and no more wait in memory.
            if let Some(before) = pending.replace(asked) {
                add(&mut sum, before.await?);
            }
        }
        if let Some(last) = pending {
            add(&mut sum, last.await?);
        }
        sum.ok_or(Error::Data(data::Error::Empty))
    }
}

/// Adds the evaluation of some more images.
fn add(sum: &mut Option<Evaluation>, more: Evaluation) {
    let Some(sum) = sum else {
        *sum = Some(more);
        return;
    };
    let images = sum.images + more.images;
    sum.loss = (sum.loss * sum.images as f64 + more.loss * more.images as f64) / images as f64;
    sum.images = images;
    for (count, more) in sum.confusion.iter_mut().zip(more.confusion) {
        *count += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_add_up() {
        let part =
            |images, loss, confusion: [u32; 4]| Evaluation { images, loss, classes: 2, confusion: confusion.into() };
        let mut sum = None;
        add(&mut sum, part(3, 1.0, [2, 0, 1, 0]));
        add(&mut sum, part(1, 5.0, [0, 0, 0, 1]));
        assert_eq!(sum, Some(part(4, 2.0, [2, 0, 1, 1])));
    }
}
