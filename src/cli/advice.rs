//! What is said of a run that does not learn.

use super::names::{Gradient, WeightInitName};
use crate::data::{self, Store};
use crate::net::Activation;
use crate::train::{EpochAccuracy, Event, Plateau, Settings};
use crate::words::counted;

/// What a run does, of what it could do otherwise.
pub(super) struct InUse {
    pub activation: Activation,
    pub gradient: Gradient,
    /// None where the weights came from a file, and the activation with them.
    pub weight_init: Option<WeightInitName>,
    pub learning_rate: f32,
    /// Whether most of the training images are bright.
    pub is_bright: bool,
}

/// Listens to a run until it has said what to do otherwise, once.
pub(super) struct Watch {
    in_use: InUse,
    settings: Settings,
    evaluations: Vec<EpochAccuracy>,
    has_spoken: bool,
}

impl Watch {
    pub fn new(in_use: InUse, settings: Settings) -> Self {
        Self { in_use, settings, evaluations: Vec::new(), has_spoken: false }
    }

    /// What is to be said after this event.
    pub fn hear(&mut self, event: &Event) -> Option<String> {
        let Event::Epoch { accuracy, checkpoint } = event else { return None };
        if self.has_spoken {
            return None;
        }
        self.evaluations.push(*accuracy);
        let plateau = Plateau::find(&self.evaluations, checkpoint.evaluations[0].majority(), &self.settings)?;
        self.has_spoken = true;
        Some(self.in_use.note(&plateau))
    }
}

impl InUse {
    /// One line on a run on a plateau, with what helped on drawn shapes and is not in use.
    pub fn note(&self, plateau: &Plateau) -> String {
        let Plateau { epochs, accuracy, majority, is_at_chance } = *plateau;
        let after = counted(epochs, "epoch");
        let seen = match is_at_chance {
            true if accuracy > majority => format!("hardly more than the largest class's share of {majority:.3}"),
            true => format!("no more than the largest class's share of {majority:.3}"),
            false => "and rises no more".to_owned(),
        };
        let comma = if is_at_chance { "," } else { "" };
        format!("after {after} the training accuracy is {accuracy:.3}{comma} {seen}; {}", self.advice())
    }

    /// Each option that is named was tried on shapes drawn in 2, 4 and 10 classes and made the accuracy rise sooner on all. From
    /// the high rates on, a higher one spoilt some of them.
    fn advice(&self) -> String {
        if self.is_bright {
            return "most pixels are bright, and dark ink on bright paper is hard to learn; data import --invert helps"
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
        // Weights that are spread farther do too.
        let weights = (weight_init < suited).then(|| format!("--weight-init {suited}"));
        let flags: Vec<String> = activation.into_iter().chain(weights).collect();
        if flags.is_empty() {
            format!("{rate} often helps")
        } else {
            format!("{}, or {rate}, often helps", flags.join(" "))
        }
    }
}

/// Images that are looked at.
const SAMPLE: usize = 100;

/// Whether the pixels of some of these images are bright in the mean.
///
/// # Errors
/// Images that cannot be read.
pub(super) fn is_bright(images: &Store) -> Result<bool, data::Error> {
    let count = images.len().min(SAMPLE);
    let numbers: Vec<u32> = (0..count).map(|number| (number * images.len() / count) as u32).collect();
    let sample = images.gather(&numbers)?;
    let sum: u64 = sample.images().iter().copied().map(u64::from).sum();
    Ok(2 * sum > 255 * sample.images().len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    const PLATEAU: Plateau = Plateau { epochs: 3, accuracy: 0.2702, majority: 0.25, is_at_chance: true };

    const BOOK: InUse = InUse {
        activation: Activation::Sigmoid,
        gradient: Gradient::Backprop,
        weight_init: Some(WeightInitName::Normal),
        learning_rate: 0.1,
        is_bright: false,
    };

    #[test]
    fn it_is_one_line_with_what_was_seen_and_what_helps() {
        assert_eq!(
            BOOK.note(&PLATEAU),
            "after 3 epochs the training accuracy is 0.270, hardly more than the largest class's share of 0.250; --activation \
             relu --weight-init he, or a higher --learning-rate, often helps"
        );
        let told = BOOK.note(&Plateau { epochs: 1, accuracy: 0.25, ..PLATEAU });
        assert!(told.starts_with("after 1 epoch the training accuracy is 0.250, no more than the largest"), "{told}");
        let told = BOOK.note(&Plateau { epochs: 40, accuracy: 0.512, is_at_chance: false, ..PLATEAU });
        assert!(
            told.starts_with("after 40 epochs the training accuracy is 0.512 and rises no more; --activation"),
            "{told}"
        );
    }

    #[test]
    fn nothing_is_named_that_is_in_use() {
        use Activation::{Relu, Sigmoid};
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
        ] {
            let mut in_use = InUse { activation, gradient, weight_init, learning_rate: 0.1, is_bright: false };
            let expected = match flags {
                "" => format!("{higher} often helps"),
                flags => format!("{flags}, or {higher}, often helps"),
            };
            assert_eq!(in_use.advice(), expected);
            in_use.learning_rate = 2.0;
            assert_eq!(in_use.advice(), lower);
        }
        assert!(InUse { is_bright: true, ..BOOK }.advice().ends_with("data import --invert helps"));
    }

    #[test]
    fn paper_is_bright_by_its_mean() {
        let store = |pixels: [u8; 4]| Store::Memory(Dataset::new(pixels.repeat(300), vec![0; 300], 2, 2).unwrap());
        assert!(is_bright(&store([255, 255, 255, 0])).unwrap());
        assert!(!is_bright(&store([0, 255, 0, 255])).unwrap());
    }
}
