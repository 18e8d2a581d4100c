//! Training in pieces, as long as its caller likes: between two of them a worker can listen to its page.

use twolayer::backend::{self, Backend, Evaluation, Resident};
use twolayer::classifier::Settings as Book;
use twolayer::data::Splits;
use twolayer::data::batches::{Batches, Sampling};
use twolayer::data::description::Description;
use twolayer::devices::{self, Choice, Device, Info, Notice};
use twolayer::explain::{self, Explanation};
use twolayer::export::{PixelType, write_onnx};
use twolayer::model;
use twolayer::net::{Activation, Net, Output, Params, Shape, WeightInit};
use twolayer::selftest;

/// What a visitor can choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the network trains. Where a GPU cannot, the CPU takes over.
    pub device: Choice,
    /// Hidden units.
    pub hidden: usize,
    /// The hidden layer's function.
    pub activation: Activation,
    /// The learning rate, finite and above 0.
    pub learning_rate: f32,
    /// The same seed on the same device gives the same bits.
    pub seed: u64,
}

impl Default for Settings {
    /// The book's.
    fn default() -> Self {
        let Book { device, hidden, activation, learning_rate, seed, .. } = Book::book();
        Self { device, hidden, activation, learning_rate, seed }
    }
}

/// An error of training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No device can be opened.
    #[error(transparent)]
    Device(#[from] devices::Error),
    /// The device failed, or computes wrong values.
    #[error(transparent)]
    Backend(#[from] backend::Error),
    /// The image to explain does not fit the network.
    #[error(transparent)]
    Explain(#[from] explain::Error),
    /// A model's file cannot be made.
    #[error("the network cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// The learning rate is not finite or not above 0.
    #[error("a learning rate of {0} trains nothing; give a finite number above 0")]
    LearningRate(f32),
    /// The loss became infinite or not a number.
    #[error("the loss was no finite number at step {0}; give a lower learning rate")]
    Diverged(u64),
}

/// A network in training.
pub struct Trainer {
    net: Net,
    backend: Backend,
    info: Info,
    notices: Vec<Notice>,
    batches: Batches,
    train: Resident,
    train_sample: Resident,
    test: Resident,
    learning_rate: f32,
    steps: u64,
    /// The parameters as they were read last, after so many steps.
    params: Params,
    read_at: u64,
}

impl Trainer {
    /// A new network on a device that has passed a short test.
    ///
    /// # Errors
    /// Settings out of their ranges, or an error of the device.
    pub async fn new(sets: &Splits, settings: &Settings) -> Result<Self, Error> {
        let shape = Shape { input: sets.train.pixels(), hidden: settings.hidden, classes: sets.classes };
        shape.check(Book::book().batch_size).map_err(backend::Error::from)?;
        let params = Params::init_by(shape, weight_init(settings.activation), settings.seed);
        Self::from_params(sets, settings, params, 0).await
    }

    /// Goes on after so many steps with their parameters.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub async fn from_params(sets: &Splits, settings: &Settings, params: Params, steps: u64) -> Result<Self, Error> {
        let net = Net { shape: params.shape, activation: settings.activation, output: Output::Softmax };
        let batch_size = Book::book().batch_size;
        let (info, device, notices) = devices::open(&settings.device, 1, true).await?;
        let mut backend = Backend::new(&device, net, batch_size, &params).await?;
        selftest::training(&mut backend).await?;
        let sample: Vec<u32> = (0..sets.train.len().min(sets.test.len()) as u32).collect();
        let sample = sets.train.gather(&sample).map_err(explain::Error::from)?;
        let mut trainer = Self {
            net,
            train: backend.upload(&sets.train).await?,
            train_sample: backend.upload(&sample).await?,
            test: backend.upload(&sets.test).await?,
            backend,
            info,
            notices,
            batches: Batches::new(settings.seed, Sampling::Replacement, batch_size, sets.train.len()),
            learning_rate: 0.0,
            steps,
            params,
            read_at: steps,
        };
        trainer.set_learning_rate(settings.learning_rate)?;
        Ok(trainer)
    }

    /// Trains so many steps. Returns the loss of each batch before its update.
    ///
    /// # Errors
    /// [`Error::Diverged`], or an error of the device.
    pub async fn train(&mut self, steps: usize) -> Result<Vec<f32>, Error> {
        let indices = self.batches.indices(self.steps, steps);
        let losses = self.backend.train(self.train, &indices, self.learning_rate).await?;
        if let Some(place) = losses.iter().position(|loss| !loss.is_finite()) {
            return Err(Error::Diverged(self.steps + place as u64));
        }
        self.steps += steps as u64;
        Ok(losses)
    }

    /// Evaluates as many training images as there are test images, and all test images.
    ///
    /// # Errors
    /// An error of the device.
    pub async fn evaluate(&mut self) -> Result<[Evaluation; 2], Error> {
        Ok([self.backend.evaluate(self.train_sample).await?, self.backend.evaluate(self.test).await?])
    }

    /// Reads the parameters from the device.
    ///
    /// # Errors
    /// An error of the device.
    pub async fn read(&mut self) -> Result<(), Error> {
        self.params = self.backend.params().await?;
        self.read_at = self.steps;
        Ok(())
    }

    /// Every value of the network on an image, by the parameters read last; with a label also the derivatives.
    ///
    /// # Errors
    /// An image of another size, or a label that is no class.
    pub async fn explain(&self, pixels: &[u8], label: Option<u8>) -> Result<Explanation, Error> {
        // Not on a GPU: it would compile its kernels again for each image.
        Ok(Explanation::new(&Device::Cpu { threads: 1 }, self.net, &self.params, pixels, label).await?)
    }

    /// The parameters read last as the bytes of a safetensors file.
    ///
    /// # Errors
    /// None that a network gives.
    pub fn safetensors(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        model::write(&mut bytes, &self.net, &self.params, &Description::default())?;
        Ok(bytes)
    }

    /// The parameters read last as the bytes of an ONNX file.
    ///
    /// # Errors
    /// None that a network gives.
    pub fn onnx(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        write_onnx(&mut bytes, &self.net, &self.params, &Description::default(), PixelType::F32)?;
        Ok(bytes)
    }

    /// Another learning rate for the steps to come.
    ///
    /// # Errors
    /// [`Error::LearningRate`].
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<(), Error> {
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return Err(Error::LearningRate(learning_rate));
        }
        self.learning_rate = learning_rate;
        Ok(())
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The parameters read last, and the steps before.
    #[must_use]
    pub fn params(&self) -> (&Params, u64) {
        (&self.params, self.read_at)
    }

    /// The device.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Why the device is not the one asked for, or not a good one.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The folder of `shaders/` with the kernels of a step; none on the CPU.
    #[must_use]
    pub fn kernels(&self) -> Option<&'static str> {
        self.backend.kernels().map(|kernels| kernels.family)
    }
}

/// The book's initial weights for its own function, and those that suit another one.
fn weight_init(activation: Activation) -> WeightInit {
    let book = Book::book();
    if activation == book.activation { book.weight_init } else { activation.weight_init() }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::sets::drawn;

    fn settings() -> Settings {
        Settings { device: Choice::Cpu, ..Settings::default() }
    }

    #[test]
    fn pieces_of_any_length_give_the_same_bits() {
        let sets = drawn([300, 100]).unwrap();
        let after = |pieces: &[usize]| {
            let mut trainer = block_on(Trainer::new(&sets, &settings())).unwrap();
            for steps in pieces {
                assert_eq!(block_on(trainer.train(*steps)).unwrap().len(), *steps);
            }
            block_on(trainer.read()).unwrap();
            let (params, steps) = trainer.params();
            assert_eq!(steps, 12);
            params.clone()
        };
        assert_eq!(after(&[12]), after(&[1, 7, 4]));
    }

    #[test]
    fn another_device_goes_on_from_what_was_read_last() {
        let sets = drawn([300, 100]).unwrap();
        let mut one = block_on(Trainer::new(&sets, &settings())).unwrap();
        block_on(one.train(5)).unwrap();
        block_on(one.read()).unwrap();
        let (params, steps) = one.params();
        let mut other = block_on(Trainer::from_params(&sets, &settings(), params.clone(), steps)).unwrap();
        assert_eq!(block_on(one.train(3)).unwrap(), block_on(other.train(3)).unwrap());
        assert_eq!((one.steps(), other.steps()), (8, 8));
    }

    #[test]
    fn it_learns_and_explains() {
        let sets = drawn([4000, 500]).unwrap();
        let settings = Settings { activation: Activation::Relu, learning_rate: 0.2, ..settings() };
        let mut trainer = block_on(Trainer::new(&sets, &settings)).unwrap();
        block_on(trainer.train(1000)).unwrap();
        let [train, test] = block_on(trainer.evaluate()).unwrap();
        assert_eq!((train.images, test.images), (500, 500));
        assert!(train.accuracy() > 0.9 && test.accuracy() > 0.8, "{} {}", train.accuracy(), test.accuracy());
        block_on(trainer.read()).unwrap();
        let explained = |image: usize| {
            block_on(trainer.explain(sets.test.image(image).unwrap(), Some(sets.test.labels()[image]))).unwrap()
        };
        let right =
            (0..100).filter(|&image| explained(image).class() == usize::from(sets.test.labels()[image])).count();
        assert!(right > 75, "{right} of 100");
        assert!(block_on(trainer.explain(&[0; 3], None)).is_err(), "an image of 3 pixels");
    }

    #[test]
    fn files_hold_what_was_read_last() {
        let sets = drawn([300, 100]).unwrap();
        let mut trainer = block_on(Trainer::new(&sets, &settings())).unwrap();
        block_on(trainer.train(2)).unwrap();
        block_on(trainer.read()).unwrap();
        assert_eq!(&model::read(&trainer.safetensors().unwrap()).unwrap().params, trainer.params().0);
        assert!(trainer.onnx().unwrap().windows(8).any(|bytes| bytes == b"twolayer"));
    }

    #[test]
    fn settings_out_of_their_ranges_are_errors() {
        let sets = drawn([100, 100]).unwrap();
        let error = |settings: Settings| match block_on(Trainer::new(&sets, &settings)) {
            Ok(_) => panic!("{settings:?} trains"),
            Err(error) => error.to_string(),
        };
        assert!(error(Settings { hidden: 0, ..settings() }).contains("hidden units: 0 is out of range"));
        assert!(error(Settings { learning_rate: f32::NAN, ..settings() }).contains("finite number above 0"));
        let mut trainer = block_on(Trainer::new(&sets, &Settings { learning_rate: 1e30, ..settings() })).unwrap();
        assert!(block_on(trainer.train(10)).unwrap_err().to_string().contains("give a lower learning rate"));
    }
}
