//! `twolayer data fetch`: a public set into the cache.

use clap::Args;

use super::choice::DataArguments;
use crate::cli::{Error, print};
use crate::data::public::PublicSet;
use crate::report::progress::Progress;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// mnist, fashion-mnist or kmnist
    #[arg(value_name = "SET", default_value_t = PublicSet::Mnist)]
    set: PublicSet,
    /// Download from this address instead of the usual ones; may be given several times
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// No progress on stderr
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let result = DataArguments::from_mirrors(&arguments.mirror).public(arguments.set, &mut progress);
    progress.finish();
    let (stores, _) = result?;
    let kept = arguments.set.cache_dir().map_or(String::new(), |folder| format!(", kept in {}", folder.display()));
    print(&format!(
        "{}: {} images to train and {} to test{kept}\n",
        arguments.set,
        stores.train.len(),
        stores.test.len()
    ))
}
