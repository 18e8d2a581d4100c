//! Labels for the names of classes.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::Problem;
use super::remark::Remark;
use super::source::Classes;
use crate::data::limits::MAX_CLASSES;

/// The labels assigned to names.
pub(super) struct Assignment {
    /// The label of each name.
    pub labels: Vec<u8>,
    pub classes: Classes,
    pub remarks: Vec<Remark>,
}

/// The rules by which names become labels.
#[derive(Clone, Copy)]
pub(super) struct Naming<'a> {
    /// The number that becomes label 0.
    pub first_label: u8,
    /// The classes of the training images, if the names are those of test images.
    pub train: Option<&'a Classes>,
    /// Whether a number out of range is a name, as for folders, or an error.
    pub large_numbers_are_names: bool,
}

impl Naming<'_> {
    /// Gives each of the distinct names its label. If all names are numbers, these are the labels; otherwise the sorted names are
    /// numbered.
    pub fn labels(self, names: &[String]) -> Result<Assignment, Problem> {
        match self.train {
            Some(train) => self.labels_of_test(names, train),
            None => self.labels_of_train(names),
        }
    }

    fn labels_of_train(self, names: &[String]) -> Result<Assignment, Problem> {
        if let Some(labels) = self.numbers(names)? {
            let count = usize::from(labels.iter().copied().max().unwrap_or(0)) + 1;
            let used = labels.iter().copied().collect();
            let remarks = merged(names, &labels);
            return Ok(Assignment { labels, classes: Classes { names: None, count, used }, remarks });
        }
        if names.len() > MAX_CLASSES {
            return Err(Problem::Classes(names.len()));
        }
        if self.first_label > 0 {
            let name = names.iter().find(|name| number(name).is_none()).cloned().unwrap_or_default();
            return Err(Problem::FirstLabelOfNames(name));
        }
        let sorted: Vec<String> = names.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let labels: Vec<u8> = names.iter().map(|name| sorted.partition_point(|other| other < name) as u8).collect();
        let not_its_number = |(label, name): (usize, &String)| {
            let is_other = number(name).is_some_and(|number| number != label as u64);
            is_other.then(|| Remark::NotItsNumber { name: name.clone(), label: label as u8 })
        };
        let remarks = sorted.iter().enumerate().find_map(not_its_number).into_iter().chain(alike(&sorted)).collect();
        let used = labels.iter().copied().collect();
        Ok(Assignment { labels, classes: Classes { count: sorted.len(), names: Some(sorted), used }, remarks })
    }

    fn labels_of_test(self, names: &[String], train: &Classes) -> Result<Assignment, Problem> {
        let find = |name: &String| {
            if let Some(known) = &train.names {
                return known.binary_search(name).ok().map(|label| label as u8);
            }
            let label = number(name)?.checked_sub(self.first_label.into())?;
            u8::try_from(label).ok().filter(|label| train.used.contains(label))
        };
        let found: Vec<Option<u8>> = names.iter().map(find).collect();
        let unknown: Vec<String> =
            names.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(name, _)| name.clone()).collect();
        if !unknown.is_empty() {
            return Err(Problem::UnknownClasses(unknown));
        }
        let labels: Vec<u8> = found.into_iter().flatten().collect();
        let untested = train.used.iter().filter(|label| !labels.contains(label)).map(|&label| train.name(label));
        let untested: Vec<String> = untested.collect();
        let mut remarks = merged(names, &labels);
        if !untested.is_empty() {
            remarks.push(Remark::NotTested(untested));
        }
        Ok(Assignment { labels, classes: train.clone(), remarks })
    }

    /// The names as labels; none if they are not all numbers.
    fn numbers(self, names: &[String]) -> Result<Option<Vec<u8>>, Problem> {
        let Some(numbers) = names.iter().map(|name| number(name)).collect::<Option<Vec<u64>>>() else {
            return Ok(None);
        };
        let most = MAX_CLASSES as u64 - 1 + u64::from(self.first_label);
        let label = |number: u64| {
            let is_label = (u64::from(self.first_label)..=most).contains(&number);
            is_label.then(|| (number - u64::from(self.first_label)) as u8)
        };
        let labels: Vec<Option<u8>> = numbers.iter().map(|&number| label(number)).collect();
        match labels.iter().position(Option::is_none) {
            None => Ok(Some(labels.into_iter().flatten().collect())),
            Some(_) if self.large_numbers_are_names => Ok(None),
            Some(index) => {
                Err(Problem::Label { found: names[index].clone(), least: self.first_label, most: most as u16 })
            }
        }
    }
}

/// A whole number in any of these forms: 3, 03, +3, 3.0.
fn number(name: &str) -> Option<u64> {
    let whole = name
        .strip_suffix('.')
        .or_else(|| name.split_once('.').filter(|(_, end)| end.bytes().all(|b| b == b'0')).map(|(whole, _)| whole));
    whole.unwrap_or(name).parse().ok()
}

/// A remark about the first two names that differ in case and spaces alone.
fn alike(names: &[String]) -> Option<Remark> {
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    names.iter().find_map(|name| {
        let plain: String = name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        let before = seen.insert(plain, name)?;
        Some(Remark::Alike([before.clone(), name.clone()]))
    })
}

/// Remarks about labels that have several names.
fn merged(names: &[String], labels: &[u8]) -> Vec<Remark> {
    let mut names_of: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for (name, &label) in names.iter().zip(labels) {
        names_of.entry(label).or_default().push(name.clone());
    }
    let several = names_of.into_iter().filter(|(_, names)| names.len() > 1);
    several.map(|(label, names)| Remark::Merged { label, names }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const FOLDERS: Naming = Naming { first_label: 0, train: None, large_numbers_are_names: true };

    fn labels(given: &[&str]) -> Assignment {
        FOLDERS.labels(&names(given)).unwrap()
    }

    #[test]
    fn numbers_are_labels_and_names_are_numbered() {
        let found = labels(&["0", "1", "10", "2"]);
        assert_eq!((found.labels, found.classes.count, found.classes.names), (vec![0, 1, 10, 2], 11, None));
        let found = labels(&["sandals", "boots"]);
        assert_eq!((found.labels, found.classes.names), (vec![1, 0], Some(names(&["boots", "sandals"]))));
        let found = labels(&["0", "1", "10", "2", "noise"]);
        assert_eq!(found.labels, [0, 1, 2, 3, 4]);
        assert_eq!(found.remarks, [Remark::NotItsNumber { name: "10".to_owned(), label: 2 }]);
        assert_eq!(
            labels(&["Cats", "cats ", "dogs"]).remarks[0].to_string(),
            "two classes have nearly the same name: \"Cats\" and \"cats \""
        );
        assert_eq!(labels(&["7", "300"]).classes.names, Some(names(&["300", "7"])));
        let found = Naming { first_label: 1, ..FOLDERS }.labels(&names(&["1", "10"])).unwrap();
        assert_eq!((found.labels, found.classes.count), (vec![0, 9], 10));
    }

    #[test]
    fn several_forms_of_a_number_are_one_label() {
        let found = labels(&["+1", "01", "1", "2"]);
        assert_eq!(found.labels, [1, 1, 1, 2]);
        assert_eq!(found.remarks[0].to_string(), "the folders +1, 01, 1 are one class, 1");
        assert_eq!(labels(&["3.0", "4."]).labels, [3, 4]);
    }

    #[test]
    fn numbers_out_of_range_can_be_errors() {
        let naming = |first_label| Naming { first_label, large_numbers_are_names: false, ..FOLDERS };
        let error = |first_label, given: &[&str]| naming(first_label).labels(&names(given)).err().unwrap().to_string();
        assert!(error(0, &["3", "255"]).contains("\"255\" is no label from 0 to 254"));
        assert!(error(1, &["0", "1"]).contains("\"0\" is no label from 1 to 255"));
        assert!(error(1, &["1", "one"]).contains("--first-label"));
    }

    #[test]
    fn test_images_have_the_classes_of_the_training_images() {
        let trained = labels(&["a", "b", "c"]).classes;
        let test = |train: &Classes, given: &[&str]| Naming { train: Some(train), ..FOLDERS }.labels(&names(given));
        let found = test(&trained, &["c", "a"]).unwrap();
        assert_eq!((found.labels, found.classes.count), (vec![2, 0], 3));
        assert_eq!(found.remarks, [Remark::NotTested(names(&["b"]))]);
        let error = test(&trained, &["a", "d"]).err().unwrap().to_string();
        assert!(error.contains("has d, of which"), "{error}");
        let trained = labels(&["0", "2"]).classes;
        assert_eq!(test(&trained, &["2"]).unwrap().labels, [2]);
        for unknown in ["1", "3", "x"] {
            assert!(matches!(test(&trained, &[unknown]), Err(Problem::UnknownClasses(_))), "{unknown}");
        }
    }
}
