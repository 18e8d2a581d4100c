//! A shader's text: its file, and before it the files of `shaders/shared/` that it imports.

use crate::gpu::layout::NUMBERS;

/// A kernel's shader.
#[derive(Clone, Copy)]
pub struct Source {
    /// What the kernel is called.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// Invocations in a workgroup.
    pub lanes: usize,
}

/// The files of `shaders/shared/`, by the names that `#import` takes.
const SHARED: [(&str, &str); 11] = [
    ("activation", include_str!("../../../shaders/shared/activation.wgsl")),
    ("axpby", include_str!("../../../shaders/shared/axpby.wgsl")),
    ("blocks", include_str!("../../../shaders/shared/blocks.wgsl")),
    ("difference", include_str!("../../../shaders/shared/difference.wgsl")),
    ("exps", include_str!("../../../shaders/shared/exps.wgsl")),
    ("loss", include_str!("../../../shaders/shared/loss.wgsl")),
    ("network", include_str!("../../../shaders/shared/network.wgsl")),
    ("nonzero_bits", include_str!("../../../shaders/shared/nonzero_bits.wgsl")),
    ("output_team", include_str!("../../../shaders/shared/output_team.wgsl")),
    ("sharing", include_str!("../../../shaders/shared/sharing.wgsl")),
    ("update", include_str!("../../../shaders/shared/update.wgsl")),
];

/// What begins a line that names a file of `shaders/shared/`.
const IMPORT: &str = "#import ";

impl Source {
    /// The whole text: [`NUMBERS`], the lines that choose functions, each imported file once and before those that import it,
    /// then the kernel's own.
    ///
    /// # Panics
    /// If an import is not there, or leads back to itself.
    pub fn resolved(&self, chosen: &str) -> String {
        let mut text = NUMBERS.map(|(name, value)| format!("const {name} = {value}u;\n")).concat() + chosen;
        append(self.name, self.text, &SHARED, &mut Vec::new(), &mut Vec::new(), &mut text);
        text
    }
}

/// Appends what a file imports and is not in the text yet, then the file. `path` leads from the kernel to the file.
fn append<'a>(
    name: &'a str,
    file: &'a str,
    shared: &[(&'a str, &'a str)],
    path: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
    text: &mut String,
) {
    assert!(!path.contains(&name), "{name} imports itself: {}", path.join(", "));
    path.push(name);
    for import in file.lines().filter_map(|line| line.strip_prefix(IMPORT)) {
        let imported = shared.iter().find(|(name, _)| *name == import);
        let Some((import, file)) = imported else { panic!("{name} imports {import}, which is not in shaders/shared/") };
        if !done.contains(import) {
            append(import, file, shared, path, done, text);
        }
    }
    path.pop();
    done.push(name);
    for line in file.lines().filter(|line| !line.starts_with(IMPORT)) {
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::gpu::kernels::SOURCES;

    /// The texts of the files in a folder of `shaders/`.
    fn files(folder: &str) -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders").join(folder);
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let named = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        paths.map(|path| (named(&path), fs::read_to_string(&path).unwrap())).collect()
    }

    #[test]
    fn every_file_of_shaders_is_a_source_or_shared() {
        let shaders = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
        let folders = fs::read_dir(shaders).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let folders = folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        let families = folders.filter(|folder| folder != "shared").chain([String::new()]);
        let mut kernels: Vec<_> = families.flat_map(|folder| files(&folder)).collect();
        // Those of gpu/peak.rs know no network.
        kernels.retain(|(name, _)| !name.starts_with("peak_"));
        assert!(kernels.iter().all(|(_, text)| SOURCES.iter().any(|source| source.text == text)));
        let shared = files("shared");
        assert_eq!(shared.len(), SHARED.len());
        assert!(shared.iter().all(|(name, text)| SHARED.contains(&(name.as_str(), text.as_str()))));
    }

    #[test]
    fn every_import_is_there_and_none_goes_in_a_circle() {
        for source in SOURCES {
            let text = source.resolved("");
            assert!(!text.contains(IMPORT.trim_end()) && text.ends_with('\n'), "{}", source.name);
        }
    }

    fn resolved(shared: &[(&str, &str)], text: &str) -> String {
        let mut all = String::new();
        append("kernel", text, shared, &mut Vec::new(), &mut Vec::new(), &mut all);
        all
    }

    #[test]
    fn imports_stand_before_importers_and_once() {
        let shared = [("a", "#import c\na\n"), ("b", "#import c\n#import a\nb\n"), ("c", "c\n")];
        assert_eq!(resolved(&shared, "#import b\n#import a\nkernel\n"), "c\na\nb\nkernel\n");
    }

    #[test]
    #[should_panic(expected = "kernel imports a, which is not in shaders/shared/")]
    fn an_import_that_is_not_there_is_named() {
        resolved(&[], "#import a\n");
    }

    #[test]
    #[should_panic(expected = "a imports itself: kernel, a, b")]
    fn a_circle_is_named() {
        resolved(&[("a", "#import b\n"), ("b", "#import a\n")], "#import a\n");
    }
}
