//! The pages name files that are there.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every page, by its path from the root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "benches/README.md",
        "benches/gpu-compilers/README.md",
        "web/README.md",
    ]
    .map(PathBuf::from)
    .into();
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    pages.extend(
        docs.map(|name| Path::new("docs").join(name)).filter(|page| page.extension().is_some_and(|end| end == "md")),
    );
    pages
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(inside, _)| inside).collect()
}

fn assert_there(page: &Path, named: &str, path: &Path) {
    assert!(path.exists(), "{}: {named} is not there", page.display());
}

#[test]
fn links_lead_to_files() {
    let mut count = 0;
    for page in pages() {
        let page_path = Path::new(ROOT).join(&page);
        let text = fs::read_to_string(&page_path).unwrap();
        let links = between(&text, "](", ")").into_iter().filter(|link| !link.contains("://"));
        for link in links {
            assert_there(&page, link, &page_path.parent().unwrap().join(link));
            count += 1;
        }
    }
    assert!(count > 20, "only {count} links were found");
}

/// Names with a placeholder in capital letters, or with spaces, are none.
#[test]
fn paths_in_the_text_are_files() {
    const FOLDERS: [&str; 8] = ["src/", "shaders/", "tests/", "benches/", "docs/", "examples/", "fuzz/", "web/"];
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        for named in text.split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| named.starts_with(folder));
            if is_path && !named.contains([' ', '*']) {
                assert_there(&page, named, &Path::new(ROOT).join(named));
                count += 1;
            }
        }
    }
    assert!(count > 60, "only {count} paths were found");
}

#[test]
fn the_first_two_pages_stay_short() {
    for (page, most) in [("README.md", 150), ("ARCHITECTURE.md", 180)] {
        let lines = fs::read_to_string(Path::new(ROOT).join(page)).unwrap().lines().count();
        assert!(lines <= most, "{page} has {lines} lines, more than {most}; docs/ has room");
    }
}

/// The file of `folder` that a path like `reference::Pass::z1` begins with, and the names within it.
fn file_of<'a>(folder: &Path, names: &'a [&'a str]) -> Option<(PathBuf, &'a [&'a str])> {
    (1..names.len()).rev().find_map(|count| {
        let module = folder.join(names[..count].join("/"));
        let file = [module.with_extension("rs"), module.join("mod.rs")].into_iter().find(|file| file.exists())?;
        Some((file, &names[count..]))
    })
}

/// A kernel's header ends with `// Oracle: PATH, PATH. Test: FILE.`: what it is compared with, and where.
#[test]
fn every_kernel_names_its_oracle_and_its_test() {
    let root = Path::new(ROOT);
    let within = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let all = within(&root.join("shaders"));
    let families = all.iter().filter(|path| path.is_dir() && !path.ends_with("shared"));
    let kernels: Vec<PathBuf> =
        families.flat_map(|folder| within(folder)).chain(all.iter().filter(|path| path.is_file()).cloned()).collect();
    assert!(kernels.len() >= 16, "{kernels:?}");
    for kernel in kernels {
        let text = fs::read_to_string(&kernel).unwrap();
        let header: Vec<&str> =
            text.lines().skip_while(|line| !line.starts_with("//")).take_while(|line| line.starts_with("//")).collect();
        let line = header.last().copied().unwrap_or_default();
        let named = line.strip_prefix("// Oracle: ").and_then(|rest| rest.strip_suffix('.')?.split_once(". Test: "));
        let Some((oracles, test)) = named else {
            panic!("{}: its header ends with '{line}', not with its oracle and test", kernel.display())
        };
        assert_there(&kernel, test, &root.join(test));
        for oracle in oracles.split(", ") {
            let names: Vec<&str> = oracle.split("::").collect();
            let found = ["src", "tests"].iter().find_map(|folder| file_of(&root.join(folder), &names));
            let Some((file, names)) = found else { panic!("{}: {oracle} is in no file", kernel.display()) };
            let text = fs::read_to_string(file).unwrap();
            for name in names {
                let forms = ["fn {name}(", "fn {name}<", "struct {name} {", "pub {name}: "];
                let forms = forms.map(|form| form.replace("{name}", name));
                let is_there = forms.iter().any(|form| text.contains(form));
                assert!(is_there, "{}: {oracle} is not there", kernel.display());
            }
        }
    }
}
