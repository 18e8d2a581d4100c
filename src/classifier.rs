//! The synchronous face of the library for the common case: train a network on a set, save it, predict classes.
//!
//! Every call waits for its device. [`Backend`] and [`train`](mod@crate::train) beneath it can do more: submit work while a
//! device computes, report each epoch, stream a set from its file. A browser's page may not wait; there these calls work on the
//! CPU alone, whose answers are ready at once.

use std::ops::ControlFlow;
#[cfg(not(target_family = "wasm"))]
use std::path::Path;

use ndarray::ArrayView1;

use crate::backend::{self, Backend, Evaluation, Resident};
use crate::book;
use crate::data::batches::{Batches, Sampling};
use crate::data::description::Description;
use crate::data::{self, Dataset};
use crate::devices::{self, Choice, Device};
use crate::functions::argmax;
use crate::model::{self, Model};
use crate::net::optimizer::Optimizer;
use crate::net::schedule::Schedule;
use crate::net::{Activation, Net, Output, Params, Shape, WeightInit};
use crate::selftest;
use crate::train::{self, End, Sets};

/// A two-layer network that classifies images, on a device.
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
    /// The set on the device that was evaluated last. The next one replaces it.
    evaluated: Option<Resident>,
}

/// A network's output for an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The class of the largest output (the first of equal ones), from 0 as the labels.
    pub class: usize,
    /// The probability of each class, `[classes]`, with sum 1. Of a network with [`Output::Identity`], its plain outputs.
    pub probabilities: Vec<f32>,
}

/// The network and its training.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The device.
    pub device: Choice,
    /// Hidden units, 1 to [`Shape::MAX_HIDDEN`].
    pub hidden: usize,
    /// The hidden layer's function.
    pub activation: Activation,
    /// The distribution of the initial weights.
    pub weight_init: WeightInit,
    /// Images in a batch, 1 to [`Shape::MAX_BATCH`].
    pub batch_size: usize,
    /// How a gradient changes the parameters.
    pub optimizer: Optimizer,
    /// The learning rate, finite and above 0; [`Rule::learning_rate`](crate::net::optimizer::Rule::learning_rate) suits the optimiser.
    pub learning_rate: f32,
    /// The course of the learning rate over all epochs.
    pub schedule: Schedule,
    /// Epochs. In each, as many images are drawn as the set has.
    pub epochs: u32,
    /// The same seed on the same device gives the same bits.
    pub seed: u64,
}

impl Settings {
    /// The book's network and learning rate, made for MNIST: sigmoid, initial weights of standard deviation 0.01.
    #[must_use]
    pub fn book() -> Self {
        Self {
            device: Choice::Auto,
            hidden: book::HIDDEN.into(),
            activation: Activation::Sigmoid,
            weight_init: WeightInit::Normal { std: book::WEIGHT_INIT_STD },
            batch_size: book::BATCH_SIZE.into(),
            optimizer: Optimizer::default(),
            learning_rate: book::LEARNING_RATE,
            schedule: Schedule::default(),
            epochs: 20,
            seed: 0,
        }
    }
}

impl Default for Settings {
    /// The book's settings, but with ReLU and He's initial weights: these also learn small sets and other pictures than MNIST's.
    fn default() -> Self {
        Self { activation: Activation::Relu, weight_init: WeightInit::He, ..Self::book() }
    }
}

/// An error of a classifier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such device, or it cannot be opened.
    #[error(transparent)]
    Device(#[from] devices::Error),
    /// The device failed or gave wrong results, or the set does not match the network.
    #[error(transparent)]
    Backend(#[from] backend::Error),
    /// The set cannot be trained on.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// The training fails.
    #[error(transparent)]
    Train(train::Error),
    /// A model file cannot be read or written.
    #[error(transparent)]
    File(#[from] model::Error),
    /// The bytes are no model file.
    #[error("the network {0}")]
    Bytes(#[from] model::Problem),
    /// The learning rate is not finite or not above 0.
    #[error("a learning rate of {0} trains nothing; give a finite number above 0")]
    LearningRate(f32),
    /// The loss became infinite or not a number at this step, from 0.
    #[error("the loss was no finite number at iteration {0}; give a lower learning rate")]
    Diverged(u64),
    /// A page in a browser would have to wait for a GPU.
    #[error("a page cannot wait for a GPU; choose the CPU, or await the answers of a Backend")]
    Waits,
    /// An image has another size than the network's input.
    #[error("{found} pixels for a network of images with {expected}; give one byte a pixel, row by row")]
    Pixels {
        /// The count of bytes given.
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
            other => Self::Train(other),
        }
    }
}

impl Classifier {
    /// Trains a network on all images of a set. Its classes are 0 to the set's largest label. Test images are for
    /// [`Classifier::evaluate`].
    ///
    /// If the device is [`Choice::Gpu`] and no GPU can be opened, the CPU takes over.
    ///
    /// # Errors
    /// Settings out of their ranges, a set of fewer than two classes, a loss that is not finite, or an error or a wrong result
    /// of the device.
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
        let mut backend = Backend::new(&open(&settings.device).await?, net, batch_size, &params).await?;
        backend.set_optimizer(settings.optimizer).await?;
        let resident = backend.upload(set).await?;
        let mut batches = Batches::new(seed, Sampling::Replacement, batch_size, set.len());
        let epoch = train::Settings::steps_per_epoch(set.len(), batch_size);
        let iterations = u64::from(settings.epochs) * epoch;
        // One epoch in all, because nobody reads the accuracies between.
        let plain = train::Settings::new(iterations, iterations, learning_rate);
        let steps = train::Settings { schedule: settings.schedule, ..plain };
        let sets = Sets { train: resident.into(), validation: None, test: resident.into() };
        let run = train::train(&mut backend, sets, &mut batches, &steps, &mut |_| ControlFlow::Continue(())).await?;
        if let End::NotFinite { step } = run.end {
            return Err(Error::Diverged(step));
        }
        Ok(Self {
            net,
            params: run.snapshot.params().into_owned(),
            description: Description::default(),
            backend,
            evaluated: Some(resident),
        })
    }

    /// Reads a network from a safetensors file, such as a run's `model.safetensors`. It computes on the CPU.
    ///
    /// # Errors
    /// An error in the file.
    #[cfg(not(target_family = "wasm"))]
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::new(model::load(path)?, &Choice::Cpu)
    }

    /// Reads a network from the bytes of a safetensors file. It computes on the CPU.
    ///
    /// # Errors
    /// An error in the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::new(model::read(bytes)?, &Choice::Cpu)
    }

    /// Loads a network onto a device. Where the model names no functions, they are the book's: sigmoid and softmax.
    ///
    /// # Errors
    /// No such device, or an error or a wrong result of the device.
    pub fn new(model: Model, device: &Choice) -> Result<Self, Error> {
        let Model { params, activation, output, description, conversion: _ } = model;
        let net =
            Net { shape: params.shape, activation: activation.unwrap_or_default(), output: output.unwrap_or_default() };
        let device = wait(open(device))?;
        Self::on(&device, net, params, description)
    }

    /// Loads a network onto an open device, and checks the device with it.
    ///
    /// # Errors
    /// An error or a wrong result of the device.
    pub fn on(device: &Device, net: Net, params: Params, description: Description) -> Result<Self, Error> {
        let backend = wait(async {
            let mut backend = Backend::new(device, net, 1, &params).await?;
            selftest::evaluation(&mut backend).await?;
            Ok(backend)
        })?;
        Ok(Self { net, params, description, backend, evaluated: None })
    }

    /// Writes the network to a safetensors file, completely or not at all. An existing file is replaced.
    ///
    /// # Errors
    /// A path that cannot be written to.
    #[cfg(not(target_family = "wasm"))]
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        Ok(model::save(path, &self.net, &self.params, &self.description)?)
    }

    /// The network as the bytes of a safetensors file, for [`Classifier::from_bytes`].
    ///
    /// # Errors
    /// None that a network gives: class names are always valid JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        model::write(&mut bytes, &self.net, &self.params, &self.description).map_err(model::Problem::Write)?;
        Ok(bytes)
    }

    /// Predicts the class of an image. `pixels` are its bytes, `[rows, cols]` row-major, 0 to 255, prepared as the training
    /// images were.
    ///
    /// # Errors
    /// Bytes that are not one image of the network's size, or an error of the device.
    pub fn predict(&mut self, pixels: &[u8]) -> Result<Prediction, Error> {
        let prediction = if pixels.len() == self.net.shape.input { self.predict_all(pixels)?.pop() } else { None };
        prediction.ok_or(Error::Pixels { found: pixels.len(), expected: self.net.shape.input })
    }

    /// Predicts the class of each of several images, `[N, rows, cols]` row-major. It is faster than one call an image.
    ///
    /// # Errors
    /// Bytes that are not images of the network's size, or an error of the device.
    pub fn predict_all(&mut self, pixels: &[u8]) -> Result<Vec<Prediction>, Error> {
        let y = wait(async { Ok(self.backend.predict(pixels).await?) })?;
        Ok(y.chunks(self.net.shape.classes).map(Prediction::new).collect())
    }

    /// Loss, accuracy and confusion matrix over a set.
    ///
    /// # Errors
    /// A set whose image size or labels do not match the network, or an error of the device.
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

    /// The names of the classes, in the order of the labels, if the model file has them.
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

async fn open(choice: &Choice) -> Result<Device, Error> {
    let (_, device, _) = devices::open(choice, 0, true).await?;
    Ok(device)
}

impl Prediction {
    /// Takes the outputs `y` for one image, `[classes]`.
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
    fn a_loaded_network_predicts_the_same() {
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
    fn predictions_agree_with_an_evaluation() {
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
    fn bytes_that_are_not_images_are_errors() {
        let mut classifier = Classifier::train(&digits(20, 1), &Settings { epochs: 0, ..settings() }).unwrap();
        for count in [0, 1, digits::PIXELS - 1, digits::PIXELS + 1, 2 * digits::PIXELS] {
            let error = classifier.predict(&vec![0; count]).unwrap_err().to_string();
            let expected = "pixels for a network of images with 784; give one byte a pixel, row by row";
            assert_eq!(error, format!("{count} {expected}"));
        }
        let error = classifier.predict_all(&[0; digits::PIXELS + 1]).unwrap_err();
        assert!(matches!(error, Error::Backend(backend::Error::PartImage { .. })), "{error}");
        assert!(classifier.predict_all(&[]).unwrap().is_empty());
    }

    #[test]
    fn settings_and_sets_that_cannot_train_are_errors() {
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
        let optimizer = Optimizer { weight_decay: -1.0, ..Optimizer::default() };
        assert!(error(&set, &Settings { optimizer, ..settings() }).contains("a weight decay of -1 is out of range"));
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
    fn files_that_are_no_model_are_errors() {
        let error = Classifier::from_bytes(b"PK\x03\x04").err().unwrap().to_string();
        assert!(error.starts_with("the network is no whole safetensors file"), "{error}");
        let error = Classifier::load(Path::new("missing.safetensors")).err().unwrap().to_string();
        assert!(error.starts_with("missing.safetensors: cannot be read"), "{error}");
    }
}
