//! A compiled shader, and a shader with its buffers.

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingResource,
    BindingType, BufferBinding, BufferBindingType, BufferSize, ComputePass, ComputePipeline, ComputePipelineDescriptor,
    PipelineCompilationOptions, PipelineLayoutDescriptor, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use crate::gpu::device::Device;
use crate::gpu::layout::{INVOCATIONS, NUMBERS, STORAGE_BUFFERS, Slice, VEC4, output_layer_start};
use crate::net::Net;

/// How a kernel binds a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A few values that are the same for the whole dispatch.
    Uniform,
    /// `WINDOW` vec4s of a larger buffer, read only.
    Window,
    /// Storage, read only.
    Read,
    /// Storage, read and written.
    Write,
    /// One row of a storage buffer, read only; a dynamic offset says which.
    ReadRow,
    /// One row of a storage buffer, read and written; a dynamic offset says which.
    WriteRow,
}

impl Access {
    fn is_row(self) -> bool {
        matches!(self, Self::ReadRow | Self::WriteRow)
    }

    fn is_storage(self) -> bool {
        !matches!(self, Self::Uniform | Self::Window)
    }

    fn binding_type(self) -> BindingType {
        let ty = match self {
            Self::Uniform | Self::Window => BufferBindingType::Uniform,
            Self::Read | Self::ReadRow => BufferBindingType::Storage { read_only: true },
            Self::Write | Self::WriteRow => BufferBindingType::Storage { read_only: false },
        };
        BindingType::Buffer { ty, has_dynamic_offset: self.is_row(), min_binding_size: None }
    }
}

/// A shader's text.
#[derive(Clone, Copy)]
pub struct Source {
    /// What the kernel is called.
    pub name: &'static str,
    /// What it shares with others, without `shaders/shared/network.wgsl`, which all share.
    pub shared: &'static [&'static str],
    /// Its own file.
    pub text: &'static str,
    /// Invocations in a workgroup.
    pub lanes: usize,
    /// How it binds its buffers, in the order of their numbers.
    pub access: &'static [Access],
}

/// A compiled shader and how it binds its buffers.
#[derive(Clone)]
pub struct Kernel {
    name: &'static str,
    pipeline: ComputePipeline,
    access: &'static [Access],
}

impl Kernel {
    /// Compiles a shader for one network; `constants` are the overrides that only some shaders have.
    pub fn compile(device: &Device, source: &Source, net: &Net, constants: &[(&str, f64)]) -> Self {
        let &Source { name, shared, text, lanes, access } = source;
        debug_assert!(access.iter().filter(|a| a.is_storage()).count() <= STORAGE_BUFFERS as usize, "{name}");
        debug_assert!(lanes <= INVOCATIONS as usize, "{name}");
        let numbers = NUMBERS.map(|(name, value)| format!("const {name} = {value}u;\n")).concat();
        let network = include_str!("../../../shaders/shared/network.wgsl");
        let text = [&[&numbers, network], shared, &[text]].concat().concat();
        let device = &device.gpu;
        let module = device.create_shader_module(ShaderModuleDescriptor {
            label: Some(name),
            source: ShaderSource::Wgsl(text.into()),
        });
        let entries: Vec<_> = (0..)
            .zip(access)
            .map(|(binding, access)| BindGroupLayoutEntry {
                binding,
                visibility: ShaderStages::COMPUTE,
                ty: access.binding_type(),
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
        Self { name, pipeline, access }
    }

    /// Binds one buffer a binding, in order; of a buffer bound by row, rows of `row_words` words.
    pub fn bind<const N: usize>(
        &self,
        device: &Device,
        buffers: [Slice; N],
        row_words: usize,
        workgroups: [usize; 3],
        work: Work,
    ) -> Dispatch {
        const VEC4_BYTES: u64 = (VEC4 * size_of::<f32>()) as u64;
        let row_bytes = (row_words * size_of::<u32>()) as u64;
        let entries: Vec<_> = (0..)
            .zip(self.access.iter().zip(buffers))
            .map(|(binding, (access, slice))| BindGroupEntry {
                binding,
                resource: BindingResource::Buffer(BufferBinding {
                    buffer: slice.buffer,
                    offset: slice.first as u64 * VEC4_BYTES,
                    size: if access.is_row() {
                        BufferSize::new(row_bytes)
                    } else {
                        slice.vec4s.and_then(|vec4s| BufferSize::new(vec4s as u64 * VEC4_BYTES))
                    },
                }),
            })
            .collect();
        let layout = self.pipeline.get_bind_group_layout(0);
        let bind_group =
            device.gpu.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        Dispatch {
            name: self.name,
            pipeline: self.pipeline.clone(),
            bind_group,
            workgroups: workgroups.map(|n| n as u32),
            rows: self.access.iter().filter(|access| access.is_row()).count(),
            row_bytes,
            work,
        }
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
    pipeline: ComputePipeline,
    bind_group: BindGroup,
    workgroups: [u32; 3],
    rows: usize,
    row_bytes: u64,
}

impl Dispatch {
    /// Records the kernel, on the given row of the buffers that it binds by row.
    pub fn record(&self, pass: &mut ComputePass, row: usize) {
        self.record_workgroups(pass, row, self.workgroups);
    }

    /// Records the kernel over another number of workgroups than it was bound for.
    pub fn record_workgroups(&self, pass: &mut ComputePass, row: usize, [x, y, z]: [u32; 3]) {
        let offset = (row as u64 * self.row_bytes) as u32;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[offset; MOST_ROWS][..self.rows]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// The most buffers that a kernel binds by row: indices and losses.
const MOST_ROWS: usize = 2;
