//! A note with advice for a run that does not learn.

use super::names::{Gradient, WeightInitName};
use crate::data::{self, Store};
use crate::net::Activation;
use crate::train::{EpochAccuracy, Event, Plateau, Settings};
use crate::words::counted;

/// The options of a run that the advice may change.
pub(super) struct Options {
    pub activation: Activation,
    pub gradient: Gradient,
    /// `None` if the weights came from a file, which also sets the activation.
    pub weight_init: Option<WeightInitName>,
    pub learning_rate: f32,
    /// Whether the training images are bright on average.
    pub is_bright: bool,
}

/// Watches a run, and returns a note when it is on a plateau, once.
pub(super) struct Watch {
    options: Options,
    settings: Settings,
    evaluations: Vec<EpochAccuracy>,
    is_done: bool,
}

impl Watch {
    /// `evaluations` are those before a run was resumed.
    pub fn new(options: Options, settings: Settings, evaluations: Vec<EpochAccuracy>) -> Self {
        Self { options, settings, evaluations, is_done: false }
    }

    /// The note after this event, if any.
    pub fn on_event(&mut self, event: &Event) -> Option<String> {
        let Event::Epoch { accuracy, evaluations, .. } = event else { return None };
        if self.is_done {
            return None;
        }
        self.evaluations.push(*accuracy);
        let plateau = Plateau::find(&self.evaluations, evaluations.train.majority(), &self.settings)?;
        self.is_done = true;
        Some(self.options.note(&plateau))
    }
}

impl Options {
    /// One line on a plateau, with options that may help.
    fn note(&self, plateau: &Plateau) -> String {
        let Plateau { epochs, accuracy, majority, is_at_chance } = *plateau;
        let after = counted(epochs, "epoch");
        let finding = match is_at_chance {
            true if accuracy > majority => format!(", hardly more than the largest class's share of {majority:.3}"),
            true => format!(", no more than the largest class's share of {majority:.3}"),
            false => " and no longer rises".to_owned(),
        };
        format!("after {after} the training accuracy is {accuracy:.3}{finding}; {}", self.advice())
    }

    /// Options that were tried on drawn shapes in 2, 4 and 10 classes. Each made the accuracy rise sooner on all of them. Above
    /// the high learning rates, a higher one made some worse.
    fn advice(&self) -> String {
        if self.is_bright {
            return "most pixels are bright, and dark ink on bright paper is hard to learn; use data import --invert"
                .to_owned();
        }
        if self.learning_rate >= self.activation.high_rate() {
            return "a lower --learning-rate often helps".to_owned();
        }
        let rate = "a higher --learning-rate";
        let Some(weight_init) = self.weight_init else { return format!("{rate} often helps") };
        // Only the book's sigmoid has a numerical gradient here.
        let has_better = self.activation == Activation::Sigmoid && self.gradient == Gradient::Backprop;
        let activation = if has_better { Activation::Relu } else { self.activation };
        let suited = WeightInitName::suited_to(activation);
        let activation = has_better.then(|| format!("--activation {activation}"));
        // Weights with a larger deviation than the suited ones are kept.
        let weights = (weight_init < suited).then(|| format!("--weight-init {suited}"));
        let flags: Vec<String> = activation.into_iter().chain(weights).collect();
        if flags.is_empty() {
            format!("{rate} often helps")
        } else {
            format!("{}, or {rate}, often helps", flags.join(" "))
        }
    }
}

/// The number of images in a sample.
const SAMPLE: usize = 100;

/// Whether the mean pixel of a sample of these images is bright.
///
/// # Errors
/// The images cannot be read.
pub(super) fn is_bright(images: &Store) -> Result<bool, data::Error> {
    let sample = images.sample(SAMPLE)?;
    let sum: u64 = sample.images().iter().copied().map(u64::from).sum();
    Ok(2 * sum > 255 * sample.images().len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    const PLATEAU: Plateau = Plateau { epochs: 3, accuracy: 0.2702, majority: 0.25, is_at_chance: true };

    const BOOK: Options = Options {
        activation: Activation::Sigmoid,
        gradient: Gradient::Backprop,
        weight_init: Some(WeightInitName::Normal),
        learning_rate: 0.1,
        is_bright: false,
    };

    #[test]
    fn a_note_is_one_line_with_the_finding_and_the_advice() {
        assert_eq!(
            BOOK.note(&PLATEAU),
            "after 3 epochs the training accuracy is 0.270, hardly more than the largest class's share of 0.250; --activation \
             relu --weight-init he, or a higher --learning-rate, often helps"
        );
        let note = BOOK.note(&Plateau { epochs: 1, accuracy: 0.25, ..PLATEAU });
        assert!(note.starts_with("after 1 epoch the training accuracy is 0.250, no more than the largest"), "{note}");
        let note = BOOK.note(&Plateau { epochs: 40, accuracy: 0.512, is_at_chance: false, ..PLATEAU });
        assert!(
            note.starts_with("after 40 epochs the training accuracy is 0.512 and no longer rises; --activation"),
            "{note}"
        );
    }

    #[test]
    fn the_advice_names_no_option_that_is_already_set() {
        use Activation::{Relu, Sigmoid, Tanh};
        use Gradient::{Backprop, Numerical};
        use WeightInitName::{He, Normal, Xavier};
        let (higher, lower) = ("a higher --learning-rate", "a lower --learning-rate often helps");
        for (activation, gradient, weight_init, flags) in [
            (Sigmoid, Backprop, Some(Normal), "--activation relu --weight-init he"),
            (Sigmoid, Backprop, Some(Xavier), "--activation relu --weight-init he"),
            (Sigmoid, Backprop, Some(He), "--activation relu"),
            (Sigmoid, Numerical, Some(Normal), "--weight-init xavier"),
            (Sigmoid, Numerical, Some(Xavier), ""),
            (Sigmoid, Backprop, None, ""),
            (Relu, Backprop, Some(Normal), "--weight-init he"),
            (Relu, Backprop, Some(Xavier), "--weight-init he"),
            (Relu, Backprop, Some(He), ""),
            (Relu, Backprop, None, ""),
            (Tanh, Backprop, Some(Normal), "--weight-init xavier"),
            (Tanh, Backprop, Some(Xavier), ""),
            (Tanh, Backprop, Some(He), ""),
        ] {
            let mut options = Options { activation, gradient, weight_init, learning_rate: 0.1, is_bright: false };
            let expected = match flags {
                "" => format!("{higher} often helps"),
                flags => format!("{flags}, or {higher}, often helps"),
            };
            assert_eq!(options.advice(), expected);
            options.learning_rate = 2.0;
            assert_eq!(options.advice(), lower);
        }
        assert!(Options { is_bright: true, ..BOOK }.advice().ends_with("use data import --invert"));
    }

    #[test]
    fn images_are_bright_by_their_mean() {
        let store = |pixels: [u8; 4]| Store::Memory(Dataset::new(pixels.repeat(300), vec![0; 300], 2, 2).unwrap());
        assert!(is_bright(&store([255, 255, 255, 0])).unwrap());
        assert!(!is_bright(&store([0, 255, 0, 255])).unwrap());
    }
}
