//! What a network says of pictures, as text, CSV or JSON.

use std::fmt::Write;
use std::iter::once;

use serde::Serialize;

use super::csv::csv;
use super::table::plain;
use crate::classifier::Prediction;
use crate::data::classes;
use crate::words::counted;

/// Pictures of which each gets bars; more are a line each.
const MOST_WITH_BARS: usize = 20;
/// Characters of a bar for the probability 1.
const BAR: usize = 24;
/// Classes that are shown of each picture.
const BEST: usize = 3;
/// From dark to bright.
const SHADES: [char; 6] = [' ', '.', ':', '+', '#', '@'];

/// What the network says of every picture, in the order in which they were given.
#[derive(Debug, Serialize)]
pub struct Predictions {
    /// One a picture.
    pub predictions: Vec<Row>,
    /// What the classes are called, if the network's file says it.
    #[serde(skip)]
    names: Option<Vec<String>>,
    /// How many classes there are.
    #[serde(skip)]
    classes: usize,
    /// Columns of an image.
    #[serde(skip)]
    cols: usize,
}

/// What the network says of one picture.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The picture's file; of several images in one file with `#` and the image's number, from 0.
    pub image: String,
    #[serde(flatten)]
    answer: Answer,
    #[serde(skip)]
    pixels: Vec<u8>,
    /// Whether it has a label that is no class of the network.
    #[serde(skip)]
    has_unknown_label: bool,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Error {
        error: String,
    },
    Class {
        /// None where it is less probable than was asked for.
        class: Option<usize>,
        /// Its name, where it has one.
        name: Option<String>,
        /// Of the most probable class.
        probability: f32,
        /// Of every class.
        probabilities: Vec<f32>,
        /// The class that the image's file says, where it says one.
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<usize>,
    },
}

impl Row {
    fn label(&self) -> Option<usize> {
        match self.answer {
            Answer::Class { label, .. } => label,
            Answer::Error { .. } => None,
        }
    }
}

impl Predictions {
    /// None yet, of images with `cols` columns.
    #[must_use]
    pub fn new(names: Option<Vec<String>>, classes: usize, cols: usize) -> Self {
        Self { predictions: Vec::new(), names, classes, cols }
    }

    /// Adds a picture that gave no image.
    pub fn push_error(&mut self, image: String, error: String) {
        let answer = Answer::Error { error };
        self.predictions.push(Row { image, answer, pixels: Vec::new(), has_unknown_label: false });
    }

    /// Adds what the network says of a picture whose image has these pixels. `label` is the name or the number of its class, as
    /// its file says. A probability below `at_least` gives no class.
    pub fn push(
        &mut self,
        image: String,
        prediction: Prediction,
        pixels: Vec<u8>,
        label: Option<String>,
        at_least: f32,
    ) {
        let Prediction { class, probabilities } = prediction;
        let probability = probabilities[class];
        let class = (probability >= at_least).then_some(class);
        let name = class.zip(self.names.as_ref()).map(|(class, names)| names[class].clone());
        let given = label.filter(|label| !label.is_empty());
        let label = given.as_ref().and_then(|label| classes::named(label, self.names.as_deref(), self.classes));
        let has_unknown_label = given.is_some() && label.is_none();
        let answer = Answer::Class { class, name, probability, probabilities, label };
        self.predictions.push(Row { image, answer, pixels, has_unknown_label });
    }

    /// The number of labels that are no class of the network.
    #[must_use]
    pub fn unknown_labels(&self) -> usize {
        self.predictions.iter().filter(|row| row.has_unknown_label).count()
    }

    /// The count of answers that are the label, and of all images with a label that have an answer.
    fn right(&self) -> (usize, usize) {
        let labelled = self.predictions.iter().filter_map(|row| match row.answer {
            Answer::Class { class, label: Some(label), .. } => Some(class == Some(label)),
            // A label that is no class of the network is no right answer.
            Answer::Class { .. } if row.has_unknown_label => Some(false),
            _ => None,
        });
        labelled.fold((0, 0), |(right, count), is_right| (right + usize::from(is_right), count + 1))
    }

    /// How many pictures gave no image.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.predictions.iter().filter(|row| matches!(row.answer, Answer::Error { .. })).count()
    }

    /// For a person, at most `columns` wide: a picture's class and its probability, and the three best as bars; of many pictures
    /// a line each. With `show`, the image that the network got before it.
    #[must_use]
    pub fn text(&self, show: bool, columns: usize) -> String {
        let (right, labelled) = self.right();
        let mut text = match (self.predictions.len() > MOST_WITH_BARS && !show, labelled) {
            (false, _) => self.bars(show, columns),
            (true, 0) => plain(["image", "class", "probability"], self.lines(), &[0, 1], columns) + "\n",
            (true, _) => {
                let labels =
                    self.predictions.iter().map(|row| row.label().map_or_else(String::new, |label| self.name(label)));
                let rows = self
                    .lines()
                    .zip(labels)
                    .map(|([image, class, probability], label)| [image, class, probability, label]);
                plain(["image", "class", "probability", "label"], rows, &[0, 1, 3], columns) + "\n"
            }
        };
        if labelled > 0 {
            let accuracy = right as f64 / labelled as f64;
            let _ = writeln!(text, "accuracy {accuracy:.4}, {} with a label", counted(labelled, "image"));
        }
        text
    }

    /// Image, class and probability of each picture.
    fn lines(&self) -> impl Iterator<Item = [String; 3]> {
        self.predictions.iter().map(|row| {
            let (class, probability) = self.said(row);
            [row.image.clone(), class, probability]
        })
    }

    fn bars(&self, show: bool, columns: usize) -> String {
        let mut text = String::new();
        for row in &self.predictions {
            if show && !row.pixels.is_empty() {
                text += &drawn(&row.pixels, self.cols);
            }
            let (class, probability) = self.said(row);
            let label = row.label().map_or_else(String::new, |label| format!(", label {}", self.name(label)));
            let _ = writeln!(text, "{}: {class} {probability}{label}", row.image);
            if let Answer::Class { probabilities, .. } = &row.answer {
                let mut best: Vec<usize> = (0..probabilities.len()).collect();
                best.sort_by(|&one, &other| probabilities[other].total_cmp(&probabilities[one]));
                let best = best.into_iter().take(BEST).map(|class| {
                    let probability = probabilities[class];
                    let length = (probability.clamp(0.0, 1.0) * BAR as f32).round() as usize;
                    ["  ".to_owned(), self.name(class), format!("{probability:.4}"), "█".repeat(length)]
                });
                text +=
                    &(plain(["", "", "", ""], best, &[0, 1, 3], columns).trim_start_matches('\n').to_owned() + "\n");
            }
        }
        text
    }

    /// One line a picture: image, class, name, probability, error; and the label, if any picture has one.
    #[must_use]
    pub fn csv(&self) -> String {
        let headings = ["image", "class", "name", "probability", "error"].map(str::to_owned);
        let number = |class: &Option<usize>| class.map_or_else(String::new, |class| class.to_string());
        let rows = self.predictions.iter().map(|Row { image, answer, .. }| match answer {
            Answer::Error { error } => [image.clone(), String::new(), String::new(), String::new(), error.clone()],
            Answer::Class { class, name, probability, .. } => {
                [image.clone(), number(class), name.clone().unwrap_or_default(), probability.to_string(), String::new()]
            }
        });
        let rows = once(headings).chain(rows);
        if self.right().1 == 0 {
            return csv(rows);
        }
        let labels = once("label".to_owned()).chain(self.predictions.iter().map(|row| number(&row.label())));
        csv(rows
            .zip(labels)
            .map(|([image, class, name, probability, error], label)| [image, class, name, probability, error, label]))
    }

    /// The file that Kaggle's Digit Recognizer takes: `ImageId,Label`, images counted from 1.
    #[must_use]
    pub fn kaggle(&self) -> String {
        let mut text = "ImageId,Label\n".to_owned();
        for (id, row) in (1..).zip(&self.predictions) {
            let label = match &row.answer {
                Answer::Class { class: Some(class), .. } => class.to_string(),
                _ => String::new(),
            };
            let _ = writeln!(text, "{id},{label}");
        }
        text
    }

    /// The class of a picture, and how probable it is; or why there is none.
    fn said(&self, row: &Row) -> (String, String) {
        match &row.answer {
            Answer::Error { error } => (format!("error: {error}"), String::new()),
            Answer::Class { class, probability, .. } => {
                (class.map_or_else(|| "none".to_owned(), |class| self.name(class)), format!("{probability:.4}"))
            }
        }
    }

    fn name(&self, class: usize) -> String {
        self.names.as_ref().map_or_else(|| class.to_string(), |names| names[class].clone())
    }
}

/// An image of `cols` columns in characters, two a pixel.
fn drawn(pixels: &[u8], cols: usize) -> String {
    let mut text = String::new();
    for row in pixels.chunks(cols) {
        let line: String =
            row.iter().flat_map(|&pixel| [SHADES[usize::from(pixel) * (SHADES.len() - 1) / 255]; 2]).collect();
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions() -> Predictions {
        let mut predictions = Predictions::new(Some(vec!["cat".to_owned(), "dog, small".to_owned()]), 2, 2);
        let said = |class, probabilities: [f32; 2]| Prediction { class, probabilities: probabilities.to_vec() };
        predictions.push("a.png".to_owned(), said(1, [0.25, 0.75]), vec![0, 255, 0, 102], None, 0.6);
        predictions.push("b.png".to_owned(), said(0, [0.5, 0.5]), vec![0; 4], None, 0.6);
        predictions.push_error("c.png".to_owned(), "an empty file".to_owned());
        predictions
    }

    #[test]
    fn json_has_an_entry_a_picture_in_order() {
        let predictions = predictions();
        assert_eq!(predictions.errors(), 1);
        let json = serde_json::to_value(&predictions).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"predictions": [
                {"image": "a.png", "class": 1, "name": "dog, small", "probability": 0.75, "probabilities": [0.25, 0.75]},
                {"image": "b.png", "class": null, "name": null, "probability": 0.5, "probabilities": [0.5, 0.5]},
                {"image": "c.png", "error": "an empty file"},
            ]})
        );
    }

    #[test]
    fn tables_for_programs() {
        let csv =
            "image,class,name,probability,error\na.png,1,\"dog, small\",0.75,\nb.png,,,0.5,\nc.png,,,,an empty file\n";
        assert_eq!(predictions().csv(), csv);
        assert_eq!(predictions().kaggle(), "ImageId,Label\n1,1\n2,\n3,\n");
    }

    #[test]
    fn text_has_the_best_as_bars_and_shows_what_the_network_saw() {
        let text = predictions().text(true, 80);
        assert!(text.starts_with("  @@\n  ::\na.png: dog, small 0.7500\n"), "{text}");
        assert!(text.contains(&"█".repeat(18)) && text.contains("b.png: none 0.5000"), "{text}");
        assert!(text.ends_with("c.png: error: an empty file \n"), "{text}");
        let mut many = predictions();
        for n in 0..30 {
            let said = Prediction { class: 0, probabilities: vec![0.9, 0.1] };
            many.push(format!("{n}.png"), said, vec![0; 4], None, 0.0);
        }
        assert_eq!(many.text(false, 80).lines().count(), 34, "a line each, and the headings");
    }

    #[test]
    fn labels_are_beside_the_answers() {
        let mut predictions = Predictions::new(Some(vec!["1".to_owned(), "2".to_owned()]), 2, 2);
        // A name goes before a number.
        for (label, expected) in [("2", 1), ("0", 0), ("1", 0)] {
            let said = Prediction { class: 1, probabilities: vec![0.0, 1.0] };
            predictions.push(label.to_owned(), said, vec![0; 4], Some(label.to_owned()), 0.0);
            assert_eq!(predictions.predictions.last().unwrap().label(), Some(expected));
        }
        for label in ["3", "", "cat"] {
            let said = Prediction { class: 1, probabilities: vec![0.0, 1.0] };
            predictions.push(label.to_owned(), said, vec![0; 4], Some(label.to_owned()), 0.0);
            assert_eq!(predictions.predictions.last().unwrap().label(), None);
        }
        assert_eq!(predictions.unknown_labels(), 2);
        let text = predictions.text(false, 80);
        assert!(
            text.starts_with("2: 2 1.0000, label 2\n") && text.ends_with("accuracy 0.2000, 5 images with a label\n"),
            "{text}"
        );
        let csv = predictions.csv();
        assert!(csv.starts_with("image,class,name,probability,error,label\n2,1,2,1,,1\n0,1,2,1,,0\n"), "{csv}");
        assert_eq!(serde_json::to_value(&predictions).unwrap()["predictions"][0]["label"], 1);
        for n in 0..30 {
            let said = Prediction { class: 0, probabilities: vec![0.9, 0.1] };
            predictions.push(n.to_string(), said, vec![0; 4], Some("1".to_owned()), 0.0);
        }
        let text = predictions.text(false, 80);
        assert!(text.lines().next().unwrap().ends_with("label") && text.lines().count() == 38, "{text}");
    }
}
