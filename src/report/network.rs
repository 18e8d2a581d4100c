//! The report of `twolayer show` on a network, as tables and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::table::plain;
use super::width::wrapped;
use crate::data::description::Description;
use crate::net::{Activation, Net, Params, Tensor};
use crate::words::counted;

/// What a network is, and statistics of its parameters.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkReport {
    file: String,
    input: usize,
    hidden: usize,
    classes: usize,
    activation: &'static str,
    output: &'static str,
    parameters: usize,
    #[serde(flatten)]
    description: Description,
    tensors: Vec<Statistics>,
    /// Of a network with relu, the units that are 0 for every image.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_units: Option<Vec<usize>>,
}

/// Statistics of a tensor's values.
#[derive(Clone, Debug, Serialize)]
struct Statistics {
    name: &'static str,
    shape: Vec<usize>,
    min: f64,
    max: f64,
    mean: f64,
    /// The standard deviation.
    std: f64,
    /// The root of the sum of squares.
    norm: f64,
}

impl NetworkReport {
    /// `file` is the name of the network's file.
    #[must_use]
    pub fn new(file: String, net: Net, params: &Params, description: Description) -> Self {
        let tensors = params.tensors();
        Self {
            file,
            input: net.shape.input,
            hidden: net.shape.hidden,
            classes: net.shape.classes,
            activation: net.activation.as_str(),
            output: net.output.as_str(),
            parameters: tensors.iter().map(|tensor| tensor.values.len()).sum(),
            description,
            tensors: tensors.iter().map(Statistics::new).collect(),
            dead_units: (net.activation == Activation::Relu).then(|| dead_units(params)),
        }
    }

    /// For a person, at most `columns` wide.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        let Self { file, input, hidden, classes, activation, output, parameters, description, tensors, dead_units } =
            self;
        let mut text = format!("{file}\n");
        let network =
            format!("network: {input}-{hidden}-{classes}, {activation} and {output}, {parameters} parameters");
        let _ = writeln!(text, "{}", wrapped(&network, columns));
        if let Some(preparation) = &description.preparation {
            let _ = writeln!(text, "{}", wrapped(&format!("pictures: {preparation}"), columns));
        }
        if let Some(names) = &description.names {
            let _ = writeln!(text, "{}", wrapped(&format!("classes: {}", names.join(", ")), columns));
        }
        let rows = tensors.iter().map(|tensor| {
            let Statistics { name, shape, min, max, mean, std, norm } = tensor;
            let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
            let [min, max, mean, std, norm] = [min, max, mean, std, norm].map(|value| significant(*value));
            [(*name).to_owned(), format!("[{}]", shape.join(", ")), min, max, mean, std, norm]
        });
        let table = plain(["", "shape", "min", "max", "mean", "std", "norm"], rows, &[0, 1], columns);
        let _ = writeln!(text, "\n{table}");
        match dead_units.as_deref() {
            None | Some([]) => {}
            Some(dead) => {
                let listed: Vec<String> = dead.iter().take(LISTED).map(usize::to_string).collect();
                let more = if dead.len() > LISTED { ", ..." } else { "" };
                let dead = counted(dead.len(), "unit");
                let line = format!("dead for every image: {dead} of {hidden} ({}{more})", listed.join(", "));
                let _ = writeln!(text, "\n{}", wrapped(&line, columns));
            }
        }
        text
    }
}

/// Dead units that are listed by number.
const LISTED: usize = 20;

impl Statistics {
    fn new(tensor: &Tensor) -> Self {
        let values = || tensor.values.iter().map(|value| f64::from(*value));
        let count = tensor.values.len() as f64;
        let mean = values().sum::<f64>() / count;
        Self {
            name: tensor.name,
            shape: tensor.dims.clone(),
            min: values().fold(f64::INFINITY, f64::min),
            max: values().fold(f64::NEG_INFINITY, f64::max),
            mean,
            std: (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt(),
            norm: values().map(|value| value * value).sum::<f64>().sqrt(),
        }
    }
}

/// The units whose a1 is not above 0 for any image: the largest is b1 and the weights above 0, where those pixels are white.
fn dead_units(params: &Params) -> Vec<usize> {
    let mut largest: Vec<f64> = params.b1.iter().map(|b| f64::from(*b)).collect();
    for row in params.w1.chunks(params.shape.hidden) {
        for (largest, &w) in largest.iter_mut().zip(row) {
            *largest += f64::from(w.max(0.0));
        }
    }
    (0..largest.len()).filter(|unit| largest[*unit] <= 0.0).collect()
}

/// A number with four digits.
fn significant(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (0.001..10_000.0).contains(&size) => {
            let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
            format!("{value:.digits$}")
        }
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Output, Shape};
    use crate::report::width::width;

    const SHAPE: Shape = Shape { input: 2, hidden: 3, classes: 2 };

    fn params() -> Params {
        Params {
            shape: SHAPE,
            w1: vec![1.0, -5.0, 0.25, -9.0, -7.0, 0.5],
            b1: vec![-0.5, 0.0, -0.75],
            w2: vec![3.0, 4.0, 0.0, 0.0, 0.0, 0.0],
            b2: vec![2.0, 4.0],
        }
    }

    fn report(activation: Activation) -> NetworkReport {
        let net = Net { shape: SHAPE, activation, output: Output::Softmax };
        let names = Some(vec!["cat".to_owned(), "dog".to_owned()]);
        NetworkReport::new("net".to_owned(), net, &params(), Description { names, preparation: None })
    }

    #[test]
    fn statistics_are_of_each_tensor() {
        let json = serde_json::to_value(report(Activation::Relu)).unwrap();
        assert_eq!((&json["parameters"], &json["names"][1]), (&17.into(), &"dog".into()));
        let tensor = |place: usize| &json["tensors"][place];
        assert_eq!(
            (&tensor(0)["name"], &tensor(0)["min"], &tensor(0)["max"]),
            (&"W1".into(), &(-9.0).into(), &1.0.into())
        );
        assert_eq!((&tensor(2)["shape"], &tensor(2)["norm"]), (&serde_json::json!([3, 2]), &5.0.into()));
        assert_eq!((&tensor(3)["mean"], &tensor(3)["std"]), (&3.0.into(), &1.0.into()));
    }

    #[test]
    fn a_unit_is_dead_if_no_image_wakes_it() {
        // Unit 0 by its first pixel alone; unit 1 never, as both weights are below 0; unit 2 reaches 0, no more.
        assert_eq!(dead_units(&params()), [1, 2]);
        assert!(report(Activation::Relu).text(80).ends_with("dead for every image: 2 units of 3 (1, 2)\n"));
        assert!(!report(Activation::Sigmoid).text(80).contains("dead"));
    }

    #[test]
    fn no_line_is_too_wide() {
        for columns in [40, 60, 80] {
            let text = report(Activation::Relu).text(columns);
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}\n{text}");
            assert!(text.contains("classes: cat, dog\n"), "{text}");
        }
    }

    #[test]
    fn numbers_have_four_digits() {
        let texts = [0.0, -0.012_345_6, 1.0, 123.456, 4567.8, 0.000_012_34, 1e7].map(significant);
        assert_eq!(texts, ["0", "-0.01235", "1.000", "123.5", "4568", "1.234e-5", "1.000e7"]);
    }
}
