//! WGSL to SPIR-V and HLSL, by naga and with the options that wgpu gives it.

use std::error::Error;
use std::fs;
use std::path::Path;

use naga::ResourceBinding;
use naga::back::{hlsl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use crate::{Access, Binding};

/// Writes the .spv and the .hlsl of a .wgsl file beside it, and returns the SPIR-V.
pub fn write(path: &Path, bindings: &[Binding]) -> Result<Vec<u32>, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let module = naga::front::wgsl::parse_str(&text).map_err(|error| error.emit_to_string(&text))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module)?;
    let entry_point = module.entry_points[0].name.clone();
    let words = spirv(&module, &info, entry_point.clone())?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(path.with_extension("spv"), bytes)?;
    fs::write(path.with_extension("hlsl"), hlsl(&module, &info, entry_point, bindings)?)?;
    Ok(words)
}

/// As for a Vulkan driver with robustBufferAccess2: it checks the indices of buffers, naga all others.
fn spirv(module: &naga::Module, info: &ModuleInfo, entry_point: String) -> Result<Vec<u32>, Box<dyn Error>> {
    let options = spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::LABEL_VARYINGS,
        fake_missing_bindings: true,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            ..Default::default()
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: true,
        ..Default::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point };
    Ok(spv::write_vec(module, info, &options, Some(&pipeline))?)
}

fn hlsl(
    module: &naga::Module,
    info: &ModuleInfo,
    entry_point: String,
    bindings: &[Binding],
) -> Result<String, Box<dyn Error>> {
    let mut options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_0,
        zero_initialize_workgroup_memory: false,
        restrict_indexing: true,
        force_loop_bounding: true,
        ..Default::default()
    };
    // Direct3D counts constants, resources and writable resources each for themselves.
    let mut next = [0; 3];
    for (binding, Binding { access, .. }) in (0..).zip(bindings) {
        let register = &mut next[*access as usize];
        let target = hlsl::BindTarget { register: *register, ..Default::default() };
        options.binding_map.insert(ResourceBinding { group: 0, binding }, target);
        *register += 1;
    }
    let pipeline = hlsl::PipelineOptions { entry_point: Some((naga::ShaderStage::Compute, entry_point)) };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None)?;
    Ok(text)
}

const _: () = assert!(Access::Uniform as usize == 0 && Access::Storage as usize == 2);
