//! A compiled shader, and a shader with its buffers.

use std::sync::Arc;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingResource,
    BufferBinding, BufferSize, ComputePass, ComputePipeline, ComputePipelineDescriptor, PipelineCompilationOptions,
    PipelineLayoutDescriptor, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use super::bindings::Binding;
use super::source::Source;
use crate::gpu::device::Device;
use crate::gpu::layout::{INVOCATIONS, STORAGE_BUFFERS, Slice, VEC4, bytes, output_layer_start};
use crate::net::Net;

/// A compiled shader and how it binds its buffers.
#[derive(Clone)]
pub struct Kernel {
    name: &'static str,
    pipeline: ComputePipeline,
    bindings: Arc<[Binding]>,
    /// What it is compiled from: a text, and the values of its overrides.
    #[cfg(feature = "cli")]
    compiled_from: Arc<(String, Vec<(&'static str, f64)>)>,
}

impl Kernel {
    /// Compiles a shader for one network; `chosen` are the lines that choose its functions, and `constants` the overrides that
    /// only some shaders have.
    pub fn compile(
        device: &Device,
        source: &Source,
        net: &Net,
        chosen: &str,
        constants: &[(&'static str, f64)],
    ) -> Self {
        let &Source { name, lanes, .. } = source;
        let text = source.resolved(chosen);
        let bindings = Binding::all(name, &text);
        debug_assert!(bindings.iter().filter(|b| b.is_storage()).count() <= STORAGE_BUFFERS as usize, "{name}");
        debug_assert!(lanes <= INVOCATIONS as usize, "{name}");
        let device = &device.gpu;
        let module = device.create_shader_module(ShaderModuleDescriptor {
            label: Some(name),
            source: ShaderSource::Wgsl((&text).into()),
        });
        let entries: Vec<_> = (0..)
            .zip(&bindings)
            .map(|(number, binding)| BindGroupLayoutEntry {
                binding: number,
                visibility: ShaderStages::COMPUTE,
                ty: binding.binding_type(),
                count: None,
            })
            .collect();
        let layout =
            device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
        let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let shape = net.shape;
        let vec4s = |width: usize| width.div_ceil(VEC4) as f64;
        let mut overrides = vec![
            ("INPUT_VEC4S", vec4s(shape.input)),
            ("HIDDEN", shape.hidden as f64),
            ("HIDDEN_VEC4S", vec4s(shape.hidden)),
            ("CLASSES", shape.classes as f64),
            ("CLASS_VEC4S", vec4s(shape.classes)),
            ("OUTPUT_LAYER", output_layer_start(shape) as f64),
            ("LANES", lanes as f64),
        ];
        overrides.extend_from_slice(constants);
        let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&layout),
            module: &module,
            entry_point: None,
            compilation_options: PipelineCompilationOptions {
                constants: &overrides,
                // No kernel reads what it has not written there, and OpenGL would compile a line for every value.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Self {
            name,
            pipeline,
            bindings: bindings.into(),
            #[cfg(feature = "cli")]
            compiled_from: Arc::new((text, overrides)),
        }
    }

    /// Binds each buffer to the binding of its name.
    ///
    /// # Panics
    /// If the shader binds something else than these.
    pub fn bind<const N: usize>(
        &self,
        device: &Device,
        buffers: [(&str, Slice); N],
        workgroups: [usize; 3],
        work: Work,
    ) -> Dispatch {
        const VEC4_BYTES: u64 = (VEC4 * size_of::<f32>()) as u64;
        for (name, _) in &buffers {
            let is_bound = self.bindings.iter().any(|binding| binding.name == *name);
            assert!(is_bound, "{}: the shader has no binding {name}", self.name);
        }
        let buffer_of = |binding: &Binding| {
            let buffer = buffers.iter().find(|(name, _)| *name == binding.name);
            buffer.unwrap_or_else(|| panic!("{}: no buffer is given for the binding {}", self.name, binding.name)).1
        };
        let entries: Vec<_> = (0..)
            .zip(&*self.bindings)
            .map(|(number, binding)| {
                let slice = buffer_of(binding);
                let size = match slice.row_words {
                    0 => slice.vec4s.and_then(|vec4s| BufferSize::new(vec4s as u64 * VEC4_BYTES)),
                    row_words => BufferSize::new(bytes(row_words)),
                };
                let offset = slice.first as u64 * VEC4_BYTES;
                let resource = BindingResource::Buffer(BufferBinding { buffer: slice.buffer, offset, size });
                BindGroupEntry { binding: number, resource }
            })
            .collect();
        let rows = self.bindings.iter().filter(|binding| binding.is_row());
        let layout = self.pipeline.get_bind_group_layout(0);
        let bind_group =
            device.gpu.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        Dispatch {
            name: self.name,
            kernel: self.clone(),
            bind_group,
            workgroups: workgroups.map(|n| n as u32),
            row_bytes: rows.map(|binding| bytes(buffer_of(binding).row_words)).collect(),
            work,
        }
    }

    #[cfg(feature = "cli")]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The text, with constants in the place of its overrides.
    #[cfg(feature = "cli")]
    pub fn text(&self) -> String {
        let (text, overrides) = &*self.compiled_from;
        overrides.iter().fold(text.clone(), |text, (name, value)| {
            let values = [("u32", value.to_string()), ("f32", format!("{value:e}"))];
            values.iter().fold(text, |text, (ty, value)| {
                text.replace(&format!("override {name}: {ty};"), &format!("const {name}: {ty} = {value};"))
            })
        })
    }
}

/// What a dispatch has to do, whatever the kernel: the operations of the formula, and each byte that goes in or out once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Floating-point operations: an addition and a multiplication are two.
    pub flops: f64,
    /// Bytes read and written.
    pub bytes: f64,
}

/// A kernel with its buffers, ready to be recorded any number of times.
#[derive(Clone)]
pub struct Dispatch {
    pub name: &'static str,
    pub work: Work,
    pub kernel: Kernel,
    bind_group: BindGroup,
    pub workgroups: [u32; 3],
    /// From one row to the next, of each buffer that is bound by row.
    row_bytes: Vec<u64>,
}

impl Dispatch {
    /// Records the kernel, on the given row of the buffers that it binds by row.
    pub fn record(&self, pass: &mut ComputePass, row: usize) {
        self.record_workgroups(pass, row, self.workgroups);
    }

    /// Records the kernel over another number of workgroups than it was bound for.
    pub fn record_workgroups(&self, pass: &mut ComputePass, row: usize, [x, y, z]: [u32; 3]) {
        let mut offsets = [0; MOST_ROWS];
        for (offset, row_bytes) in offsets.iter_mut().zip(&self.row_bytes) {
            *offset = (row as u64 * row_bytes) as u32;
        }
        pass.set_pipeline(&self.kernel.pipeline);
        pass.set_bind_group(0, &self.bind_group, &offsets[..self.row_bytes.len()]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// The most buffers that a kernel binds by row: indices, and losses or the numbers of an update.
pub const MOST_ROWS: usize = 2;
