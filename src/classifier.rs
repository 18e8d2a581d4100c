//! The plain, synchronous face of the library for the common case: train on a set, keep the network, ask it for classes.
//!
//! Every call waits for its device. A browser's page may not wait: there only the CPU, whose answers are there at once, can be
//! asked like this. Who wants to record work while a device computes, to hear of each epoch or to stream a
//! set from its file takes [`Backend`] and [`train`](mod@crate::train), which this stands on.

use std::ops::ControlFlow;
#[cfg(not(target_family = "wasm"))]
use std::path::Path;

use ndarray::ArrayView1;

use crate::backend::{self, Backend, Evaluation, Resident};
use crate::book;
use crate::data::batches::{Batches, Sampling};
use crate::data::description::Description;
use crate::data::{self, Dataset};
use crate::devices::{self, Choice};
use crate::functions::argmax;
use crate::model::{self, Model};
use crate::net::{Activation, Net, Output, Params, Shape, WeightInit};
use crate::selftest;
use crate::train::{self, End, Sets};

/// A network of two layers that tells classes of images apart, on a device.
///
/// ```
/// use twolayer::classifier::{Classifier, Settings};
/// use twolayer::data::{Dataset, digits};
/// use twolayer::devices::Choice;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (images, labels) = digits::draw(2000, 1);
/// let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE)?;
/// let settings = Settings { device: Choice::Cpu, hidden: 100, ..Settings::default() };
/// let mut classifier = Classifier::train(&set, &settings)?;
/// assert!(classifier.evaluate(&set)?.accuracy() > 0.8);
/// # Ok(())
/// # }
/// ```
pub struct Classifier {
    net: Net,
    params: Params,
    description: Description,
    backend: Backend,
    /// The place on the device of the set that was evaluated last; the next one takes it.
    evaluated: Option<Resident>,
}

/// What a network says of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The class of the largest output, the first of equals; from 0, as the labels are.
    pub class: usize,
    /// How likely the network holds each class, `[classes]`; together 1. Of a network whose output is
    /// [`Output::Identity`], the outputs as they are.
    pub probabilities: Vec<f32>,
}

/// How a network is made and trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where it computes.
    pub device: Choice,
    /// Hidden units, 1 to [`Shape::MAX_HIDDEN`].
    pub hidden: usize,
    /// The hidden layer's function.
    pub activation: Activation,
    /// From what the initial weights are drawn.
    pub weight_init: WeightInit,
    /// Images in a batch, 1 to [`Shape::MAX_BATCH`].
    pub batch_size: usize,
    /// What every gradient is multiplied by, finite and above 0.
    pub learning_rate: f32,
    /// How many times as many images as the set has are drawn in all.
    pub epochs: u32,
    /// The same seed on the same device gives the same bits.
    pub seed: u64,
}

impl Settings {
    /// The book's network and learning rate, made for MNIST: sigmoid, initial weights of deviation 0.01.
    #[must_use]
    pub fn book() -> Self {
        Self {
            device: Choice::Auto,
            hidden: book::HIDDEN.into(),
            activation: Activation::Sigmoid,
            weight_init: WeightInit::Normal { std: book::WEIGHT_INIT_STD },
            batch_size: book::BATCH_SIZE.into(),
            learning_rate: book::LEARNING_RATE,
            epochs: 20,
            seed: 0,
        }
    }
}

impl Default for Settings {
    /// The book's, but with ReLU and He's initial weights: these also learn small sets, and pictures that are not MNIST's.
    fn default() -> Self {
        Self { activation: Activation::Relu, weight_init: WeightInit::He, ..Self::book() }
    }
}

/// Why a classifier cannot be had, or does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such device, or it cannot be opened.
    #[error(transparent)]
    Device(#[from] devices::Error),
    /// The device failed or computes wrongly, or the set is not the network's.
    #[error(transparent)]
    Backend(#[from] backend::Error),
    /// The set is none to train on.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// A file of a network cannot be read or written.
    #[error(transparent)]
    File(#[from] model::Error),
    /// Bytes are no network.
    #[error("the network {0}")]
    Bytes(#[from] model::Problem),
    /// The learning rate is none.
    #[error("a learning rate of {0} trains nothing; give a finite number above 0")]
    LearningRate(f32),
    /// Training left the numbers that f32 has.
    #[error("the loss was no finite number at iteration {step}; give a lower learning rate")]
    Diverged {
        /// The step, from 0.
        step: u64,
    },
    /// In a browser: a GPU's answer was to be waited for.
    #[error("a page cannot wait for a GPU; choose the CPU, or await the answers of a Backend")]
    Waits,
    /// An image has another size than the network's.
    #[error("{found} pixels for a network of images with {expected}; give one byte a pixel, row by row")]
    Pixels {
        /// The bytes given.
        found: usize,
        /// The pixels of an image.
        expected: usize,
    },
}

impl From<train::Error> for Error {
    fn from(error: train::Error) -> Self {
        match error {
            train::Error::Backend(error) => Self::Backend(error),
            train::Error::Data(error) => Self::Data(error),
        }
    }
}

impl Classifier {
    /// Trains a network on a whole set; its classes are 0 to the set's largest label. Test images are for
    /// [`Classifier::evaluate`].
    ///
    /// Where the device is [`Choice::Gpu`] and there is none, or none that opens, the CPU takes over.
    ///
    /// # Errors
    /// Settings out of their ranges, a set of fewer than two classes, a loss that is not finite, or what the device reports or
    /// computes wrongly.
    pub fn train(set: &Dataset, settings: &Settings) -> Result<Self, Error> {
        wait(Self::train_on(set, settings))
    }

    async fn train_on(set: &Dataset, settings: &Settings) -> Result<Self, Error> {
        let &Settings { hidden, activation, weight_init, batch_size, learning_rate, seed, .. } = settings;
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return Err(Error::LearningRate(learning_rate));
        }
        let shape = Shape { input: set.pixels(), hidden, classes: set.classes()? };
        shape.check(batch_size).map_err(backend::Error::Shape)?;
        let net = Net { shape, activation, output: Output::Softmax };
        let params = Params::init_by(shape, weight_init, seed);
        let mut backend = open(&settings.device, net, batch_size, &params).await?;
        let resident = backend.upload(set).await?;
        let mut batches = Batches::new(seed, Sampling::Replacement, batch_size, set.len());
        let epoch = train::Settings::steps_per_epoch(set.len(), batch_size);
        let iterations = u64::from(settings.epochs) * epoch;
        // Nobody looks at an accuracy by epoch, so all of it is one.
        let schedule = train::Settings { iterations, steps_per_epoch: iterations, learning_rate };
        let sets = Sets { train: resident.into(), test: resident.into() };
        let run = train::train(&mut backend, sets, &mut batches, &schedule, &mut |_| ControlFlow::Continue(())).await?;
        if let End::NotFinite { step } = run.end {
            return Err(Error::Diverged { step });
        }
        Ok(Self { net, params: run.params, description: Description::default(), backend, evaluated: Some(resident) })
    }

    /// Reads a network from a safetensors file, as a run's folder has one: `run/model.safetensors`. It computes on the CPU.
    ///
    /// # Errors
    /// What is wrong with the file.
    #[cfg(not(target_family = "wasm"))]
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::new(model::load(path)?, &Choice::Cpu)
    }

    /// Reads a network from the bytes of a safetensors file. It computes on the CPU.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::new(model::read(bytes)?, &Choice::Cpu)
    }

    /// Takes a network to a device. Functions that a model does not name are the book's, sigmoid and softmax.
    ///
    /// # Errors
    /// No such device, or what it reports or computes wrongly.
    pub fn new(model: Model, device: &Choice) -> Result<Self, Error> {
        let Model { params, activation, output, description } = model;
        let net =
            Net { shape: params.shape, activation: activation.unwrap_or_default(), output: output.unwrap_or_default() };
        let backend = wait(async {
            let mut backend = open(device, net, 1, &params).await?;
            selftest::evaluation(&mut backend).await?;
            Ok(backend)
        })?;
        Ok(Self { net, params, description, backend, evaluated: None })
    }

    /// Writes the network to a safetensors file, whole or not at all; one that is there is replaced.
    ///
    /// # Errors
    /// A place that cannot be written to.
    #[cfg(not(target_family = "wasm"))]
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        Ok(model::save(path, &self.net, &self.params, &self.description)?)
    }

    /// The network as the bytes of a safetensors file, which [`Classifier::from_bytes`] reads.
    ///
    /// # Errors
    /// Class names that JSON does not hold, which there are not.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        model::write(&mut bytes, &self.net, &self.params, &self.description).map_err(model::Problem::Write)?;
        Ok(bytes)
    }

    /// What an image shows. `pixels` are its bytes, `[rows, cols]` row-major, 0 to 255, prepared as the images were that the
    /// network was trained on.
    ///
    /// # Errors
    /// Bytes that are not one image of the network's, or what the device reports.
    pub fn predict(&mut self, pixels: &[u8]) -> Result<Prediction, Error> {
        let prediction = if pixels.len() == self.net.shape.input { self.predict_all(pixels)?.pop() } else { None };
        prediction.ok_or(Error::Pixels { found: pixels.len(), expected: self.net.shape.input })
    }

    /// What each of several images shows, `[N, rows, cols]` row-major; faster than one after the other.
    ///
    /// # Errors
    /// Bytes that are not whole images of the network's, or what the device reports.
    pub fn predict_all(&mut self, pixels: &[u8]) -> Result<Vec<Prediction>, Error> {
        let y = wait(async { Ok(self.backend.predict(pixels).await?) })?;
        Ok(y.chunks(self.net.shape.classes).map(Prediction::new).collect())
    }

    /// Loss, accuracy and confusion matrix over a set.
    ///
    /// # Errors
    /// A set whose images or labels are not the network's, or what the device reports.
    pub fn evaluate(&mut self, set: &Dataset) -> Result<Evaluation, Error> {
        wait(async {
            let resident = match self.evaluated {
                Some(resident) => {
                    self.backend.replace(resident, set).await?;
                    resident
                }
                None => *self.evaluated.insert(self.backend.upload(set).await?),
            };
            Ok(self.backend.evaluate(resident).await?)
        })
    }

    /// The network's shape and functions.
    #[must_use]
    pub fn net(&self) -> Net {
        self.net
    }

    /// The network's parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// What the classes are called, in the order of the labels, if the network's file says it.
    #[must_use]
    pub fn names(&self) -> Option<&[String]> {
        self.description.names.as_deref()
    }
}

/// Waits for an answer.
#[cfg(not(target_family = "wasm"))]
fn wait<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    pollster::block_on(answer)
}

/// An answer that is there at once, as the CPU's all are.
#[cfg(target_family = "wasm")]
fn wait<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    use std::task::{Context, Poll, Waker};

    match std::pin::pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Err(Error::Waits),
    }
}

async fn open(choice: &Choice, net: Net, batch_size: usize, params: &Params) -> Result<Backend, Error> {
    let (_, device, _) = devices::open(choice, 0, true).await?;
    Ok(Backend::new(&device, net, batch_size, params).await?)
}

impl Prediction {
    fn new(y: &[f32]) -> Self {
        Self { class: argmax(&ArrayView1::from(y)), probabilities: y.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;

    fn digits(count: usize, seed: u64) -> Dataset {
        let (images, labels) = digits::draw(count, seed);
        Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap()
    }

    fn settings() -> Settings {
        Settings { device: Choice::Cpu, epochs: 2, ..Settings::default() }
    }

    #[test]
    fn what_is_saved_is_loaded_and_answers_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digits.safetensors");
        let set = digits(300, 1);
        let mut trained = Classifier::train(&set, &settings()).unwrap();
        trained.save(&path).unwrap();
        let bytes = trained.to_bytes().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        for mut again in [Classifier::load(&path).unwrap(), Classifier::from_bytes(&bytes).unwrap()] {
            assert_eq!((again.net(), again.params(), again.names()), (trained.net(), trained.params(), None));
            assert_eq!(again.predict_all(set.images()).unwrap(), trained.predict_all(set.images()).unwrap());
            assert_eq!(again.evaluate(&set).unwrap(), trained.evaluate(&set).unwrap());
        }
    }

    #[test]
    fn predictions_are_those_that_an_evaluation_counts() {
        let (set, other) = (digits(400, 1), digits(200, 2));
        let mut classifier = Classifier::train(&set, &settings()).unwrap();
        for set in [other, set] {
            let evaluation = classifier.evaluate(&set).unwrap();
            let mut confusion = vec![0; digits::CLASSES * digits::CLASSES];
            for (prediction, &label) in classifier.predict_all(set.images()).unwrap().iter().zip(set.labels()) {
                confusion[usize::from(label) * digits::CLASSES + prediction.class] += 1;
                assert!((prediction.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
            assert_eq!(confusion, evaluation.confusion);
            assert!(evaluation.accuracy() > 0.2, "it has learned: {}", evaluation.accuracy());
            let first = classifier.predict(set.image(0).unwrap()).unwrap();
            assert_eq!(first, classifier.predict_all(set.images()).unwrap()[0]);
        }
    }

    #[test]
    fn one_seed_gives_one_network() {
        let set = digits(200, 1);
        let params = |seed| Classifier::train(&set, &Settings { seed, ..settings() }).unwrap().params().clone();
        assert_eq!(params(3), params(3));
        assert_ne!(params(3), params(4));
    }

    #[test]
    fn bytes_that_are_not_whole_images_are_errors() {
        let mut classifier = Classifier::train(&digits(20, 1), &Settings { epochs: 0, ..settings() }).unwrap();
        for count in [0, 1, digits::PIXELS - 1, digits::PIXELS + 1, 2 * digits::PIXELS] {
            let error = classifier.predict(&vec![0; count]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("{count} pixels for a network of images with 784; give one byte a pixel, row by row")
            );
        }
        let error = classifier.predict_all(&[0; digits::PIXELS + 1]).unwrap_err();
        assert!(matches!(error, Error::Backend(backend::Error::PartImage { .. })), "{error}");
        assert!(classifier.predict_all(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_trained_on_is_an_error() {
        let set = digits(20, 1);
        let error = |set: &Dataset, settings: &Settings| match Classifier::train(set, settings) {
            Ok(_) => panic!("{settings:?} trains"),
            Err(error) => error.to_string(),
        };
        for learning_rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(error(&set, &Settings { learning_rate, ..settings() }).contains("finite number above 0"));
        }
        assert!(error(&set, &Settings { hidden: 0, ..settings() }).contains("hidden units: 0 is out of range"));
        assert!(error(&set, &Settings { batch_size: 9000, ..settings() }).contains("batch size: 9000"));
        assert!(error(&set, &Settings { learning_rate: 1e30, ..settings() }).contains("give a lower learning rate"));
        let one_class = Dataset::new(vec![1, 2], vec![0, 0], 1, 1).unwrap();
        assert!(error(&one_class, &settings()).contains("the largest training label is 0"));
    }

    #[test]
    fn a_set_of_other_images_or_labels_is_an_error() {
        let set = Dataset::new(vec![0, 255, 0, 255], vec![0, 1, 0, 1], 1, 1).unwrap();
        let mut classifier = Classifier::train(&set, &settings()).unwrap();
        for other in [Dataset::new(vec![0; 2], vec![0], 1, 2), Dataset::new(vec![0], vec![2], 1, 1)] {
            assert!(matches!(classifier.evaluate(&other.unwrap()), Err(Error::Backend(backend::Error::Set { .. }))));
        }
        assert_eq!(classifier.evaluate(&set).unwrap().images, 4);
    }

    #[test]
    fn files_that_are_no_network_are_errors() {
        let error = Classifier::from_bytes(b"PK\x03\x04").err().unwrap().to_string();
        assert!(error.starts_with("the network is no whole safetensors file"), "{error}");
        let error = Classifier::load(Path::new("missing.safetensors")).err().unwrap().to_string();
        assert!(error.starts_with("missing.safetensors: can't be read"), "{error}");
    }
}
