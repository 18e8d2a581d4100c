//! A set that is too large for the device, or for memory: some images at a time, on a GPU the next ones read while these are
//! used.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::events::Error;
use crate::backend::{Backend, Evaluation, Pending, Resident};
use crate::data::{self, Dataset, Store};
use crate::threads;

/// A set whose images come to the device as they are used.
#[derive(Debug)]
pub struct Stream {
    store: Arc<Store>,
    /// Where they lie on the device.
    place: Resident,
    /// What reads the next images while these are used, where the device computes by itself: where the CPU does, its cores
    /// are used up, and reading first is faster.
    ahead: Option<Ahead>,
}

/// A thread that gathers images.
#[derive(Debug)]
struct Ahead {
    orders: Sender<Vec<u32>>,
    gathered: Receiver<Result<Dataset, data::Error>>,
    /// The image numbers that it has been given and whose images have not been taken.
    ordered: Option<Vec<u32>>,
}

impl Ahead {
    /// None where the system gives no thread: then images are read when they are needed.
    fn new(store: Arc<Store>) -> Option<Self> {
        let (orders, received) = channel::<Vec<u32>>();
        let (sent, gathered) = channel();
        let read = move || {
            // It ends when either end of it is gone.
            for numbers in received {
                if sent.send(store.gather(&numbers)).is_err() {
                    break;
                }
            }
        };
        threads::spawn(read).then_some(Self { orders, gathered, ordered: None })
    }

    fn order(&mut self, numbers: Vec<u32>) {
        // If the thread is gone, what it would have read is gathered when it is taken.
        if self.orders.send(numbers.clone()).is_ok() {
            self.ordered = Some(numbers);
        }
    }

    /// The images of these numbers, if it was they that were ordered.
    fn take(&mut self, numbers: &[u32]) -> Option<Result<Dataset, data::Error>> {
        let ordered = self.ordered.take()?;
        let images = self.gathered.recv().unwrap_or(Err(data::Error::ReaderGone));
        (ordered == numbers).then_some(images)
    }
}

impl Stream {
    /// Images at a time: enough that waking threads for them does not count, and little memory.
    pub const IMAGES: usize = 16_384;

    /// Makes room on the backend for some images of the store.
    ///
    /// # Errors
    /// What the backend reports, or images that cannot be read.
    pub async fn new(backend: &mut Backend, store: Arc<Store>) -> Result<Self, Error> {
        let place = backend.upload(&store.gather(&[0])?).await?;
        let ahead = if backend.ahead() > 1 { Ahead::new(store.clone()) } else { None };
        Ok(Self { store, place, ahead })
    }

    /// Takes the images of these numbers to the device, and has the `next` ones read meanwhile. Returns where they are, and
    /// their numbers there.
    pub(super) async fn take(
        &mut self,
        backend: &mut Backend,
        numbers: Vec<u32>,
        next: Option<Vec<u32>>,
    ) -> Result<(Resident, Vec<u32>), Error> {
        let read = self.ahead.as_mut().and_then(|ahead| ahead.take(&numbers));
        let images = read.unwrap_or_else(|| self.store.gather(&numbers))?;
        if let Some((ahead, next)) = self.ahead.as_mut().zip(next) {
            ahead.order(next);
        }
        backend.replace(self.place, &images).await?;
        Ok((self.place, (0..numbers.len() as u32).collect()))
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
    use pollster::block_on;

    use super::*;
    use crate::devices::Device;
    use crate::net::{Activation, Net, Output, Params, Shape};

    #[test]
    fn what_was_read_ahead_is_what_was_asked_for() {
        let shape = Shape { input: 4, hidden: 3, classes: 5 };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let set = Dataset::new((0..200).collect(), (0..50).map(|image| image % 5).collect(), 2, 2).unwrap();
        let params = Params::init(shape, 1.0, 0);
        let mut backend = block_on(Backend::new(&Device::Cpu { threads: 1 }, net, 2, &params)).unwrap();
        let resident = block_on(backend.upload(&set)).unwrap();
        let mut stream = block_on(Stream::new(&mut backend, Arc::new(Store::Memory(set)))).unwrap();
        for reads_ahead in [true, false] {
            stream.ahead = if reads_ahead { Ahead::new(stream.store.clone()) } else { None };
            // What comes next, twice as it was said, once otherwise, and at last nothing.
            let asked = [([3, 9], Some([40, 0])), ([40, 0], Some([7, 7])), ([7, 7], Some([1, 2])), ([8, 6], None)];
            for (numbers, next) in asked {
                let (place, found) =
                    block_on(stream.take(&mut backend, numbers.to_vec(), next.map(Vec::from))).unwrap();
                let ordered = stream.ahead.as_ref().and_then(|ahead| ahead.ordered.clone());
                assert_eq!(ordered, next.filter(|_| reads_ahead).map(Vec::from));
                let loss =
                    |backend: &mut Backend, set, numbers: &[u32]| block_on(backend.train(set, numbers, 0.0)).unwrap();
                let expected = loss(&mut backend, resident, &numbers);
                assert_eq!(loss(&mut backend, place, &found), expected, "{numbers:?}");
            }
        }
    }

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
