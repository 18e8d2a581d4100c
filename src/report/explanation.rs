//! The explanation of one image as text, with the book's formulas, and as JSON.

use std::fmt::Write;

use ndarray::{Array1, Array2};
use serde_json::{Value, json};

use super::set::drawn;
use super::table::plain;
use super::width::{width, wrapped};
use crate::devices::Info;
use crate::explain::{Backward, Explanation};
use crate::net::{Activation, Net, Output};
use crate::words::counted;

/// Classes that get a bar.
const BARS: usize = 10;
/// Characters of a bar for the probability 1.
const BAR: usize = 24;
/// Pixels whose derivatives are shown.
const PIXELS: usize = 5;
/// The columns of a formula.
const MARGIN: usize = 32;
/// The heading of a device's differences.
const OFF: &str = "device - f64";

/// An explanation and what it is of.
pub struct Report<'a> {
    /// The computation.
    pub explanation: &'a Explanation,
    /// The image's file, or its place in a set.
    pub image: String,
    /// Its bytes, `[input]`.
    pub pixels: &'a [u8],
    /// Its columns.
    pub cols: usize,
    /// The names of the classes, if they have any.
    pub names: Option<&'a [String]>,
    /// The device.
    pub info: &'a Info,
}

impl Report<'_> {
    /// The page for a reader, at most `columns` wide, with this many hidden units.
    #[must_use]
    pub fn text(&self, units: usize, columns: usize) -> String {
        let ranking = self.explanation.ranking();
        let shown = &ranking[..units.min(ranking.len())];
        let mut text = drawn(self.pixels, self.cols, columns);
        let of = self.pixels.len();
        let inked = self.pixels.iter().filter(|pixel| **pixel > 0).count();
        let image = format!("{}: {}, {inked} of them not 0", self.image, counted(of, "pixel"));
        let _ = writeln!(text, "{}\n", wrapped(&image, columns));
        text += &self.forward(shown, columns);
        if let Some(backward) = &self.explanation.backward {
            text += &self.backward(backward, shown, columns);
        }
        text
    }

    fn forward(&self, shown: &[usize], columns: usize) -> String {
        let Explanation { network, a1, z1, contributions, a2, y, .. } = self.explanation;
        let Net { activation, output, .. } = network.net;
        let y_formula = match output {
            Output::Softmax => "y = softmax(a2)",
            Output::Identity => "y = a2",
        };
        let mut text = self.formulas(
            &[
                ("a1", "a1 = x W1 + b1"),
                ("z1", &format!("z1 = {activation}(a1)")),
                ("a2", "a2 = z1 W2 + b2"),
                ("y", y_formula),
            ],
            columns,
        );
        let all = a1.len();
        let which = if shown.len() < all {
            format!("the {} of {all} units that tell the classes apart most", shown.len())
        } else {
            "the unit that tells the classes apart most comes first".to_owned()
        };
        let gives = "what unit j gives to class k is z1[j] W2[j,k], and a column's sum is a2";
        let _ = writeln!(text, "\n{}\n{}", wrapped(gives, columns), wrapped(&which, columns));

        let mut rest = contributions.sum_axis(ndarray::Axis(0));
        let mut rows = Vec::new();
        for &unit in shown {
            rest -= &contributions.row(unit);
            let heads = [unit.to_string(), decimals(a1[unit], 2), decimals(z1[unit], 3)];
            rows.push((heads, contributions.row(unit).to_owned()));
        }
        let head = |name: String| [name, String::new(), String::new()];
        if shown.len() < all {
            rows.push((head(format!("{} more", all - shown.len())), rest));
        }
        rows.push((head("b2".to_owned()), network.params.b2.clone()));
        rows.push((head("a2".to_owned()), a2.clone()));
        text += &self.by_class(["unit", "a1", "z1"], &rows, 0, columns);
        text + "\n" + &self.bars(a2, y, columns)
    }

    fn backward(&self, backward: &Backward, shown: &[usize], columns: usize) -> String {
        let Explanation { network, x, a1, z1, .. } = self.explanation;
        let Net { activation, output, .. } = network.net;
        let Backward { label, loss, dy, dz1, da1, gradient, .. } = backward;
        let loss_formula = match output {
            Output::Softmax => format!("L = -log(y[{label}] + 1e-7)"),
            Output::Identity => "L = 1/2 sum (y - t)^2".to_owned(),
        };
        let label_is = format!("label {}: t[{label}] = 1, all other t = 0, and N = 1", self.called(*label));
        let mut text = format!("\n{}\n{loss_formula} = {}\n\n", wrapped(&label_is, columns), rounded(*loss));
        let device_loss = match output {
            Output::Softmax => format!("L on devices = -log(y[{label}])"),
            Output::Identity => "L".to_owned(),
        };
        let da1_formula = match activation {
            Activation::Sigmoid => "da1 = dz1 z1 (1 - z1)",
            Activation::Relu => "da1 = dz1 where a1 > 0, else 0",
            Activation::Tanh => "da1 = dz1 (1 - z1^2)",
        };
        text += &self.formulas(
            &[
                ("loss", &device_loss),
                ("dy", "dy = (y - t) / N"),
                ("dW2", "dW2 = z1^T dy"),
                ("db2", "db2 = dy"),
                ("dz1", "dz1 = dy W2^T"),
                ("da1", da1_formula),
                ("dW1", "dW1 = x^T da1"),
                ("db1", "db1 = da1"),
            ],
            columns,
        );

        let head = |name: String| [name, String::new()];
        let mut rows = vec![(head("dy = db2".to_owned()), dy.clone())];
        let of_unit = |&unit: &usize| ([unit.to_string(), decimals(z1[unit], 3)], gradient.w2.row(unit).to_owned());
        rows.extend(shown.iter().map(of_unit));
        let power = power(rows.iter().flat_map(|(_, row)| row));
        let heading = format!("dW2[j,k] = z1[j] dy[k], of the same units{}", in_units(power));
        let _ = writeln!(text, "\n{}", wrapped(&heading, columns));
        text += &self.by_class(["unit", "z1"], &rows, power, columns);

        let derivatives = shown.iter().map(|&unit| {
            let [dz1, da1] = [dz1[unit], da1[unit]].map(|value| format!("{value:.2e}"));
            [unit.to_string(), decimals(a1[unit], 2), decimals(z1[unit], 3), dz1, da1]
        });
        let table = plain(["unit", "a1", "z1", "dz1", "da1 = db1"], derivatives, &[], columns);
        let _ = writeln!(text, "\n{table}");
        text + "\n" + &self.first_layer(x, &gradient.w1, shown, columns)
    }

    /// The derivatives by the weights of the brightest pixels.
    fn first_layer(&self, x: &Array1<f64>, dw1: &Array2<f64>, shown: &[usize], columns: usize) -> String {
        let mut pixels: Vec<usize> = (0..x.len()).collect();
        pixels.sort_by(|&one, &other| x[other].total_cmp(&x[one]));
        pixels.truncate(PIXELS);
        let values = || pixels.iter().flat_map(|&pixel| shown.iter().map(move |&unit| &dw1[(pixel, unit)]));
        let power = power(values());
        let dark = x.iter().filter(|x| **x == 0.0).count();
        let heading = format!("dW1[i,j] = x[i] da1[j], at the brightest pixels{}", in_units(power));
        let mut text = wrapped(&heading, columns) + "\n";
        let mut table = vec![vec!["row, column".to_owned(), "x".to_owned()]];
        for &pixel in &pixels {
            let place = format!("{}, {}", pixel / self.cols, pixel % self.cols);
            table.push(vec![place, decimals(x[pixel], 3)]);
        }
        let cells = |&unit: &usize| {
            let cells = pixels.iter().map(move |&pixel| cell(dw1[(pixel, unit)], power));
            [unit.to_string()].into_iter().chain(cells).collect()
        };
        let cells: Vec<Vec<String>> = shown.iter().map(cells).collect();
        let room = fitting(&table, &cells, columns).min(shown.len());
        for column in &cells[..room] {
            for (row, cell) in table.iter_mut().zip(column) {
                row.push(cell.clone());
            }
        }
        text += &aligned(&table);
        let zeros = format!("dW1 is 0 at the {} where x is 0", counted(dark, "pixel"));
        let _ = writeln!(text, "{}", wrapped(&zeros, columns));
        text
    }

    /// A line for each value: its formula, and how far the device is off, where most.
    fn formulas(&self, lines: &[(&str, &str)], columns: usize) -> String {
        let differences = self.explanation.differences();
        let numbers = (MARGIN + OFF.len()).min(columns);
        let mut text = format!("{OFF:>numbers$}\n");
        for (name, formula) in lines {
            let mut line = (*formula).to_owned();
            if let Some(difference) = differences.iter().find(|difference| difference.name == *name) {
                let error = difference.error();
                let error_text = if error == 0.0 { "0".to_owned() } else { format!("{error:.1e}") };
                let _ = write!(line, "{error_text:>0$}", numbers.saturating_sub(width(formula)));
                let place = place(name, &difference.place, self.cols);
                if error != 0.0 && width(&line) + width(&place) <= columns {
                    line += &place;
                }
            }
            text += &line;
            text.push('\n');
        }
        text
    }

    /// A table with a column a class; as many as fit, those with the largest outputs and the label's.
    fn by_class<const N: usize>(
        &self,
        headings: [&str; N],
        rows: &[([String; N], Array1<f64>)],
        power: i32,
        columns: usize,
    ) -> String {
        let mut table = vec![headings.map(str::to_owned).to_vec()];
        table.extend(rows.iter().map(|(heads, _)| heads.to_vec()));
        let large = rows.iter().flat_map(|(_, row)| row).any(|value| scaled(*value, power).abs() >= 9.995);
        let places = if large { 1 } else { 2 };
        let cells = |class: usize| {
            let cells = rows.iter().map(|(_, row)| decimals(scaled(row[class], power), places));
            [class.to_string()].into_iter().chain(cells).collect()
        };
        let mut classes = self.by_output();
        let cells: Vec<Vec<String>> = (0..classes.len()).map(cells).collect();
        let count = classes.len();
        classes.truncate(fitting(&table, &cells, columns));
        classes.sort_unstable();
        for &class in &classes {
            for (row, cell) in table.iter_mut().zip(&cells[class]) {
                row.push(cell.clone());
            }
        }
        let mut text = aligned(&table);
        if classes.len() < count {
            let shown = format!("{} of {count} classes, those of the largest outputs", classes.len());
            let _ = writeln!(text, "{}", wrapped(&shown, columns));
        }
        text
    }

    /// The classes: the label's first, then by their outputs.
    fn by_output(&self) -> Vec<usize> {
        let Explanation { y, backward, .. } = self.explanation;
        let label = backward.as_ref().map(|backward| backward.label);
        let mut classes: Vec<usize> = (0..y.len()).collect();
        classes.sort_by(|&one, &other| {
            (label == Some(other)).cmp(&(label == Some(one))).then(y[other].total_cmp(&y[one]))
        });
        classes
    }

    fn bars(&self, a2: &Array1<f64>, y: &Array1<f64>, columns: usize) -> String {
        let mut classes = self.by_output();
        let left_out = classes.len().saturating_sub(BARS);
        classes.truncate(BARS);
        classes.sort_unstable();
        let rows = classes.into_iter().map(|class| {
            let length = (y[class].clamp(0.0, 1.0) * BAR as f64).round() as usize;
            [self.called(class), decimals(a2[class], 3), decimals(y[class], 4), "█".repeat(length)]
        });
        let mut text = plain(["class", "a2", "y", ""], rows, &[0, 3], columns);
        text = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        if left_out > 0 {
            let _ = writeln!(text, "and {left_out} more");
        }
        text
    }

    /// A class by its number and its name.
    fn called(&self, class: usize) -> String {
        match self.names.and_then(|names| names.get(class)) {
            Some(name) if *name != class.to_string() => format!("{class} {name}"),
            _ => class.to_string(),
        }
    }

    /// Every value. dW1 has one for each weight of the first layer, so it is there with `full` alone.
    #[must_use]
    pub fn json(&self, full: bool) -> Value {
        let Explanation { network, a1, z1, contributions, a2, y, backward, device, .. } = self.explanation;
        let Net { shape, activation, output } = network.net;
        let numbers = |values: &Array1<f64>| json!(values.to_vec());
        let rows = |values: &Array2<f64>| json!(values.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        let of_device = |values: &[f32], columns| json!(values.chunks(columns).collect::<Vec<_>>());
        let values = &device.values;
        let mut on_device = json!({"a1": values.a1, "z1": values.z1, "a2": values.a2, "y": values.y});
        let mut derivatives = Value::Null;
        if let (Some(backward), Some((loss, gradients))) = (backward, &device.backward) {
            let Backward { label, loss: of_book, device_loss, dy, dz1, da1, gradient } = backward;
            derivatives = json!({
                "label": label, "loss": of_book, "loss_without_epsilon": device_loss,
                "dy": numbers(dy), "dW2": rows(&gradient.w2), "db2": numbers(&gradient.b2),
                "dz1": numbers(dz1), "da1": numbers(da1), "db1": numbers(&gradient.b1),
            });
            on_device["loss_without_epsilon"] = json!(loss);
            on_device["dy"] = json!(values.dy);
            on_device["dW2"] = of_device(&gradients.w2, shape.classes);
            on_device["db2"] = json!(gradients.b2);
            on_device["dz1"] = json!(values.dz1);
            on_device["da1"] = json!(values.da1);
            on_device["db1"] = json!(gradients.b1);
            if full {
                derivatives["dW1"] = rows(&gradient.w1);
                on_device["dW1"] = of_device(&gradients.w1, shape.hidden);
            }
        }
        let differences = self.explanation.differences().into_iter().map(|difference| {
            json!({
                "name": difference.name, "place": difference.place, "f64": difference.reference,
                "device": difference.device, "difference": difference.error(),
            })
        });
        json!({
            "image": self.image,
            "device": self.info,
            "network": {
                "input": shape.input, "hidden": shape.hidden, "classes": shape.classes,
                "activation": activation.as_str(), "output": output.as_str(), "names": self.names,
            },
            "pixels": self.pixels,
            "class": self.explanation.class(),
            "units": self.explanation.ranking(),
            "forward": {
                "a1": numbers(a1), "z1": numbers(z1), "contributions": rows(contributions),
                "b2": numbers(&network.params.b2), "a2": numbers(a2), "y": numbers(y),
            },
            "backward": derivatives,
            "on_device": on_device,
            "differences": differences.collect::<Vec<_>>(),
        })
    }
}

/// Where a value is, in words.
fn place(name: &str, place: &[usize], cols: usize) -> String {
    match (name, place) {
        ("dW1", [pixel, unit]) => format!("  row {}, column {}, unit {unit}", pixel / cols, pixel % cols),
        (_, [unit, class]) => format!("  unit {unit}, class {class}"),
        ("a2" | "y" | "dy" | "db2", [class]) => format!("  class {class}"),
        (_, [unit]) => format!("  unit {unit}"),
        _ => String::new(),
    }
}

/// A number with this many decimal places; a large one in powers of ten.
fn decimals(value: f64, places: usize) -> String {
    let text = if value.abs() < 1e4 { format!("{value:.places$}") } else { format!("{value:.1e}") };
    // A small negative number is no negative zero.
    if text.trim_start_matches('-').bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

/// A number with four digits, in powers of ten if it is small.
fn rounded(value: f64) -> String {
    if value == 0.0 || (0.001..1e4).contains(&value.abs()) { decimals(value, 4) } else { format!("{value:.2e}") }
}

/// The power of ten that brings the largest of some numbers to 1 to 10; 0 for numbers that read well as they are.
fn power<'a>(values: impl Iterator<Item = &'a f64>) -> i32 {
    let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest > 0.0 && largest.is_finite() && !(0.5..1000.0).contains(&largest) {
        largest.log10().floor() as i32
    } else {
        0
    }
}

fn in_units(power: i32) -> String {
    if power == 0 { String::new() } else { format!(", in 1e{power}") }
}

fn scaled(value: f64, power: i32) -> f64 {
    value / 10_f64.powi(power)
}

fn cell(value: f64, power: i32) -> String {
    decimals(scaled(value, power), 2)
}

/// How many more columns of these cells fit beside a table.
fn fitting(table: &[Vec<String>], cells: &[Vec<String>], columns: usize) -> usize {
    let used: usize = widths(table).iter().map(|width| width + 1).sum();
    let widest = cells.iter().flatten().map(|cell| width(cell)).max().unwrap_or(0) + 1;
    ((columns + 1).saturating_sub(used) / widest).max(1)
}

fn widths(table: &[Vec<String>]) -> Vec<usize> {
    let columns = table.first().map_or(0, Vec::len);
    (0..columns).map(|column| table.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect()
}

/// A table with one space between its columns, all aligned right but the first.
fn aligned(table: &[Vec<String>]) -> String {
    let widths = widths(table);
    let mut text = String::new();
    for row in table {
        let mut line = String::new();
        for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if place == 0 { write!(line, "{cell:width$}") } else { write!(line, " {cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::devices::Device;
    use crate::net::{Params, Shape};

    fn explained(shape: Shape, std: f32, label: Option<u8>, activation: Activation, output: Output) -> Explanation {
        let params = Params::init(shape, std, 7);
        let pixels: Vec<u8> = (0..shape.input).map(|pixel| (pixel * 41 % 256) as u8).collect();
        let net = Net { shape, activation, output };
        block_on(Explanation::new(&Device::Cpu { threads: 1 }, net, &params, &pixels, label)).unwrap()
    }

    fn text(explanation: &Explanation, names: Option<&[String]>, units: usize, columns: usize) -> String {
        let pixels: Vec<u8> = explanation.x.iter().map(|x| (x * 255.0) as u8).collect();
        let info = Info::reference();
        let report = Report {
            explanation,
            image: "a.png".to_owned(),
            pixels: &pixels,
            cols: pixels.len().isqrt(),
            names,
            info: &info,
        };
        report.text(units, columns)
    }

    #[test]
    fn no_line_is_too_wide() {
        let names: Vec<String> = (0..255).map(|class| format!("class called {class}")).collect();
        for (classes, names) in [(3, None), (10, None), (255, Some(&names[..]))] {
            let shape = Shape { input: 100, hidden: 300, classes };
            for (std, label) in [(0.01, None), (1.0, Some(2)), (100.0, Some(1))] {
                for activation in Activation::ALL {
                    for output in [Output::Softmax, Output::Identity] {
                        let explanation = explained(shape, std, label, activation, output);
                        for columns in [40, 60, 80] {
                            let text = text(&explanation, names, 12, columns);
                            let wide = text.lines().find(|line| width(line) > columns);
                            assert_eq!(wide, None, "{columns}\n{text}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_columns_of_the_table_add_up() {
        let shape = Shape { input: 9, hidden: 5, classes: 4 };
        let explanation = explained(shape, 1.0, None, Activation::Sigmoid, Output::Softmax);
        let text = text(&explanation, None, 3, 80);
        let row = |head: &str| -> Vec<f64> {
            let line = text.lines().find(|line| line.starts_with(head) && !line.contains('=')).unwrap();
            let numbers: Vec<&str> = line.split_whitespace().collect();
            numbers[numbers.len() - 4..].iter().map(|number| number.parse().unwrap()).collect()
        };
        let shown = explanation.ranking()[..3].iter().map(|unit| row(&format!("{unit} "))).collect::<Vec<_>>();
        let (more, b2, a2) = (row("2 more"), row("b2"), row("a2 "));
        for class in 0..4 {
            let sum = shown.iter().map(|row| row[class]).sum::<f64>() + more[class] + b2[class];
            assert!((sum - a2[class]).abs() < 0.03, "{class}\n{text}");
            assert!((a2[class] - explanation.a2[class]).abs() < 0.006, "{class}\n{text}");
        }
    }

    #[test]
    fn numbers_are_in_a_readable_unit() {
        assert_eq!([0.0, 0.7, 999.0, 0.18, 4.4e-6, 2e5, f64::NAN].map(|v| power([v].iter())), [0, 0, 0, -1, -6, 5, 0]);
        assert_eq!([decimals(-0.001, 2), decimals(1.005e7, 2), rounded(0.000_12)], ["0.00", "1.0e7", "1.20e-4"]);
        assert_eq!((cell(-0.18, -1), in_units(-1)), ("-1.80".to_owned(), ", in 1e-1".to_owned()));
        let places = [place("dW1", &[29, 3], 28), place("y", &[3], 28), place("z1", &[3], 28), place("loss", &[], 28)];
        assert_eq!(places, ["  row 1, column 1, unit 3", "  class 3", "  unit 3", ""]);
    }
}
