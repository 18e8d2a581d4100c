//! The public sets: MNIST, and two that were made to replace it.

use std::path::{Path, PathBuf};

use super::description::Description;
use super::download::{self, CacheError, Fetched, Patience, Progress, RemoteFile, Sum};
use super::folder::FILE_NAMES;
use super::{Dataset, Splits, idx};
use crate::net::names;

/// A public set of 60,000 training and 10,000 test images of 28x28 pixels, in 10 classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicSet {
    /// Handwritten digits (<http://yann.lecun.com/exdb/mnist/>).
    Mnist,
    /// Zalando's pieces of clothing (<https://github.com/zalandoresearch/fashion-mnist>).
    FashionMnist,
    /// Kuzushiji, ten cursive Hiragana, by the ROIS-DS Center for Open Data in the Humanities
    /// (<https://codh.rois.ac.jp/kmnist/>), CC BY-SA 4.0.
    Kmnist,
}

names!(PublicSet, "set", {
    Mnist => "mnist", FashionMnist => "fashion-mnist", Kmnist => "kmnist",
});

/// A public set that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{set}: {problem}")]
pub struct Error {
    /// The set.
    pub set: PublicSet,
    /// The error.
    pub problem: Problem,
}

impl Error {
    /// The error in a few words, without addresses and folders.
    #[must_use]
    pub fn brief(&self) -> String {
        match &self.problem {
            Problem::Files(error) => format!("{}: {}", self.set, error.brief()),
            Problem::Idx(_) | Problem::Set(_) => self.to_string(),
        }
    }

    /// The full error, a line for each mirror.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match &self.problem {
            Problem::Files(error) => error.details().into_iter().map(|line| format!("{}: {line}", self.set)).collect(),
            Problem::Idx(_) | Problem::Set(_) => vec![self.to_string()],
        }
    }
}

/// A public set in memory.
#[derive(Debug)]
pub struct Loaded {
    /// Its images.
    pub splits: Splits,
    /// The count of its files that were downloaded. The others were in the cache.
    pub downloaded: usize,
    /// The first file that could not be written to the cache.
    pub cache_error: Option<CacheError>,
}

/// An error of a public set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Its files are neither in the cache nor at a mirror.
    #[error(transparent)]
    Files(#[from] download::Error),
    /// A verified file is no IDX file.
    #[error(transparent)]
    Idx(#[from] idx::Error),
    /// The files are verified, but make no set.
    #[error(transparent)]
    Set(#[from] super::Error),
}

const CLASSES: usize = 10;

/// The lengths of the four files' contents, the same in all sets.
const BYTES: [u64; 4] = [47_040_016, 60_008, 7_840_016, 10_008];

impl PublicSet {
    /// The addresses of its mirrors, in the order in which they are asked.
    #[must_use]
    pub fn mirrors(self) -> [&'static str; 2] {
        match self {
            Self::Mnist => [
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ],
            Self::FashionMnist => [
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ],
            Self::Kmnist => {
                ["https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
            }
        }
    }

    /// The names of its classes, in the order of the labels; none if they are the digits.
    #[must_use]
    pub fn class_names(self) -> Option<Vec<String>> {
        let names = match self {
            Self::Mnist => return None,
            Self::FashionMnist => [
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ],
            Self::Kmnist => ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
        };
        Some(names.map(str::to_owned).into())
    }

    /// Its four files: training images and labels, test images and labels.
    #[must_use]
    pub fn files(self) -> [RemoteFile<'static>; 4] {
        let sums = match self {
            Self::Mnist => [
                Sum::Content("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
                Sum::Content("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
                Sum::Content("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
                Sum::Content("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
            ],
            Self::FashionMnist => [
                Sum::Compressed("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
                Sum::Compressed("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                Sum::Compressed("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                Sum::Compressed("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
            ],
            Self::Kmnist => [
                Sum::Compressed("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
                Sum::Compressed("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
                Sum::Compressed("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
                Sum::Compressed("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
            ],
        };
        [0, 1, 2, 3].map(|file| RemoteFile { name: FILE_NAMES[file], bytes: BYTES[file], sum: sums[file] })
    }

    /// Its folder in the user's cache; none if the user has no home folder.
    #[must_use]
    pub fn cache_dir(self) -> Option<PathBuf> {
        let folders = directories::ProjectDirs::from("", "", "twolayer")?;
        Some(folders.cache_dir().join(self.as_str()))
    }

    /// Downloads the files that are not in the folder `cache`, keeps them there, and loads the set. Without a folder, no file
    /// is kept.
    ///
    /// # Errors
    /// As [`download::fetch`].
    pub fn load(
        self,
        cache: Option<&Path>,
        mirrors: &[&str],
        patience: Patience,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Loaded, Error> {
        let mut load = || {
            let Fetched { contents, downloaded, cache_error } =
                download::fetch(&self.files(), cache, mirrors, patience, progress)?;
            let [train_images, train_labels, test_images, test_labels] = &contents;
            let train = decode(train_images, train_labels)?;
            let test = decode(test_images, test_labels)?;
            let description = Description { names: self.class_names(), preparation: None };
            let splits = Splits::described(train, test, CLASSES, description)?;
            Ok(Loaded { splits, downloaded, cache_error })
        };
        load().map_err(|problem| Error { set: self, problem })
    }
}

fn decode(images: &[u8], labels: &[u8]) -> Result<Dataset, Problem> {
    let labels = idx::read_labels(labels)?;
    let images = idx::read_images(images)?;
    Ok(Dataset::new(images.pixels, labels, images.rows, images.cols)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cache_without_mirrors_names_the_set_and_its_first_file() {
        for set in [PublicSet::Mnist, PublicSet::FashionMnist, PublicSet::Kmnist] {
            let cache = tempfile::tempdir().unwrap();
            let error = set.load(Some(cache.path()), &[], Patience::Long, &mut |_| {}).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with(set.as_str()) && error.contains("train-images-idx3-ubyte.gz"), "{error}");
        }
    }
}
