//! `--data`: where the images come from.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::cli::Error;
use crate::data::download;
use crate::data::public::PublicSet;
use crate::data::{Splits, Store, Stores, digits, load_dir, open_dir};
use crate::report::progress::Progress;
use crate::report::summary::Data;

/// Which images a command works on.
#[derive(Args)]
pub(in crate::cli) struct DataArguments {
    /// auto (MNIST, else the built-in digits), mnist, fashion-mnist, kmnist, synthetic (the built-in digits), or a DIR with
    /// four IDX files
    /// [default: auto; eval of a RUN: what it was trained on]
    #[arg(long, value_name = "DATA")]
    data: Option<Choice>,
    /// Download nothing
    #[arg(long, conflicts_with = "mirror")]
    offline: bool,
    /// Download from this address instead of the usual ones; may be given several times
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// Most bytes of pixels of a set that are held in memory, as 500M or 2G; a larger one is read from its file as it is used
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = bytes)]
    max_memory: u64,
}

/// A number of bytes; K, M and G stand for powers of 1,024.
fn bytes(text: &str) -> Result<u64, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = ["", "K", "M", "G"].iter().position(|unit| unit.eq_ignore_ascii_case(&text[digits.len()..]));
    let (number, power) = digits.parse().ok().zip(power).ok_or("give a number of bytes, as 800000, 500M or 2G")?;
    u64::checked_mul(number, 1 << (10 * power)).ok_or("give a smaller number")
}

/// What --data takes.
pub(in crate::cli) const CHOICES: &str = "give auto, mnist, fashion-mnist, kmnist, synthetic or a folder of IDX files";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Choice {
    Auto,
    Public(PublicSet),
    Synthetic,
    Dir(PathBuf),
}

impl FromStr for Choice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "" => return Err(CHOICES),
            "auto" => Self::Auto,
            "synthetic" | BUILT_IN => Self::Synthetic,
            name => name.parse().map_or_else(|_| Self::Dir(name.into()), Self::Public),
        })
    }
}

const BUILT_IN: &str = "built-in";
/// The folder that holds MNIST, if it is set.
const MNIST_DIR: &str = "MNIST_DIR";

impl DataArguments {
    /// What downloads from these mirrors, or from the usual ones if there are none.
    pub fn from_mirrors(mirrors: &[String]) -> Self {
        Self { data: None, offline: false, mirror: mirrors.to_vec(), max_memory: u64::MAX }
    }

    /// The images that were asked for, and says which they are. Of a folder, a set that is too large for memory stays in its
    /// file.
    pub fn open(&self, progress: &mut Progress) -> Result<(Stores, Data), Error> {
        self.open_or(&Choice::Auto, progress)
    }

    /// As [`Self::open`], with another choice where none was made.
    pub fn open_or(&self, default: &Choice, progress: &mut Progress) -> Result<(Stores, Data), Error> {
        let choice = self.data.as_ref().unwrap_or(default);
        let (stores, source) = match choice {
            Choice::Dir(dir) => {
                if !dir.exists() {
                    return Err(Error::NoData(dir.clone()));
                }
                let stores = open_dir(dir, self.max_memory)?;
                // So that an evaluation started elsewhere finds it.
                let whole = dir.canonicalize().unwrap_or_else(|_| dir.clone());
                (stores, whole.display().to_string())
            }
            Choice::Synthetic => (digits::built_in()?.into(), BUILT_IN.to_owned()),
            Choice::Public(set) => (self.public(*set, progress)?.into(), set.to_string()),
            Choice::Auto => match self.public(PublicSet::Mnist, progress) {
                Ok(splits) => (splits.into(), PublicSet::Mnist.to_string()),
                // Only what can't be had is made up for; a broken file is an error.
                Err(Error::Public(reason)) => {
                    progress.notice(format_args!("{reason}; going on with the built-in digits"));
                    (digits::built_in()?.into(), BUILT_IN.to_owned())
                }
                Err(error) => return Err(error),
            },
        };
        let data = Data { source, train: stores.train.len(), test: stores.test.len(), classes: stores.classes };
        let Data { source, train, test, classes } = &data;
        let (rows, cols) = stores.train.size();
        let shown = match choice {
            Choice::Dir(dir) => dir.display().to_string(),
            _ if source == BUILT_IN => "built-in digits".to_owned(),
            _ => source.clone(),
        };
        progress.say(format_args!(
            "data: {shown}, {train} images to train and {test} to test, {rows}x{cols} pixels, {classes} classes"
        ));
        for (kind, store) in [("training", &stores.train), ("test", &stores.test)] {
            if let Store::File(_) = store {
                progress.say(format_args!("the {kind} images do not fit --max-memory; they are read as they are used"));
            }
        }
        Ok((stores, data))
    }

    /// A public set, fetched if need be.
    pub fn public(&self, set: PublicSet, progress: &mut Progress) -> Result<Splits, Error> {
        if set == PublicSet::Mnist
            && let Some(dir) = std::env::var_os(MNIST_DIR).filter(|dir| !dir.is_empty())
        {
            return Ok(load_dir(dir.as_ref())?);
        }
        let mirrors: Vec<&str> = match (self.offline, self.mirror.as_slice()) {
            (true, _) => Vec::new(),
            (false, []) => set.mirrors().to_vec(),
            (false, given) => given.iter().map(String::as_str).collect(),
        };
        let mut show = |p: download::Progress| progress.download(p.name, p.received, p.total);
        let (splits, not_kept) = set.load(set.cache_dir().as_deref(), &mirrors, &mut show)?;
        if let Some(reason) = not_kept {
            progress.notice(reason);
        }
        Ok(splits)
    }
}
