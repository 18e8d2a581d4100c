//! What stands on what: no file of `src/` imports from a room above its own, no files import each other in a circle, and
//! `devices.rs` alone names the backends; and what a browser's page lacks is used in few, named places.
//!
//! A small parser reads the paths of every file: those of `use`, and those written out where they are used. A name that a
//! module only passes on (`pub use`) belongs to the file that has it. What tests import does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::iter::{once, repeat_n};
use std::path::{Path, PathBuf};

/// The rooms from the ground up. A file may import from its own room, and from the floors below.
const FLOORS: [&[&str]; 14] = [
    &["book", "clock", "memory", "words"],
    &["files", "functions", "random", "threads"],
    &["machine", "net"],
    &["reference"],
    &["data"],
    &["backend"],
    BACKENDS,
    &["devices"],
    &["selftest", "peers"],
    &["train"],
    &["explain", "gradcheck", "model"],
    &["bench", "classifier", "export"],
    &["report"],
    &["cli"],
];
const BACKENDS: &[&str] = &["cpu", "gpu"];

/// What a browser's page has not, or must not wait by, and the only files that use it; the last of a path may be a folder. They
/// are not compiled for a browser, or do without it there.
const NOT_IN_A_BROWSER: [(&str, &[&str]); 11] = [
    ("pollster", &["classifier.rs", "train/several.rs"]),
    ("rayon", &["threads/system.rs"]),
    ("std::fs", &["data/idx/file.rs", "data/locate.rs", "files", "machine.rs"]),
    ("std::net", &[]),
    ("std::process", &[]),
    ("std::sync::Condvar", &["cpu/team.rs", "peers/threads.rs"]),
    ("std::sync::mpsc", &["train/stream.rs"]),
    ("std::thread", &["peers/mpi.rs", "threads/system.rs"]),
    ("std::time::Instant", &["clock.rs"]),
    ("std::time::SystemTime", &[]),
    ("tempfile", &["files/temporary.rs"]),
];
/// What only the command needs, so that no browser has it.
const OF_THE_COMMAND: [&str; 6] = ["bench", "cli", "data/download.rs", "data/import", "data/public.rs", "report"];

/// The names of a path, or of a module from the crate's root.
type Names = Vec<String>;

/// Which file imports from which.
type Graph<'a> = BTreeMap<&'a Path, BTreeSet<&'a Path>>;

/// A module: a file's, or one within a file.
#[derive(Default)]
struct Module {
    /// Relative to `src/`.
    file: PathBuf,
    /// What `use` brings in, by the name that it has here.
    imports: BTreeMap<String, Names>,
    /// Every path: those of `use`, and those in the code.
    paths: Vec<Names>,
}

/// The modules of a crate, without those of tests.
struct House {
    src: PathBuf,
    modules: BTreeMap<Names, Module>,
}

impl House {
    fn read(src: &Path) -> Self {
        let mut house = Self { src: src.to_owned(), modules: BTreeMap::new() };
        house.read_file(&Vec::new(), Path::new("lib.rs"));
        house
    }

    fn of_this_crate() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
    }

    fn read_file(&mut self, module: &Names, file: &Path) {
        let text = fs::read_to_string(self.src.join(file)).unwrap();
        self.read_module(module, file, &tokens(&text));
    }

    fn read_module(&mut self, module: &Names, file: &Path, tokens: &[Token]) {
        let mut read = Module { file: file.to_owned(), ..Module::default() };
        let mut i = 0;
        while i < tokens.len() {
            match &tokens[i..] {
                // An attribute: of a test's item, the item goes too.
                [Token::Sign('#'), Token::Sign('['), ..] => {
                    let end = closed(tokens, i + 1);
                    let attribute = &tokens[i + 2..end];
                    let is_test = attribute[0].is("cfg") && attribute.iter().any(|token| token.is("test"));
                    i = if is_test { item_end(tokens, end) } else { end };
                }
                [word, Token::Word(name), Token::Sign(';'), ..] if word.is("mod") => {
                    let child = with(module, name);
                    let file = self.file_of(&child);
                    self.read_file(&child, &file);
                    i += 3;
                }
                [word, Token::Word(name), Token::Sign('{'), ..] if word.is("mod") => {
                    let end = closed(tokens, i + 2);
                    self.read_module(&with(module, name), file, &tokens[i + 3..end - 1]);
                    i = end;
                }
                // But for the `use<..>` of a type.
                [word, next, ..] if word.is("use") && *next != Token::Sign('<') => {
                    let length = tokens[i..].iter().position(|token| *token == Token::Sign(';')).expect("a use ends");
                    read.import(&tokens[i + 1..i + length], &[]);
                    i += length + 1;
                }
                [Token::Word(_), Token::Into, ..] => {
                    let path = path(&tokens[i..]);
                    i += 2 * path.len() - 1;
                    read.paths.push(path);
                }
                _ => i += 1,
            }
        }
        self.modules.insert(module.clone(), read);
    }

    /// The file of a module that is declared without a body.
    fn file_of(&self, module: &[String]) -> PathBuf {
        let path: PathBuf = module.iter().collect();
        let file = path.with_extension("rs");
        if self.src.join(&file).exists() { file } else { path.join("mod.rs") }
    }

    fn child(&self, module: &[String], name: &str) -> Option<Names> {
        Some(with(module, name)).filter(|child| self.modules.contains_key(child))
    }

    /// The file of the item that a path in a module leads to; none where that is a module, or nothing of this crate.
    fn file(&self, module: &[String], path: &[String]) -> Option<&Path> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Names::new(),
            "self" => module.to_owned(),
            "super" => module[..module.len() - 1].to_owned(),
            name => match self.child(module, name) {
                Some(child) => child,
                None => return self.file(module, &[self.import(module, name)?, rest].concat()),
            },
        };
        self.file_below(&start, rest)
    }

    fn file_below(&self, module: &[String], path: &[String]) -> Option<&Path> {
        let (name, rest) = path.split_first()?;
        if name == "super" {
            return self.file_below(&module[..module.len() - 1], rest);
        }
        if let Some(child) = self.child(module, name) {
            return self.file_below(&child, rest);
        }
        match self.import(module, name) {
            Some(import) => self.file(module, &[import, rest].concat()),
            None => Some(&self.modules[module].file),
        }
    }

    /// Where a name that a module imports comes from; none for another crate's name, and for what the module has itself, which
    /// a macro imports.
    fn import(&self, module: &[String], name: &str) -> Option<&[String]> {
        let import = self.modules[module].imports.get(name)?;
        let is_own = import[0] == name || (import[0] == "crate" && import[1..import.len() - 1] == *module);
        (!is_own).then_some(import)
    }

    /// Which files import from which. `lib.rs` names all rooms.
    fn graph(&self) -> Graph<'_> {
        let mut graph = Graph::new();
        for (name, module) in self.modules.iter().filter(|(name, _)| !name.is_empty()) {
            let files = module.paths.iter().filter_map(|path| self.file(name, path));
            graph.entry(&module.file).or_default().extend(files.filter(|file| *file != module.file));
        }
        graph
    }

    /// The imports from a room on the same floor or above.
    fn upward(&self) -> Vec<String> {
        let imports = self.graph().into_iter().flat_map(|(from, files)| files.into_iter().map(move |to| (from, to)));
        imports
            .filter(|(from, to)| room(from) != room(to) && floor(from) <= floor(to))
            .map(|(from, to)| format!("{} imports from {}", from.display(), to.display()))
            .collect()
    }

    /// The files that use something which a browser's page lacks, each with what it is.
    fn not_in_a_browser(&self) -> BTreeSet<(&'static str, &Path)> {
        let modules = self.modules.values();
        let shared = modules.filter(|module| !OF_THE_COMMAND.iter().any(|place| module.file.starts_with(place)));
        let uses = shared.flat_map(|module| module.paths.iter().map(|path| (path.join("::"), module.file.as_path())));
        uses.filter_map(|(path, file)| {
            let is_of =
                |what: &str| path.strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            Some((NOT_IN_A_BROWSER.iter().find(|(what, _)| is_of(what))?.0, file))
        })
        .collect()
    }

    /// A circle of files, if there is one: each imports from the next, and the last from the first.
    fn circle(&self) -> Option<String> {
        let graph = self.graph();
        let mut done = BTreeSet::new();
        let circle = graph.keys().find_map(|file| circle_from(file, &graph, &mut Vec::new(), &mut done))?;
        Some(circle.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" -> "))
    }
}

fn circle_from<'a>(
    file: &'a Path,
    graph: &Graph<'a>,
    way: &mut Vec<&'a Path>,
    done: &mut BTreeSet<&'a Path>,
) -> Option<Vec<&'a Path>> {
    if let Some(start) = way.iter().position(|before| *before == file) {
        return Some([&way[start..], &[file]].concat());
    }
    if !done.insert(file) {
        return None;
    }
    way.push(file);
    let found = graph.get(file).into_iter().flatten().find_map(|next| circle_from(next, graph, way, done));
    way.pop();
    found
}

/// The room that a file is in.
fn room(file: &Path) -> &str {
    let first = file.iter().next().expect("a file's name").to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// What is in no room, as `lib.rs`, is above all.
fn floor(file: &Path) -> usize {
    FLOORS.iter().position(|rooms| rooms.contains(&room(file))).unwrap_or(FLOORS.len())
}

fn with(module: &[String], name: &str) -> Names {
    module.iter().cloned().chain(once(name.to_owned())).collect()
}

impl Module {
    /// Takes in a tree of `use`, whose paths begin with those before it.
    fn import(&mut self, tree: &[Token], before: &[String]) {
        let mut path = before.to_vec();
        let mut name = None;
        for (place, token) in tree.iter().enumerate() {
            match token {
                Token::Sign('{') => {
                    for branch in branches(&tree[place + 1..closed(tree, place) - 1]) {
                        self.import(branch, &path);
                    }
                    return;
                }
                Token::Word(word) if word == "as" => {
                    name = tree.get(place + 1);
                    break;
                }
                // `a::{self}` is a.
                Token::Word(word) if word != "self" || path.is_empty() => path.push(word.clone()),
                _ => {}
            }
        }
        let name = match name {
            Some(Token::Word(name)) => name.clone(),
            _ => path.last().expect("a use names something").clone(),
        };
        self.imports.insert(name, path.clone());
        self.paths.push(path);
    }
}

/// The parts between the commas that are in no bracket.
fn branches(tree: &[Token]) -> Vec<&[Token]> {
    let (mut found, mut start, mut place) = (Vec::new(), 0, 0);
    while place < tree.len() {
        match tree[place] {
            Token::Sign('{') => place = closed(tree, place),
            Token::Sign(',') => {
                found.push(&tree[start..place]);
                place += 1;
                start = place;
            }
            _ => place += 1,
        }
    }
    found.push(&tree[start..]);
    found.retain(|branch| !branch.is_empty());
    found
}

/// The path that some tokens begin with.
fn path(tokens: &[Token]) -> Names {
    let mut path = Names::new();
    let mut rest = tokens;
    while let [Token::Word(word), behind @ ..] = rest {
        path.push(word.clone());
        match behind {
            [Token::Into, next @ ..] => rest = next,
            _ => break,
        }
    }
    path
}

/// A piece of source text.
#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Sign(char),
    /// `::`
    Into,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }
}

/// The words and signs of a source text, without its comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let count = |from: usize, is: &dyn Fn(char) -> bool| chars[from..].iter().take_while(|c| is(**c)).count();
    let (mut found, mut i) = (Vec::new(), 0);
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => i += count(i, &|c| c != '\n'),
            '/' if at(i + 1) == '*' => i = behind(&chars, i + 2, &['*', '/']),
            '"' => {
                i += 1;
                while at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            '\'' if at(i + 1) == '\\' => i = behind(&chars, i + 3, &['\'']),
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => i += 1 + count(i + 1, &is_word),
            ':' if at(i + 1) == ':' => {
                found.push(Token::Into);
                i += 2;
            }
            c if is_word(c) => {
                let word: String = chars[i..i + count(i, &is_word)].iter().collect();
                i += word.chars().count();
                let hashes = count(i, &|c| c == '#');
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let end: Vec<char> = once('"').chain(repeat_n('#', hashes)).collect();
                    i = behind(&chars, i + hashes + 1, &end);
                } else {
                    found.push(Token::Word(word));
                }
            }
            c => {
                found.extend((!c.is_whitespace()).then_some(Token::Sign(c)));
                i += 1;
            }
        }
    }
    found
}

/// The place behind the first such end.
fn behind(chars: &[char], from: usize, end: &[char]) -> usize {
    let length = chars[from..].windows(end.len()).position(|window| window == end);
    from + length.expect("what begins ends") + end.len()
}

/// The place behind the bracket that closes the one here.
fn closed(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    panic!("a bracket is not closed");
}

/// The place behind the item that begins here, with its attributes.
fn item_end(tokens: &[Token], mut place: usize) -> usize {
    loop {
        match tokens[place] {
            Token::Sign(';' | ',') => return place + 1,
            Token::Sign('{') => return closed(tokens, place),
            Token::Sign('(' | '[') => place = closed(tokens, place),
            _ => place += 1,
        }
    }
}

#[test]
fn no_file_imports_from_above() {
    let upward = House::of_this_crate().upward();
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(House::of_this_crate().circle(), None);
}

#[test]
fn devices_alone_names_the_backends() {
    for (name, module) in House::of_this_crate().modules {
        let is_free = name.is_empty() || room(&module.file) == "devices" || BACKENDS.contains(&room(&module.file));
        let named = module
            .paths
            .iter()
            .find(|path| path[0] == "crate" && BACKENDS.contains(&path.get(1).map_or("", String::as_str)));
        assert!(is_free || named.is_none(), "{}: {named:?}", module.file.display());
    }
}

#[test]
fn what_a_browser_lacks_is_used_in_named_places() {
    let house = House::of_this_crate();
    let found = house.not_in_a_browser();
    for (what, places) in NOT_IN_A_BROWSER {
        let files = || found.iter().filter(|(other, _)| *other == what).map(|(_, file)| file);
        for file in files() {
            assert!(places.iter().any(|place| file.starts_with(place)), "{what} in {}", file.display());
        }
        for place in places {
            assert!(files().any(|file| file.starts_with(place)), "{place} does not use {what}");
        }
    }
}

#[test]
fn every_file_is_read_but_for_those_of_tests() {
    fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else {
                found.insert(path);
            }
        }
    }
    let house = House::of_this_crate();
    let mut unread = BTreeSet::new();
    files(&house.src, &mut unread);
    for module in house.modules.values() {
        unread.remove(&house.src.join(&module.file));
    }
    unread.remove(&house.src.join("main.rs"));
    assert!(unread.iter().all(|file| file.ends_with("tests.rs")), "{unread:?}");
    for (name, module) in &house.modules {
        assert!(name.is_empty() || floor(&module.file) < FLOORS.len(), "{} is on no floor", module.file.display());
    }
}

/// A house of these files.
fn house(files: &[(&str, &str)]) -> House {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    House::read(folder.path())
}

#[test]
fn a_circle_is_named() {
    let lib = ("lib.rs", "mod net; mod data;");
    let circle = |net, data, batches| {
        house(&[lib, ("net.rs", net), ("data/mod.rs", data), ("data/batches.rs", batches)]).circle()
    };
    let named = Some("data/batches.rs -> net.rs -> data/batches.rs".to_owned());
    // By a name that the folder passes on.
    let passed_on = "mod batches; pub use batches::Batch;";
    assert_eq!(
        circle("use crate::data::{Batch as B, self};", passed_on, "use super::super::net::{Shape, Params};"),
        named
    );
    // By a path in the code, from a module's name, within a module, from a macro.
    let net = "use crate::data as d; fn f<'a>(_: d::batches::Batch) -> impl Sized + use<'a> {}";
    let batches = "mod within { fn f() { super::super::super::net::g::<u8>(); } }";
    assert_eq!(circle(net, passed_on, batches), named);
    let macro_of_net = "macro_rules! m { () => { $crate::data::batches::B } }";
    assert_eq!(circle(macro_of_net, passed_on, "#[rustfmt::skip] const C: u8 = crate::net::C;"), named);
    // What only stands in text, or is a test's, is nothing.
    let text = "// use crate::net::A;\n/* use crate::net::A; */ const T: [&str; 2] = [\"crate::net::A \\\" {\", r#\"\" crate::net::A\"#];
        const C: [char; 3] = ['\"', '\\\\'', '{']; #[cfg(test)] #[allow(unused)] mod tests { use crate::net::A; }";
    assert_eq!(circle("use crate::data::batches::Batch;", passed_on, text), None);
}

#[test]
fn what_a_browser_lacks_is_found_however_it_is_named() {
    let lib = ("lib.rs", "mod a; mod b; mod c; mod bench;");
    let a = ("a.rs", "use std::{time::{Duration, Instant}, fs::{self, File}};");
    let b = ("b.rs", "fn f() { std::thread::sleep(d) } #[cfg(test)] mod tests { use rayon::scope; }");
    let house =
        house(&[lib, a, b, ("c.rs", "use rayonne::f; use std::time::Duration;"), ("bench/mod.rs", "use rayon::join;")]);
    let found = house.not_in_a_browser().into_iter().map(|(what, file)| format!("{what} in {}", file.display()));
    let found: Vec<String> = found.collect();
    assert_eq!(found, ["std::fs in a.rs", "std::thread in b.rs", "std::time::Instant in a.rs"]);
}

#[test]
fn what_is_above_is_named() {
    let lib = ("lib.rs", "mod net; mod cpu; mod gpu; pub use net::Shape; fn of_lib() {}");
    let cpu = ("cpu.rs", "use crate::Shape; use crate::gpu::Device;");
    let found = house(&[lib, cpu, ("gpu.rs", ""), ("net.rs", "use crate::{cpu::{self}, of_lib}; use cpu::Network;")]);
    assert_eq!(
        found.upward(),
        ["cpu.rs imports from gpu.rs", "net.rs imports from cpu.rs", "net.rs imports from lib.rs"]
    );
}
