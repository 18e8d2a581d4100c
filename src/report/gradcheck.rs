//! The report of `twolayer gradcheck`, as tables and as JSON.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use serde::{Deserialize, Serialize};

use super::bench::device_of;
use super::plot::ErrorCurve;
use super::summary::Device;
use super::table::plain;
use super::width::{shortened, wrapped};
use crate::devices::Info;
use crate::gradcheck::{Gradient, Row, TensorError};
use crate::words::counted;

/// The curves of a plot: the errors of W1's gradient, for the reference's naive differences and for both kinds of a device.
#[must_use]
pub fn error_curves(reference: &[Row], device: &[Row]) -> Vec<ErrorCurve> {
    let curve = |name, rows: &[Row], step_size: fn(Gradient) -> Option<f64>| {
        (name, rows.iter().filter_map(|row| Some((step_size(row.gradient)?, row.errors[0].norm))).collect())
    };
    let naive = |gradient| if let Gradient::Naive { step_size } = gradient { Some(step_size) } else { None };
    let numerical = |gradient| if let Gradient::Numerical { step_size } = gradient { Some(step_size) } else { None };
    let curves = [
        curve("two losses, f64", reference, naive),
        curve("two losses, f32", device, naive),
        curve("as a change, f32", device, numerical),
    ];
    // Some networks have no numerical gradient.
    curves.into_iter().filter(|(_, points): &ErrorCurve| !points.is_empty()).collect()
}

/// The errors of every device at every point.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    network: String,
    batch_size: usize,
    /// The largest number of parameters of a tensor that the naive differences are computed for.
    samples: usize,
    points: Vec<Point>,
    passed: bool,
}

/// The errors of the devices for one set of parameters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    name: String,
    /// The batch's mean loss in f64.
    loss: f64,
    rows: Vec<Entry>,
    failed: Vec<Failure>,
}

/// A device that failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failure {
    device: Device,
    /// Its short name, with its machine's if there are several.
    label: String,
    reason: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    /// `None` for the f64 reference.
    device: Option<Device>,
    /// Its short name, with its machine's if there are several.
    label: String,
    gradient: Cow<'static, str>,
    step_size: Option<f64>,
    tensors: [Tensor; 4],
    /// The largest error by norm that passes. `None` if the row is not judged.
    tolerance: Option<f64>,
    passed: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tensor {
    name: Cow<'static, str>,
    norm: f64,
    maximum: f64,
    worst: Vec<usize>,
}

impl Point {
    /// A point without rows.
    #[must_use]
    pub fn new(name: String, loss: f64) -> Self {
        Self { name, loss, rows: Vec::new(), failed: Vec::new() }
    }

    /// Adds the errors of a device, or of the reference if `info` is `None`.
    pub fn add(&mut self, info: Option<&Info>, rows: &[Row]) {
        let label = info.map_or("f64 reference".to_owned(), device_of);
        self.rows.extend(rows.iter().map(|row| {
            let (gradient, step_size) = match row.gradient {
                Gradient::Backprop => ("backprop", None),
                Gradient::Numerical { step_size } => ("numerical", Some(step_size)),
                Gradient::Naive { step_size } => ("naive", Some(step_size)),
            };
            let tensor = |TensorError { name, norm, maximum, place }: &TensorError| Tensor {
                name: Cow::Borrowed(name),
                norm: *norm,
                maximum: *maximum,
                worst: place.clone(),
            };
            Entry {
                device: info.map(Device::from),
                label: label.clone(),
                gradient: Cow::Borrowed(gradient),
                step_size,
                tensors: row.errors.each_ref().map(tensor),
                tolerance: row.tolerance(),
                passed: row.passed(),
            }
        }));
    }

    /// Adds a device that failed.
    pub fn fail(&mut self, info: &Info, reason: &impl Display) {
        self.failed.push(Failure { device: info.into(), label: device_of(info), reason: reason.to_string() });
    }
}

impl Report {
    /// Puts the points together.
    #[must_use]
    pub fn new(network: String, batch_size: usize, samples: usize, points: Vec<Point>) -> Self {
        let passes = |point: &Point| point.failed.is_empty() && point.rows.iter().all(|row| row.passed != Some(false));
        let passed = points.iter().all(passes);
        Self { network, batch_size, samples, points, passed }
    }

    /// Adds the report of another machine.
    pub fn add(&mut self, other: Self) {
        self.passed &= other.passed;
        for (point, other) in self.points.iter_mut().zip(other.points) {
            // The reference is everyone's.
            point.rows.extend(other.rows.into_iter().filter(|row| row.device.is_some()));
            point.failed.extend(other.failed);
        }
    }

    /// Puts the machine's name before those of its devices.
    pub fn take_on(&mut self, host: &str) {
        for point in &mut self.points {
            let rows = point.rows.iter_mut().filter(|row| row.device.is_some()).map(|row| &mut row.label);
            for label in rows.chain(point.failed.iter_mut().map(|failure| &mut failure.label)) {
                *label = format!("{host}: {label}");
            }
        }
    }

    /// The number of rows above their tolerance.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.points.iter().flat_map(|point| &point.rows).filter(|row| row.passed == Some(false)).count()
    }

    /// The number of devices that failed at some point.
    #[must_use]
    pub fn failed_devices(&self) -> usize {
        let failed = self.points.iter().flat_map(|point| &point.failed);
        failed.map(|failure| &failure.label).collect::<BTreeSet<_>>().len()
    }

    /// The text, `columns` wide: a table for each point and device. For each tensor it has the relative error by norm, and
    /// below it the largest error of an element.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        let errors = format!(
            "Relative errors of one batch's gradient: {}, {}. The first number is the error by norm. The number below is the \
             largest error of an element, over the largest expected element.",
            counted(self.batch_size, "image"),
            self.network
        );
        let references = format!(
            "backprop is compared with the reference's backprop. numerical and naive are compared with the exact f64 gradient \
             of the loss with its 1e-7, naive for up to {} of a tensor. Rows with an empty 'within' are not judged: they show \
             the effect of the step size.",
            counted(self.samples, "parameter")
        );
        let mut text = [&errors, &references, NAIVE].map(|part| wrapped(part, columns) + "\n").concat();
        for Point { name, loss, rows, failed } in &self.points {
            let _ = writeln!(text, "\n{name}, loss {loss:.4}");
            for rows in rows.chunk_by(|one, other| one.label == other.label) {
                let device = shortened(&rows[0].label, columns);
                let headings = ["gradient", "step", "W1", "b1", "W2", "b2", "within", ""];
                let table = plain(headings, rows.iter().map(Entry::cells), &[0, 7], columns);
                let _ = writeln!(text, "\n{device}\n{table}");
                for row in rows.iter().filter(|row| row.passed == Some(false)) {
                    let worst = row.tensors.iter().map(|tensor| format!("{} {:?}", tensor.name, tensor.worst));
                    let worst = format!("{} is worst at {}", row.gradient, worst.collect::<Vec<_>>().join(", "));
                    let _ = writeln!(text, "{}", wrapped(&worst, columns));
                }
            }
            for Failure { label, reason, .. } in failed {
                let _ = writeln!(text, "\n{label} failed: {reason}");
            }
        }
        if self.passed {
            text += "\nall gradients are within their tolerance\n";
        }
        text
    }
}

/// The reason for the rows with large errors.
const NAIVE: &str =
    "naive in f32 shows a method that fails: the difference of two f32 losses keeps almost no correct digits.";

impl Entry {
    fn cells(&self) -> [String; 8] {
        let [w1, b1, w2, b2] =
            self.tensors.each_ref().map(|tensor| format!("{:.1e}\n{:.1e}", tensor.norm, tensor.maximum));
        [
            self.gradient.to_string(),
            self.step_size.map_or(String::new(), |size| format!("{size:e}")),
            w1,
            b1,
            w2,
            b2,
            self.tolerance.map_or(String::new(), |tolerance| format!("{tolerance:e}")),
            match self.passed {
                Some(true) => "ok".to_owned(),
                Some(false) => "TOO FAR".to_owned(),
                None => String::new(),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::width::width;

    #[test]
    fn a_device_that_fails_is_in_the_results() {
        let info = Info::reference();
        let mut point = Point::new("a point".to_owned(), 2.3);
        let report = |point: &Point| Report::new("net".to_owned(), 1, 1, vec![point.clone(), point.clone()]);
        assert!(report(&point).passed);
        point.fail(&info, &"out of memory");
        let report = report(&point);
        assert_eq!((report.passed, report.failures(), report.failed_devices()), (false, 0, 1));
        assert!(report.text(80).contains("failed: out of memory"), "{}", report.text(80));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["points"][1]["failed"][0]["reason"], "out of memory");
    }

    fn row(gradient: Gradient, error: f64) -> Row {
        let tensor = |name| TensorError { name, norm: error, maximum: error, place: vec![4095, 4095] };
        Row { gradient, errors: ["W1", "b1", "W2", "b2"].map(tensor) }
    }

    #[test]
    fn no_line_is_too_wide() {
        let name = format!("NVIDIA GeForce RTX 4090 Laptop GPU {}", "くつした".repeat(30));
        let info = Info { name, ..Info::reference() };
        let rows = [1e-10, 0.5, 1e100, f64::NAN].map(|error| {
            let step_size = crate::gradcheck::JUDGED_STEP_SIZE;
            [Gradient::Backprop, Gradient::Numerical { step_size }, Gradient::Naive { step_size: 1.234_567_8e-7 }]
                .map(|gradient| row(gradient, error))
        });
        let mut point = Point::new("after 18446744073709551615 iterations, seed 0".to_owned(), 2.3);
        point.add(None, &rows.concat());
        point.add(Some(&info), &rows.concat());
        let report = Report::new("4096-4096-255, sigmoid and softmax".to_owned(), 8192, 10_000, vec![point]);
        for columns in [60, 80, 120] {
            let text = report.text(columns);
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}\n{text}");
            // A sentence may be broken into several lines.
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for sentence in [NAIVE, "backprop is worst at W1 [4095, 4095], b1"] {
                assert!(words.contains(sentence), "{sentence}: {text}");
            }
        }
    }

    #[test]
    fn naive_gradients_of_a_device_are_not_judged() {
        let mut point = Point::new("a point".to_owned(), 2.3);
        point.add(Some(&Info::reference()), &[row(Gradient::Naive { step_size: 1e-4 }, 1e3)]);
        let report = Report::new("net".to_owned(), 1, 1, vec![point]);
        assert!(report.passed && report.failures() == 0);
    }
}
