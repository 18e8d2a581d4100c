//! The images of tables, for `twolayer predict`.

use std::path::Path;

use super::pictures::Image;
use crate::data::description::Description;
use crate::data::import::{Remark, Rows, Target, is_emnist, looks_like_a_table, read_rows};

/// The endings of the names of tables, in small letters, before `.gz`.
const ENDINGS: [&str; 3] = [".csv", ".tsv", ".tab"];

/// The images of a file.
pub(super) struct Found {
    pub images: Vec<Named>,
    /// For the user, each with the name of the file.
    pub remarks: Vec<(String, Remark)>,
}

/// An image for the network, or why there is none, and what it is called.
pub(super) struct Named {
    pub name: String,
    pub image: Image,
    /// What a table's column of labels has for it.
    pub label: Option<String>,
}

impl Found {
    /// A file that is one image, or should have been.
    pub fn one(name: String, image: Image) -> Self {
        Self { images: vec![Named { name, image, label: None }], remarks: Vec::new() }
    }
}

/// How the tables of a command are read.
pub(super) struct Tables {
    target: Target,
    /// Whether the network's own images are of unknown making, so that bright ones are worth a note.
    are_foreign: bool,
}

impl Tables {
    /// For a network of this description. With `raw` the pixels are taken as they are. With `transpose` all images are stored
    /// transposed.
    pub fn new(description: &Description, pixels: usize, max: Option<u16>, raw: bool, transpose: bool) -> Self {
        let own = description.preparation.as_ref();
        let size = description.size(pixels);
        let max = max.or(own.and_then(|own| own.max));
        let is_inverted = !raw && own.is_some_and(|own| own.inverted);
        Self { target: Target { size, max, is_inverted, is_transposed: transpose }, are_foreign: own.is_none() }
    }

    /// Whether the images of a table or an IDX file are stored transposed.
    pub fn is_transposed(&self, path: &Path) -> bool {
        self.target.is_transposed || is_emnist(path)
    }

    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.target.size.0 * self.target.size.1
    }

    /// The images of a table, named by the table and their number from 0.
    pub fn images(&self, path: &Path, bytes: &[u8]) -> Found {
        let name = path.display().to_string();
        let is_transposed = self.is_transposed(path);
        match read_rows(bytes, &Target { is_transposed, ..self.target }) {
            Err(problem) => Found::one(name, Err(problem.to_string())),
            Ok(Rows { lines, set, remarks }) => {
                let mut images = set.images().chunks(self.pixels());
                let images = lines.into_iter().enumerate().map(|(n, line)| {
                    let name = format!("{name}#{n}");
                    match line {
                        Ok(label) => Named { name, image: Ok(images.next().unwrap_or_default().to_vec()), label },
                        Err(problem) => Named { name, image: Err(problem.to_string()), label: None },
                    }
                });
                let images = images.collect();
                let is_said = |remark: &Remark| self.are_foreign || !matches!(remark, Remark::BrightRows(_));
                let remarks = remarks.into_iter().filter(is_said).map(|remark| (name.clone(), remark)).collect();
                Found { images, remarks }
            }
        }
    }
}

/// Whether a file is a table, by its name or its first lines.
pub(super) fn is_table(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || looks_like_a_table(bytes)
}
