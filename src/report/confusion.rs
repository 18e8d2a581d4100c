//! The confusion matrix as text.

use std::fmt::Write;
use std::ops::Range;

use super::scores::{Score, scores};
use super::table::plain;
use super::width::{shortened, width, wrapped};

/// The shortest useful beginning of a class's name, in columns.
const SHORT_NAME: usize = 8;
/// The number of mix-ups in the condensed text.
const MIX_UPS: usize = 10;

/// A confusion matrix: the number of images of each label that are predicted as each class.
pub struct Confusion<'a> {
    counts: &'a [Vec<u32>],
    names: Option<&'a [String]>,
}

/// The number of a class and, if it has one, its name, shortened to `room` columns.
pub(super) fn numbered(class: usize, names: Option<&[String]>, room: usize) -> String {
    match names.and_then(|names| names.get(class)).map(|name| shortened(name, room)) {
        Some(name) if !name.is_empty() => format!("{class} {name}"),
        _ => class.to_string(),
    }
}

impl<'a> Confusion<'a> {
    /// `counts[label][predicted]` is square. `names` are those of the classes.
    #[must_use]
    pub fn new(counts: &'a [Vec<u32>], names: Option<&'a [String]>) -> Self {
        Self { counts, names }
    }

    /// The matrix if it fits into `columns`, and the scores of each class. If not, the scores with the most frequent mix-ups.
    #[must_use]
    pub fn text(&self, columns: usize) -> String {
        let Some(matrix) = self.matrix(columns) else { return self.condensed(columns) };
        let scores = plain(["class", "images", "precision", "recall", "F1"], self.scores(columns / 4), &[0], columns);
        format!("{matrix}\n{scores}\n")
    }

    /// The class, and its name, shortened to `room` columns.
    fn class_name(&self, class: usize, room: usize) -> String {
        numbered(class, self.names, room)
    }

    /// The cells of each class: its name, images, precision, recall and F1.
    fn scores(&self, room: usize) -> impl Iterator<Item = [String; 5]> {
        let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"));
        scores(self.counts, None).into_iter().map(move |Score { class, images, precision, recall, f1, .. }| {
            [self.class_name(class, room), images.to_string(), share(precision), share(recall), share(f1)]
        })
    }

    fn classes(&self) -> Range<usize> {
        0..self.counts.len()
    }

    fn name(&self, class: usize) -> &str {
        self.names.and_then(|names| names.get(class)).map_or("", String::as_str)
    }

    /// `None` if it is too wide.
    fn matrix(&self, columns: usize) -> Option<String> {
        let classes = self.counts.len();
        let label = classes.saturating_sub(1).to_string().len();
        let largest = self.counts.iter().flatten().max().copied().unwrap_or(0);
        let cell = largest.to_string().len().max(label);
        let longest = self.classes().map(|class| width(self.name(class))).max().unwrap_or(0);
        // A space separates label and name.
        let room = |gap: usize| columns.checked_sub(label + classes * (cell + gap));
        let fits = |&(gap, name): &(usize, usize)| room(gap).is_some_and(|room| name == 0 || name < room);
        let (gap, name) = [(2, longest), (1, longest), (1, longest.min(SHORT_NAME)), (1, 0)].into_iter().find(fits)?;
        let name = if name == 0 { 0 } else { longest.min(room(gap)? - 1) };

        let head_width = label + usize::from(name > 0) + name;
        let line = |head: &str, cells: &mut dyn Iterator<Item = String>| {
            let mut line = format!("{head}{:1$}", "", head_width.saturating_sub(width(head)));
            for count in cells {
                let _ = write!(line, "{:gap$}{count:>cell$}", "");
            }
            line + "\n"
        };
        let mut text = "label \\ predicted\n".to_owned();
        text += &line("", &mut self.classes().map(|class| class.to_string()));
        for (class, counts) in self.counts.iter().enumerate() {
            let head = format!("{class:label$} {}", shortened(self.name(class), name));
            text += &line(head.trim_end(), &mut counts.iter().map(u32::to_string));
        }
        Some(text)
    }

    fn condensed(&self, columns: usize) -> String {
        // A class's line has two names and four numbers.
        let room = columns / 6;
        // The most frequent first. Equal ones keep the order of their classes.
        let pairs = self.classes().flat_map(|label| self.classes().map(move |class| (label, class)));
        let mut mix_ups: Vec<_> =
            pairs.filter(|&(label, class)| label != class && self.counts[label][class] > 0).collect();
        mix_ups.sort_by_key(|&(label, class)| std::cmp::Reverse(self.counts[label][class]));
        let rows = self.scores(room).enumerate().map(|(label, [class, images, precision, recall, _])| {
            let mix_up = mix_ups.iter().find(|mix_up| mix_up.0 == label).map(|mix_up| mix_up.1);
            let count = mix_up.map_or(String::new(), |class| self.counts[label][class].to_string());
            let taken_for = mix_up.map_or(String::new(), |class| self.class_name(class, room));
            [class, images, precision, recall, taken_for, count]
        });
        let headings = ["class", "images", "precision", "recall", "most often taken for", "images"];
        let reason =
            format!("{} are too many classes for a matrix in {columns} columns; --json has it", self.counts.len());
        let mut text = format!("{}\n\n{}\n", wrapped(&reason, columns), plain(headings, rows, &[0, 4], columns));
        mix_ups.truncate(MIX_UPS);
        if !mix_ups.is_empty() {
            let class_name = |class| self.class_name(class, columns / 4);
            let rows = mix_ups
                .into_iter()
                .map(|(label, class)| [class_name(label), class_name(class), self.counts[label][class].to_string()]);
            let table = plain(["label", "predicted", "images"], rows, &[0, 1], columns);
            let _ = write!(text, "\nthe most frequent mix-ups\n{table}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_classes_are_a_matrix() {
        let counts = [vec![96, 4, 0], vec![0, 1010, 7], vec![1, 0, 3]];
        let names = ["Ankle boot", "くつ", "bag"].map(str::to_owned);
        let expected = "\
label \\ predicted
                 0     1     2
0 Ankle boot    96     4     0
1 くつ           0  1010     7
2 bag            1     0     3
";
        assert_eq!(Confusion::new(&counts, Some(&names)).matrix(60).unwrap(), expected);
        let expected = "\
label \\ predicted
     0    1    2
0   96    4    0
1    0 1010    7
2    1    0    3
";
        assert_eq!(Confusion::new(&counts, Some(&names)).matrix(17).unwrap(), expected);
        let expected = "\
 0 Ankle boot     100      0.990   0.960  0.975
 1 くつ          1017      0.996   0.993  0.995
 2 bag              4      0.300   0.750  0.429
";
        let text = Confusion::new(&counts, Some(&names)).text(60);
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn many_classes_are_a_line_each() {
        let mut counts = vec![vec![0; 30]; 30];
        for (class, counts) in counts.iter_mut().enumerate().skip(1) {
            counts[class] = 90;
            counts[0] = 10;
        }
        counts[7][8] = 50;
        let text = Confusion::new(&counts, None).text(80);
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "30 are too many classes for a matrix in 80 columns; --json has it",
            "class images precision recall most often taken for images",
            "0 0 0.000 -",
            "7 150 1.000 0.600 8 50",
            "9 100 1.000 0.900 0 10",
            "the most frequent mix-ups",
        ];
        for expected in expected {
            assert!(lines.iter().any(|line| line == expected), "{expected:?} is not in\n{text}");
        }
        assert_eq!(lines[lines.len() - 11..][..3], ["label predicted images", "7 8 50", "1 0 10"]);
        // On a wide terminal it is a matrix.
        assert!(Confusion::new(&counts, None).text(120).starts_with("label \\ predicted"));
    }

    #[test]
    fn no_line_is_too_wide() {
        let name = |class: usize| ["くつした".repeat(40), "n".repeat(255), format!("a {class}"), String::new()];
        for classes in [2, 10, 15, 26, 62, 255] {
            let names: Vec<String> = (0..classes).map(|class| name(class)[class % 4].clone()).collect();
            for count in [0, 9, 6000, u32::MAX] {
                let counts = vec![vec![count; classes]; classes];
                for names in [None, Some(&names[..])] {
                    for columns in [40, 60, 80, 120] {
                        let text = Confusion::new(&counts, names).text(columns);
                        assert!(text.lines().all(|line| width(line) <= columns), "{columns}\n{text}");
                    }
                }
            }
        }
        // The ten classes of MNIST or Fashion-MNIST fit as a matrix.
        let counts = vec![vec![6000; 10]; 10];
        let names: Vec<String> = (0..10).map(|class| format!("piece of clothing {class}")).collect();
        let text = Confusion::new(&counts, Some(&names)).text(60);
        assert!(text.starts_with("label \\ predicted") && text.contains("\n7 piec"), "{text}");
    }
}
