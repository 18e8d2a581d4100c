//! The images that a network got wrong with the most confidence, as text, JSON and captions.

use ndarray::ArrayView1;
use serde::Serialize;

use super::confusion::numbered;
use super::sheet::Caption;
use super::table::plain;
use crate::functions::argmax;
use crate::words::counted;

/// An image that the network got wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mistake {
    /// The index of the image in its split, from 0.
    pub index: usize,
    /// Its class.
    pub label: usize,
    /// The class that the network answers.
    pub answer: usize,
    /// The probability of that answer; of a network with an identity output, the plain output.
    pub probability: f32,
}

/// The mistakes with the highest probabilities.
#[derive(Debug)]
pub struct Worst {
    most: usize,
    /// The count of all mistakes.
    wrong: usize,
    /// The count of all images.
    images: usize,
    mistakes: Vec<Mistake>,
}

impl Worst {
    /// Looks for the `most` worst mistakes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, wrong: 0, images: 0, mistakes: Vec::new() }
    }

    /// Adds the next images of a split: their labels, and the network's outputs `y`, `[labels, classes]`.
    pub fn add(&mut self, labels: &[u8], y: &[f32]) {
        let classes = y.len() / labels.len().max(1);
        for (&label, y) in labels.iter().zip(y.chunks(classes.max(1))) {
            let (label, answer) = (usize::from(label), argmax(&ArrayView1::from(y)));
            if answer != label {
                self.wrong += 1;
                self.mistakes.push(Mistake { index: self.images, label, answer, probability: y[answer] });
            }
            self.images += 1;
        }
        // The sort is stable, so equal ones stay in the order of the images.
        self.mistakes.sort_by(|one, other| other.probability.total_cmp(&one.probability));
        self.mistakes.truncate(self.most);
    }

    /// The worst ones. The highest probability is first; of equal ones, the lowest index.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// A line for each, at most `columns` wide. `output` is what the network gives for a class: a probability, or else.
    #[must_use]
    pub fn text(&self, names: Option<&[String]>, output: &str, columns: usize) -> String {
        let title = match (self.wrong, self.mistakes.len()) {
            (0, _) => return "no image is answered wrong\n".to_owned(),
            (wrong, shown) if wrong == shown => {
                format!("all {}, the most confident first", counted(wrong, "wrong answer"))
            }
            (wrong, shown) => format!("the {shown} most confident of {}", counted(wrong, "wrong answer")),
        };
        let class = |class| numbered(class, names, columns / 4);
        let rows = self.mistakes.iter().map(|&Mistake { index, label, answer, probability }| {
            [index.to_string(), class(label), class(answer), format!("{probability:.4}")]
        });
        format!("{title}\n{}\n", plain(["image", "label", "answer", output], rows, &[1, 2], columns))
    }

    /// A caption for each. Names in letters that the font lacks are left out.
    #[must_use]
    pub fn captions(&self, names: Option<&[String]>) -> Vec<Caption> {
        let class = |class: usize| match names.and_then(|names| names.get(class)) {
            Some(name) if name.chars().all(is_drawable) => numbered(class, names, usize::MAX),
            _ => class.to_string(),
        };
        let caption = |&Mistake { index, label, answer, probability }: &Mistake| {
            [
                (format!("image {index}"), String::new()),
                (format!("label {}", class(label)), String::new()),
                (format!("answer {}", class(answer)), format!(" {probability:.3}")),
            ]
        };
        self.mistakes.iter().map(caption).collect()
    }
}

/// Whether the font of pictures, Noto Sans, has a character: Latin, Greek and Cyrillic letters, and common punctuation.
fn is_drawable(character: char) -> bool {
    matches!(character, ' '..='\u{52f}' | '\u{1e00}'..='\u{1fff}' | '\u{2010}'..='\u{2027}') && !character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::width::width;

    #[test]
    fn the_most_confident_mistakes_are_first() {
        let mut worst = Worst::new(3);
        worst.add(&[0, 1, 0], &[0.9, 0.1, 0.7, 0.3, 0.2, 0.8]);
        worst.add(&[1, 1, 0], &[0.7, 0.3, 0.6, 0.4, 0.3, 0.7]);
        let found: Vec<_> = worst.mistakes().iter().map(|mistake| (mistake.index, mistake.answer)).collect();
        assert_eq!(found, [(2, 1), (1, 0), (3, 0)]);
        let text = worst.text(None, "probability", 80);
        assert!(text.starts_with("the 3 most confident of 5 wrong answers\n"), "{text}");
        let json = serde_json::to_value(worst.mistakes()).unwrap();
        assert_eq!(json[1], serde_json::json!({"index": 1, "label": 1, "answer": 0, "probability": 0.7_f32}));
    }

    #[test]
    fn there_may_be_fewer_or_none() {
        let mut worst = Worst::new(3);
        worst.add(&[1], &[0.1, 0.9]);
        assert_eq!(worst.text(None, "probability", 80), "no image is answered wrong\n");
        worst.add(&[1], &[0.8, 0.2]);
        let names = ["a name that is far longer than a line has room for, in any terminal".to_owned(), String::new()];
        for columns in [40, 60, 80] {
            let text = worst.text(Some(&names), "probability", columns);
            assert!(text.starts_with("all 1 wrong answer, the most confident first\n"), "{text}");
            assert!(text.lines().skip(1).all(|line| width(line) <= columns), "{text}");
        }
        let [_, label, answer] = &worst.captions(Some(&names))[0];
        assert_eq!((label.0.as_str(), answer.1.as_str()), ("label 1", " 0.800"));
        assert!(answer.0.starts_with("answer 0 a name"));
        let foreign = ["くつ".to_owned(), "é".to_owned()];
        let [_, label, answer] = &worst.captions(Some(&foreign))[0];
        assert_eq!([label.0.as_str(), answer.0.as_str()], ["label 1 é", "answer 0"]);
    }
}
