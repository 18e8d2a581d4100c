//! `twolayer devices --kernels`: writes the kernels of a network to a folder.

use std::io;
use std::path::Path;

use pollster::block_on;
use serde::Serialize;

use super::{Error, json_text};
use crate::devices::{Class, Listed, Listing, Row, list_kernels};
use crate::files::{NewFolder, write_whole};
use crate::gradcheck::JUDGED_STEP_SIZE;
use crate::net::method::Method;
use crate::net::{Activation, Net, Output, Shape};
use crate::words::counted;

/// kernels.json.
#[derive(Serialize)]
pub(super) struct Index {
    version: &'static str,
    network: String,
    batch_size: usize,
    gpus: Vec<Gpu>,
}

/// The kernels of a network on the GPUs of a class.
#[derive(Serialize)]
struct Gpu {
    class: String,
    plan: String,
    kernels: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    file: String,
    #[serde(flatten)]
    kernel: Listed,
}

/// Writes the kernels of a network, for each class of GPUs or by the row that is given, to a new folder.
pub(super) fn write(path: &Path, shape: Shape, batch_size: usize, row: Option<Row>) -> Result<Index, Error> {
    let failed = |reason| Error::Kernels { path: path.to_owned(), reason };
    let folder = NewFolder::make_new(path).map_err(failed)?;
    let net = Net { shape, activation: Activation::Sigmoid, output: Output::Softmax };
    let rows = match row {
        Some(row) => vec![("plan".to_owned(), row)],
        None => Class::ALL.map(|class| (class.as_str().to_owned(), Row::of(class))).into(),
    };
    let mut gpus = Vec::new();
    for (class, row) in rows {
        let method = Method::Numerical { step_size: JUDGED_STEP_SIZE };
        let Listing { plan, kernels } = block_on(list_kernels(row, net, batch_size, method))?;
        let entry = |kernel: Listed| {
            let file = format!("{class}/{}/{}.wgsl", kernel.usage, kernel.name);
            write_text(&path.join(&file), &kernel.text)?;
            Ok(Entry { file, kernel })
        };
        let kernels = kernels.into_iter().map(entry).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        gpus.push(Gpu { class, plan, kernels });
    }
    let index = Index { version: env!("CARGO_PKG_VERSION"), network: shape.to_string(), batch_size, gpus };
    write_text(&path.join("kernels.json"), &json_text(&index)?).map_err(failed)?;
    drop(folder);
    Ok(index)
}

impl Index {
    /// What was written, in a line.
    pub fn line(&self, path: &Path) -> String {
        let Self { network, batch_size, gpus, .. } = self;
        let kernels: usize = gpus.iter().map(|gpu| gpu.kernels.len()).sum();
        let kernels = counted(kernels, "kernel");
        format!("{}: {kernels} of {network}, batches of {batch_size}; kernels.json lists them\n", path.display())
    }
}

/// Writes a file, and makes its folder.
fn write_text(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().map(NewFolder::make).transpose()?;
    write_whole(path, |file| file.write_all(text.as_bytes()))?;
    drop(folder);
    Ok(())
}
