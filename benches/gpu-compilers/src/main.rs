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
    driver::compile_on_all(&kernels)?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "@group(0) @binding(0) var<uniform> factor: vec4f;
@group(0) @binding(1) var<storage, read> values: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> scaled: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    scaled[id.x] = factor * values[id.x];
}
";
    const INDEX: &str = r#"{"gpus": [{"kernels": [{"file": "any/scale.wgsl", "bindings": [
        {"type": "uniform", "dynamic_offset": false}, {"type": "read-only-storage", "dynamic_offset": true},
        {"type": "storage", "dynamic_offset": false}]}]}]}"#;

    /// On every driver of the machine; where none is and none is required, only the translation.
    #[test]
    fn a_kernel_is_translated_and_compiled() {
        let folder = std::env::temp_dir().join(format!("gpu-compilers-{}", std::process::id()));
        fs::create_dir_all(folder.join("any")).unwrap();
        fs::write(folder.join("any/scale.wgsl"), KERNEL).unwrap();
        fs::write(folder.join("kernels.json"), INDEX).unwrap();
        assert!(kernels(&folder, &["other".to_owned()]).unwrap().is_empty());
        let kernels = kernels(&folder, &["scale".to_owned()]).unwrap();
        assert_eq!(kernels[0].spirv[0], 0x0723_0203);
        let hlsl = fs::read_to_string(folder.join("any/scale.hlsl")).unwrap();
        for register in ["register(b0)", "register(t0)", "register(u0)"] {
            assert!(hlsl.contains(register), "{hlsl}");
        }
        let compiled = driver::compile_on_all(&kernels);
        fs::remove_dir_all(&folder).unwrap();
        match compiled {
            Ok(drivers) => println!("{drivers} drivers"),
            Err(error) if std::env::var_os("TWOLAYER_REQUIRE_ADAPTER").is_none() => println!("no driver: {error}"),
            Err(error) => panic!("{error}"),
        }
    }
}
