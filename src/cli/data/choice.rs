//! `--data` and the other flags that choose the images.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, Args};

use crate::cli::common::{DATA_CHOICES, Error};
use crate::cli::shell::quoted;
use crate::data::download::{self, Patience};
use crate::data::public::{Loaded, PublicSet};
use crate::data::{Location, Note, Store, Stores, digits, open_dir};
use crate::report::progress::Progress;
use crate::report::summary::Data;
use crate::words::counted;

/// The flags that choose the images of a command.
#[derive(Args)]
pub(in crate::cli) struct DataArguments {
    #[arg(long, value_name = "DATA", help = help("auto"), value_parser = OsStringValueParser::new().try_map(Choice::parse))]
    data: Option<Choice>,
    /// Exchange rows and columns of every image, if a set's files are transposed (EMNIST's are recognised by their names)
    #[arg(long)]
    transpose: bool,
    /// Download nothing
    #[arg(long, conflicts_with = "mirror")]
    offline: bool,
    /// Download from this address instead of the usual ones; may be given several times
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// Memory for the pixels of a set, as 500M or 2G; a larger set is read from its file during use
    #[arg(long, value_name = "BYTES", default_value = MAX_MEMORY, value_parser = bytes)]
    max_memory: u64,
    /// If images cannot be downloaded, show the error of each mirror
    #[arg(long)]
    pub verbose: bool,
}

/// The help text of --data.
fn help(default: &str) -> String {
    format!(
        "auto (MNIST, else the built-in digits), mnist, fashion-mnist, kmnist, synthetic (the built-in digits), or a DIR with \
         four IDX files (DIR/emnist-letters if it holds several sets) [default: {default}]"
    )
}

/// Sets the default in the help text of --data, for a command with a saved network.
pub(in crate::cli) fn of_a_network(argument: Arg) -> Arg {
    argument.help(help("the data of RUN, else auto"))
}

/// The default of --max-memory.
const MAX_MEMORY: &str = "1G";

/// Parses a number of bytes. K, M and G are powers of 1,024.
fn bytes(text: &str) -> Result<u64, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = ["", "K", "M", "G"].iter().position(|unit| unit.eq_ignore_ascii_case(&text[digits.len()..]));
    let (number, power) = digits.parse().ok().zip(power).ok_or("give a number of bytes, as 800000, 500M or 2G")?;
    u64::checked_mul(number, 1 << (10 * power)).ok_or("give a smaller number")
}

/// The place where a public set was found.
pub(in crate::cli) enum Place {
    /// The folder of MNIST_DIR.
    MnistDir(PathBuf),
    /// The cache, or a mirror.
    Cache {
        /// The number of files that were downloaded.
        downloaded: usize,
        /// Whether all files are in the cache now.
        kept: bool,
    },
}

/// A value of --data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Choice {
    Auto,
    Public(PublicSet),
    Synthetic,
    Dir(PathBuf),
}

impl Choice {
    /// Parses a word or a path. An existing folder goes before the set of the same name.
    fn parse(given: OsString) -> Result<Self, &'static str> {
        if Path::new(&given).is_dir() { Ok(Self::Dir(given.into())) } else { Self::parse_word(given) }
    }

    /// Parses a word, in upper or lower case. Any other text is a path.
    fn parse_word(given: OsString) -> Result<Self, &'static str> {
        Ok(match given.to_str().map(str::to_ascii_lowercase).as_deref() {
            Some("") => return Err(DATA_CHOICES),
            Some("auto") => Self::Auto,
            Some("synthetic" | BUILT_IN) => Self::Synthetic,
            Some(name) => name.parse().map_or_else(|_| Self::Dir(given.into()), Self::Public),
            None => Self::Dir(given.into()),
        })
    }

    /// The word of the choice. `None` for a folder.
    fn word(&self) -> Option<&'static str> {
        match self {
            Self::Auto => Some("auto"),
            Self::Public(set) => Some(set.as_str()),
            Self::Synthetic => Some("synthetic"),
            Self::Dir(_) => None,
        }
    }
}

/// The data that a network was trained on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct TrainedOn {
    pub choice: Choice,
    pub transposed: bool,
}

impl TrainedOn {
    /// Reads the data of a run.json. `None` if its source is empty.
    pub fn of(data: Data) -> Option<Self> {
        let source = data.source_path.unwrap_or_else(|| data.source.into());
        Some(Self { choice: Choice::parse_word(source).ok()?, transposed: data.transposed })
    }
}

const BUILT_IN: &str = "built-in";
/// The environment variable with the folder of MNIST.
pub(in crate::cli) const MNIST_DIR: &str = "MNIST_DIR";

impl DataArguments {
    /// The default flags with these mirrors. Without any, the usual mirrors are used.
    pub fn from_mirrors(mirrors: &[String]) -> Self {
        Self {
            data: None,
            transpose: false,
            offline: false,
            mirror: mirrors.to_vec(),
            max_memory: u64::MAX,
            verbose: false,
        }
    }

    /// The flags on how the images are found and held, for a run that has the images of another run.
    pub fn access_flags(&self) -> Vec<String> {
        let flags = [
            self.offline.then(|| "--offline".to_owned()),
            (bytes(MAX_MEMORY) != Ok(self.max_memory)).then(|| format!("--max-memory {}", self.max_memory)),
        ];
        flags
            .into_iter()
            .flatten()
            .chain(self.mirror.iter().map(|url| format!("--mirror {}", quoted(url.as_ref()))))
            .collect()
    }

    /// Opens the images, and prints a line on them. A set that is too large for memory stays in its file.
    pub fn open(&self, progress: &mut Progress) -> Result<(Stores, Data), Error> {
        self.open_or(None, progress)
    }

    /// Opens the images as [`Self::open`] does. The default are those that a network was trained on.
    pub fn open_or(&self, trained_on: Option<&TrainedOn>, progress: &mut Progress) -> Result<(Stores, Data), Error> {
        let trained_on = trained_on.filter(|_| self.data.is_none());
        let choice = trained_on.map(|data| &data.choice).or(self.data.as_ref()).unwrap_or(&Choice::Auto);
        let transposed = self.transpose || trained_on.is_some_and(|data| data.transposed);
        if let Some(Choice::Dir(folder)) = &self.data
            && let Some(note) = namesake(folder)
        {
            progress.notice(note);
        }
        progress.doing("getting the images");
        let mut found_in = None;
        let built_in = || Ok::<_, Error>((digits::built_in()?.into(), Vec::new()));
        let ((stores, notes), source) = match choice {
            Choice::Dir(dir) => (self.folder(dir)?, absolute(dir).into_os_string()),
            Choice::Synthetic => (built_in()?, BUILT_IN.into()),
            Choice::Public(set) => {
                let (stores, notes, place) = self.public(*set, Patience::Long, progress)?;
                found_in = Some(place);
                ((stores, notes), set.as_str().into())
            }
            Choice::Auto => match self.public(PublicSet::Mnist, self.patience(), progress) {
                Ok((stores, notes, place)) => {
                    found_in = Some(place);
                    ((stores, notes), PublicSet::Mnist.as_str().into())
                }
                // The built-in digits replace a set that cannot be downloaded. A broken file is an error.
                Err(Error::Public(reason)) => {
                    if self.verbose {
                        for line in reason.details() {
                            progress.say(line);
                        }
                    }
                    let more = if self.verbose { "" } else { "; --verbose shows more" };
                    progress.notice(format_args!("{}{more}; going on with the built-in digits", reason.brief()));
                    (built_in()?, BUILT_IN.into())
                }
                Err(error) => return Err(error),
            },
        };
        let stores: Stores = if transposed { stores.transposed() } else { stores };
        let data = Data {
            source: source.to_string_lossy().into_owned(),
            source_path: source.to_str().is_none().then(|| source.clone()),
            train: stores.train.len(),
            validation: None,
            test: stores.test.len(),
            classes: stores.classes,
            transposed,
            description: stores.description.clone(),
        };
        let Data { train, test, classes, .. } = &data;
        let (rows, cols) = stores.train.size();
        let shown = match choice {
            Choice::Dir(dir) => dir.display().to_string(),
            _ if data.source == BUILT_IN => "built-in digits".to_owned(),
            _ => match found_in {
                Some(Place::MnistDir(dir)) => format!("{} of {} ({MNIST_DIR})", data.source, dir.display()),
                _ => data.source.clone(),
            },
        };
        progress.say(format_args!(
            "data: {shown}, {} to train, {test} to test, {rows}x{cols}, {}",
            counted(*train, "image"),
            counted(*classes, "class")
        ));
        for note in &notes {
            progress.notice(note);
        }
        for (kind, store) in [("training", &stores.train), ("test", &stores.test)] {
            if let Store::File(_) = store {
                progress.say(format_args!("the {kind} images do not fit --max-memory; they are read during use"));
            }
        }
        Ok((stores, data))
    }

    /// Opens the set of a folder, or one of several in it.
    fn folder(&self, dir: &Path) -> Result<(Stores, Vec<Note>), Error> {
        if !dir.exists() && Location::find(dir).is_err() {
            return Err(Error::NoData(dir.to_owned()));
        }
        Ok(open_dir(dir, self.max_memory)?)
    }

    /// The patience of --data auto with a download: short, unless the user gave a mirror.
    fn patience(&self) -> Patience {
        if self.mirror.is_empty() { Patience::Short } else { Patience::Long }
    }

    /// Opens a public set, and downloads it if necessary.
    pub fn public(
        &self,
        set: PublicSet,
        patience: Patience,
        progress: &mut Progress,
    ) -> Result<(Stores, Vec<Note>, Place), Error> {
        if set == PublicSet::Mnist
            && let Some(dir) = std::env::var_os(MNIST_DIR).filter(|dir| !dir.is_empty())
        {
            let (stores, notes) = open_dir(dir.as_ref(), self.max_memory).map_err(Error::MnistDir)?;
            return Ok((stores, notes, Place::MnistDir(dir.into())));
        }
        let mirrors: Vec<&str> = match (self.offline, self.mirror.as_slice()) {
            (true, _) => Vec::new(),
            (false, []) => set.mirrors().to_vec(),
            (false, given) => given.iter().map(String::as_str).collect(),
        };
        progress.doing("getting the images");
        let mut show = |p: download::Progress| progress.download(p.name, p.received, p.total);
        let cache = set.cache_dir();
        let Loaded { splits, downloaded, cache_error } = set.load(cache.as_deref(), &mirrors, patience, &mut show)?;
        let kept = cache.is_some() && cache_error.is_none();
        if let Some(reason) = cache_error {
            progress.notice(reason);
        }
        Ok((splits.into(), Vec::new(), Place::Cache { downloaded, kept }))
    }
}

/// The absolute path, so that an evaluation in another folder finds the data. The canonical path would not do: on Windows
/// other programs do not accept it.
fn absolute(dir: &Path) -> PathBuf {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
}

/// A note for a folder whose name is also the name of a set.
fn namesake(folder: &Path) -> Option<String> {
    let word = Choice::parse_word(folder.into()).ok()?.word()?;
    let given = folder.to_str()?;
    let how = spelling(word).map_or("start in another folder".to_owned(), |other| format!("give {other}"));
    let here = Path::new(".").join(folder);
    Some(format!("--data {given} is the folder {}, not the set of that name; for the set {how}", here.display()))
}

/// A spelling of a set's name that is not the name of a folder here. `None` if every spelling is, as on systems that ignore
/// the case of file names.
fn spelling(word: &str) -> Option<String> {
    let start = word.get(..1)?.to_ascii_uppercase();
    let spellings = [word.to_owned(), word.to_ascii_uppercase(), start + &word[1..]];
    spellings.into_iter().find(|spelling| !Path::new(spelling).is_dir())
}
