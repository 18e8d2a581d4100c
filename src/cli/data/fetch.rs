//! `twolayer data fetch`: downloads a public set into the cache.

use std::path::Path;

use clap::Args;

use super::choice::{DataArguments, MNIST_DIR, Place};
use crate::cli::{Error, print};
use crate::data::download::Patience;
use crate::data::public::PublicSet;
use crate::report::progress::Progress;
use crate::words::counted;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// mnist, fashion-mnist or kmnist
    #[arg(value_name = "SET", default_value_t = PublicSet::Mnist)]
    set: PublicSet,
    /// Download from this address instead of the usual ones; may be given several times
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
    /// Show no progress on stderr
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let &Arguments { set, ref mirror, .. } = arguments;
    let result = DataArguments::from_mirrors(mirror).public(set, Patience::Long, &mut progress);
    progress.finish();
    let (stores, _, place) = result?;
    print(&format!(
        "{set}: {} to train and {} to test, {}\n",
        counted(stores.train.len(), "image"),
        stores.test.len(),
        described(&place, set.cache_dir().as_deref())
    ))
}

/// A phrase on where the set is, and whether it was downloaded.
fn described(place: &Place, cache: Option<&Path>) -> String {
    match (place, cache) {
        (Place::MnistDir(dir), _) => {
            format!("from {} (the folder that {MNIST_DIR} names); nothing was downloaded or kept", dir.display())
        }
        (Place::Cache { downloaded: 0, .. }, Some(cache)) => format!("already in {}", cache.display()),
        (Place::Cache { kept: true, .. }, Some(cache)) => format!("kept in {}", cache.display()),
        (Place::Cache { .. }, Some(cache)) => format!("downloaded, but not all kept in {}", cache.display()),
        (Place::Cache { .. }, None) => "downloaded, but not kept, because there is no home folder".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_in_the_cache_is_described() {
        let cache = Path::new("cache");
        let text = |downloaded, kept, cache| described(&Place::Cache { downloaded, kept }, cache);
        assert_eq!(text(0, true, Some(cache)), "already in cache");
        assert_eq!(text(1, true, Some(cache)), "kept in cache");
        assert_eq!(text(4, false, Some(cache)), "downloaded, but not all kept in cache");
        assert!(text(4, false, None).starts_with("downloaded, but not kept"));
    }
}
