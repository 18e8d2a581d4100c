//! Compiles the kernels that `twolayer devices --kernels DIR` wrote by the Vulkan drivers of this machine, and prints what these
//! say of their code: one row a kernel and GPU. Beside each kernel.wgsl it leaves what wgpu would give the drivers (.spv, .hlsl)
//! and what they made of it (.txt).
//!
//! gpu-compilers DIR [PART...]: only kernels with one of these parts in the path of their file.

mod driver;
mod translate;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// kernels.json.
#[derive(Deserialize)]
struct Index {
    gpus: Vec<Gpu>,
}

#[derive(Deserialize)]
struct Gpu {
    kernels: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: PathBuf,
    bindings: Vec<Binding>,
}

/// A buffer that a kernel binds.
#[derive(Clone, Debug, Deserialize)]
pub struct Binding {
    #[serde(rename = "type")]
    pub access: Access,
    pub dynamic_offset: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    Uniform,
    ReadOnlyStorage,
    Storage,
}

/// A kernel, translated.
pub struct Kernel {
    /// Its file, without .wgsl.
    pub path: PathBuf,
    pub bindings: Vec<Binding>,
    pub spirv: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: gpu-compilers DIR [PART...]")?);
    let kernels = kernels(&folder, &arguments.collect::<Vec<_>>())?;
    driver::compile_on_all(&kernels)
}

/// The kernels of a folder whose file's path has one of `parts` in it; all where there are none.
fn kernels(folder: &Path, parts: &[String]) -> Result<Vec<Kernel>, Box<dyn Error>> {
    let index: Index = serde_json::from_slice(&fs::read(folder.join("kernels.json"))?)?;
    let entries = index.gpus.into_iter().flat_map(|gpu| gpu.kernels);
    let is_wanted = |file: &Path| parts.is_empty() || parts.iter().any(|part| file.to_string_lossy().contains(part));
    entries
        .filter(|entry| is_wanted(&entry.file))
        .map(|Entry { file, bindings }| {
            let path = folder.join(file);
            let spirv = translate::write(&path, &bindings)?;
            Ok(Kernel { path: path.with_extension(""), bindings, spirv })
        })
        .collect()
}
