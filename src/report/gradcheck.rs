//! What `twolayer gradcheck` found, as a table and as JSON.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::bench::device;
use super::plot::ErrorCurve;
use super::summary::Device;
use crate::devices::Info;
use crate::gradcheck::{Gradient, Row, TensorError};

/// The curves of a plot: the errors of W1's gradient by the reference's naive differences, and by a device's two kinds.
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
    // Not every network has numerical gradients.
    curves.into_iter().filter(|(_, points): &ErrorCurve| !points.is_empty()).collect()
}

/// The errors of every device at every point.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    network: String,
    batch_size: usize,
    /// How many parameters of a tensor the naive differences are taken of, at most.
    samples: usize,
    points: Vec<Point>,
    passed: bool,
}

/// A network's parameters, and the errors there.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    name: String,
    /// The batch's mean loss in f64.
    loss: f64,
    rows: Vec<Entry>,
    failed: Vec<Failure>,
}

/// A device that gave no gradients.
#[derive(Clone, Debug, Serialize)]
struct Failure {
    device: Device,
    #[serde(skip)]
    label: String,
    reason: String,
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    /// None for the reference in f64.
    device: Option<Device>,
    #[serde(skip)]
    label: String,
    gradient: &'static str,
    step_size: Option<f64>,
    tensors: [Tensor; 4],
    /// What the errors by norm may be, where they are judged.
    tolerance: Option<f64>,
    passed: Option<bool>,
}

#[derive(Clone, Debug, Serialize)]
struct Tensor {
    name: &'static str,
    norm: f64,
    maximum: f64,
    worst: Vec<usize>,
}

impl Point {
    /// A point without any errors yet.
    #[must_use]
    pub fn new(name: String, loss: f64) -> Self {
        Self { name, loss, rows: Vec::new(), failed: Vec::new() }
    }

    /// Adds the errors of a device, or of the reference if none.
    pub fn add(&mut self, info: Option<&Info>, rows: &[Row]) {
        let label = info.map_or("f64 reference".to_owned(), labelled);
        self.rows.extend(rows.iter().map(|row| {
            let (gradient, step_size) = match row.gradient {
                Gradient::Backprop => ("backprop", None),
                Gradient::Numerical { step_size } => ("numerical", Some(step_size)),
                Gradient::Naive { step_size } => ("naive", Some(step_size)),
            };
            let tensor = |TensorError { name, norm, maximum, place }: &TensorError| Tensor {
                name,
                norm: *norm,
                maximum: *maximum,
                worst: place.clone(),
            };
            Entry {
                device: info.map(Device::from),
                label: label.clone(),
                gradient,
                step_size,
                tensors: row.errors.each_ref().map(tensor),
                tolerance: row.tolerance(),
                passed: row.passed(),
            }
        }));
    }

    /// Adds a device that gave no gradients.
    pub fn fail(&mut self, info: &Info, reason: &impl Display) {
        self.failed.push(Failure { device: info.into(), label: labelled(info), reason: reason.to_string() });
    }
}

fn labelled(info: &Info) -> String {
    device(info.index, &info.name, &info.backend)
}

impl Report {
    /// Puts the points together.
    #[must_use]
    pub fn new(network: String, batch_size: usize, samples: usize, points: Vec<Point>) -> Self {
        let right = |point: &Point| point.failed.is_empty() && point.rows.iter().all(|row| row.passed != Some(false));
        let passed = points.iter().all(right);
        Self { network, batch_size, samples, points, passed }
    }

    /// How many rows are beyond their tolerance.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.points.iter().flat_map(|point| &point.rows).filter(|row| row.passed == Some(false)).count()
    }

    /// How many devices gave no gradients at some point.
    #[must_use]
    pub fn failed_devices(&self) -> usize {
        let failed = self.points.iter().flat_map(|point| &point.failed);
        failed.map(|failure| &failure.label).collect::<BTreeSet<_>>().len()
    }

    /// A table a point: of each tensor the relative error by norm, and under it the largest element's, and where that is.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "Relative errors of one batch's gradient: {} images, {}.\n\
             By norm; under it the largest element's, beside the largest right one, [where].\n\
             backprop: against the reference's backprop.\n\
             numerical, naive: against the exact f64 gradient of the loss with its 1e-7, naive for up to {}\n\
             parameters of a tensor. Rows without a tolerance show what a step costs; they are not judged.\n",
            self.batch_size, self.network, self.samples
        );
        for Point { name, loss, rows, failed } in &self.points {
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            table.set_header(["device", "gradient", "step", "W1", "b1", "W2", "b2", "tolerance", "result"]);
            let mut last = "";
            for row in rows {
                let label = if row.label == last { "" } else { &row.label };
                last = &row.label;
                let mut cells = vec![label.to_owned(), row.gradient.to_owned()];
                cells.push(row.step_size.map_or(String::new(), |size| format!("{size:e}")));
                cells.extend(
                    row.tensors
                        .iter()
                        .map(|tensor| format!("{:.1e}\n{:.1e} {:?}", tensor.norm, tensor.maximum, tensor.worst)),
                );
                cells.push(row.tolerance.map_or(String::new(), |tolerance| format!("{tolerance:e}")));
                cells.push(match row.passed {
                    Some(true) => "ok".to_owned(),
                    Some(false) => "TOO FAR".to_owned(),
                    None => String::new(),
                });
                table.add_row(cells);
            }
            if let Some(column) = table.column_mut(2) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            let _ = writeln!(text, "\n{name}, loss {loss:.4}\n{}", table.trim_fmt());
            for Failure { label, reason, .. } in failed {
                let _ = writeln!(text, "{label} failed: {reason}");
            }
        }
        if self.passed {
            text += "\nall gradients are within their tolerance\n";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_fails_is_in_the_results() {
        let info = Info::reference();
        let mut point = Point::new("somewhere".to_owned(), 2.3);
        let found = |point: &Point| Report::new("net".to_owned(), 1, 1, vec![point.clone(), point.clone()]);
        assert!(found(&point).passed);
        point.fail(&info, &"out of memory");
        let report = found(&point);
        assert_eq!((report.passed, report.failures(), report.failed_devices()), (false, 0, 1));
        assert!(report.text().contains("failed: out of memory"), "{}", report.text());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["points"][1]["failed"][0]["reason"], "out of memory");
    }
}
