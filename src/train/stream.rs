//! Copies a set that is too large for the device or for memory to the device in parts, each in the order of the file. For a GPU,
//! the next part is read ahead; for the CPU, each thread reads what it then lists.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::events::Error;
use crate::backend::{Backend, Evaluation, Pending, Resident};
use crate::data::{self, Dataset, Selection, Store};
use crate::threads;

/// A set whose images are copied to the device during use.
#[derive(Debug)]
pub struct Stream {
    store: Arc<Store>,
    /// The images on the device.
    resident: Resident,
    /// `None` where the device computes on all cores: a thread that reads would take one from it.
    reader: Option<Reader>,
}

/// A thread that reads images ahead.
#[derive(Debug)]
struct Reader {
    requests: Sender<Vec<u32>>,
    results: Receiver<Result<Part, data::Error>>,
    /// The indices of the images that are being read.
    requested: Option<Vec<u32>>,
}

/// Images in the order of their file, and the place there of each that was asked for.
type Part = (Dataset, Vec<u32>);

impl Reader {
    /// `None` if the system has no free thread. Images are then read when they are needed.
    fn new(store: Arc<Store>) -> Option<Self> {
        let (requests, received) = channel::<Vec<u32>>();
        let (sent, results) = channel();
        let read = move || {
            // The thread ends when the `Reader` is dropped.
            for indices in received {
                let (order, places) = in_file_order(&indices);
                if sent.send(store.gather(&order).map(|images| (images, places))).is_err() {
                    break;
                }
            }
        };
        threads::spawn(read).then_some(Self { requests, results, requested: None })
    }

    fn request(&mut self, indices: Vec<u32>) {
        // If the thread has ended, the images are read when they are needed.
        if self.requests.send(indices.clone()).is_ok() {
            self.requested = Some(indices);
        }
    }

    /// The images with these indices, if they were requested.
    fn receive(&mut self, indices: &[u32]) -> Option<Result<Part, data::Error>> {
        let requested = self.requested.take()?;
        let images = self.results.recv().unwrap_or(Err(data::Error::ReaderGone));
        (requested == indices).then_some(images)
    }
}

impl Stream {
    /// Images that are copied together. They need little memory, and the time to wake the threads does not matter.
    pub const IMAGES: usize = 16_384;

    /// Makes room on the backend for some images of the store.
    ///
    /// # Errors
    /// The backend fails, or the images cannot be read.
    pub async fn new(backend: &mut Backend, store: Arc<Store>) -> Result<Self, Error> {
        let resident = backend.upload(&store.gather(&[0])?).await?;
        let reader = if backend.ahead() > 1 { Reader::new(store.clone()) } else { None };
        Ok(Self { store, resident, reader })
    }

    /// Whether it can read images before they are used.
    pub(super) fn reads_ahead(&self) -> bool {
        self.reader.is_some()
    }

    /// Copies the images with these indices to the device, and reads the `next` ones ahead. Returns the set on the device and
    /// the images' indices in it.
    pub(super) async fn load(
        &mut self,
        backend: &mut Backend,
        indices: Vec<u32>,
        next: Option<Vec<u32>>,
    ) -> Result<(Resident, Vec<u32>), Error> {
        let read = self.reader.as_mut().and_then(|reader| reader.receive(&indices)).transpose()?;
        if let Some((reader, next)) = self.reader.as_mut().zip(next) {
            reader.request(next);
        }
        let places = if let Some((images, places)) = read {
            backend.replace(self.resident, &images).await?;
            places
        } else {
            let (order, places) = in_file_order(&indices);
            // Read as the device takes it.
            backend.replace(self.resident, &Selection::new(&self.store, &order)?).await?;
            places
        };
        Ok((self.resident, places))
    }

    /// Loss, accuracy and confusion matrix over the whole set.
    pub(super) async fn evaluate(&mut self, backend: &mut Backend) -> Result<Evaluation, Error> {
        let len = self.store.len() as u32;
        let part = |first: u32| (first..len.min(first + Self::IMAGES as u32)).collect::<Vec<_>>();
        let mut sum: Option<Evaluation> = None;
        let mut pending: Option<Pending<Evaluation>> = None;
        for first in (0..len).step_by(Self::IMAGES) {
            let next = first + Self::IMAGES as u32;
            self.load(backend, part(first), (next < len).then(|| part(next))).await?;
            // The device computes this part while the next is copied. So two parts at most are in memory.
            if let Some(previous) = pending.replace(backend.evaluate(self.resident)) {
                add(&mut sum, previous.await?);
            }
        }
        if let Some(last) = pending {
            add(&mut sum, last.await?);
        }
        sum.ok_or(Error::Data(data::Error::Empty))
    }
}

/// The indices in their order in the file, where neighbours can be read together; and the place there of each of those given.
fn in_file_order(indices: &[u32]) -> (Vec<u32>, Vec<u32>) {
    // An index and its number in one integer, which are sorted in half the time of a pair.
    let mut order: Vec<_> =
        indices.iter().zip(0_u64..).map(|(index, number)| u64::from(*index) << 32 | number).collect();
    order.sort_unstable();
    let mut places = vec![0; indices.len()];
    for (both, place) in order.iter().zip(0..) {
        places[*both as u32 as usize] = place;
    }
    (order.into_iter().map(|both| (both >> 32) as u32).collect(), places)
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
    use std::fs::File;

    use pollster::block_on;

    use super::*;
    use crate::data::{StoredSet, idx};
    use crate::devices::Device;
    use crate::net::{Activation, Net, Output, Params, Shape};

    #[test]
    fn images_read_ahead_are_the_requested_ones() {
        let shape = Shape { input: 4, hidden: 3, classes: 5 };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let set = Dataset::new((0..200).collect(), (0..50).map(|image| image % 5).collect(), 2, 2).unwrap();
        let params = Params::init(shape, 1.0, 0);
        let mut backend = block_on(Backend::new(&Device::Cpu { threads: 1 }, net, 2, &params)).unwrap();
        let resident = block_on(backend.upload(&set)).unwrap();
        let mut stream = block_on(Stream::new(&mut backend, Arc::new(Store::Memory(set)))).unwrap();
        for reads_ahead in [true, false] {
            stream.reader = if reads_ahead { Reader::new(stream.store.clone()) } else { None };
            // The announced indices follow twice. Then others follow, and at the end none are announced.
            let calls = [([3, 9], Some([40, 0])), ([40, 0], Some([7, 7])), ([7, 7], Some([1, 2])), ([8, 6], None)];
            for (indices, next) in calls {
                let (part, found) = block_on(stream.load(&mut backend, indices.to_vec(), next.map(Vec::from))).unwrap();
                let requested = stream.reader.as_ref().and_then(|reader| reader.requested.clone());
                assert_eq!(requested, next.filter(|_| reads_ahead).map(Vec::from));
                let loss =
                    |backend: &mut Backend, set, indices: &[u32]| block_on(backend.train(set, indices, 0.0)).unwrap();
                let expected = loss(&mut backend, resident, &indices);
                assert_eq!(loss(&mut backend, part, &found), expected, "{indices:?}");
            }
        }
    }

    #[test]
    fn a_file_that_is_truncated_during_use_is_an_error_and_the_images_before_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images");
        let set = Dataset::new((0..240).collect(), (0..60).map(|image| image % 5).collect(), 2, 2).unwrap();
        idx::write_images(&set, File::create(&path).unwrap()).unwrap();
        let store = Arc::new(Store::File(StoredSet::open(&path, set.labels().to_vec()).unwrap()));
        let shape = Shape { input: 4, hidden: 3, classes: 5 };
        let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
        let mut backend =
            block_on(Backend::new(&Device::Cpu { threads: 2 }, net, 2, &Params::init(shape, 1.0, 0))).unwrap();
        let part = set.gather(&[3, 8, 8, 59]).unwrap();
        let expected = {
            let resident = block_on(backend.upload(&part)).unwrap();
            block_on(backend.evaluate(resident)).unwrap()
        };
        let mut stream = block_on(Stream::new(&mut backend, store)).unwrap();
        let (resident, places) = block_on(stream.load(&mut backend, vec![59, 8, 3, 8], None)).unwrap();
        assert_eq!((block_on(backend.evaluate(resident)).unwrap(), &places[..]), (expected.clone(), &[3, 1, 0, 2][..]));
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        let error = block_on(stream.load(&mut backend, vec![1, 58], None)).unwrap_err();
        assert!(matches!(error, Error::Data(_)) && error.to_string().contains("images: cannot be read"), "{error}");
        assert_eq!(block_on(backend.evaluate(resident)).unwrap(), expected);
    }

    #[test]
    fn indices_come_in_the_order_of_the_file() {
        for indices in [vec![], vec![4], vec![9, 2, 9, 0, 7, 2], (0..100).rev().collect()] {
            let (order, places) = in_file_order(&indices);
            assert!(order.is_sorted() && order.len() == indices.len());
            assert_eq!(places.iter().map(|&place| order[place as usize]).collect::<Vec<_>>(), indices);
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
