//! The host's side of the shaders: one file here for each in `shaders/`, under the same name.
//!
//! A kernel's file says what it binds, in the order of its `@binding` numbers, and how many workgroups cover its work.

pub mod confusion;
pub mod hidden;
pub mod hidden_delta;
pub mod hidden_gradient;
pub mod loss;
pub mod mean_loss;
pub mod output;
pub mod output_gradient;
pub mod sgd;

use bytemuck::{Pod, Zeroable};
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingResource,
    BindingType, Buffer, BufferBinding, BufferBindingType, BufferSize, ComputePass, ComputePipeline,
    ComputePipelineDescriptor, PipelineCompilationOptions, PipelineLayoutDescriptor, ShaderModuleDescriptor,
    ShaderSource, ShaderStages,
};

use super::device::Device;
use crate::net::{Activation, Net};

/// Columns in a `vec4f`, rows of a register tile, pixels in a word.
pub const QUAD: usize = 4;
/// A kernel over a grid of tiles has workgroups of `GRID` x `GRID` invocations.
pub const GRID: usize = 8;
/// A kernel over a list has workgroups of `LIST` invocations.
pub const LIST: usize = 64;
/// The most invocations in a workgroup of any kernel.
pub const INVOCATIONS: u32 = if GRID * GRID > LIST { GRID * GRID } else { LIST } as u32;
/// The most storage buffers that one kernel binds.
pub const STORAGE_BUFFERS: u32 = 5;
// The sums of `mean_loss` are halved until one is left.
const _: () = assert!(LIST.is_power_of_two());
/// Rows of indices and losses begin at multiples of this many words: WebGPU's `minStorageBufferOffsetAlignment`, 256.
pub const ROW_WORDS: usize = 64;

/// The uniform `Step` of `shaders/shared/network.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Step {
    /// Images in the batch.
    pub batch_size: u32,
    /// What a gradient's target keeps of its value.
    pub keep: f32,
    /// What the gradient is multiplied by before it is added.
    pub scale: f32,
    /// The length of a row of losses, in words.
    pub row_words: u32,
}

/// How a kernel binds a buffer.
#[derive(Clone, Copy)]
pub enum Access {
    /// The uniform `Step`.
    Uniform,
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

    fn binding_type(self) -> BindingType {
        let ty = match self {
            Self::Uniform => BufferBindingType::Uniform,
            Self::Read | Self::ReadRow => BufferBindingType::Storage { read_only: true },
            Self::Write | Self::WriteRow => BufferBindingType::Storage { read_only: false },
        };
        BindingType::Buffer { ty, has_dynamic_offset: self.is_row(), min_binding_size: None }
    }
}

/// A compiled shader and how it binds its buffers.
pub struct Kernel {
    pipeline: ComputePipeline,
    access: &'static [Access],
}

impl Kernel {
    /// Compiles a shader for one network. `source` is the shader's own text, `constants` the overrides that only it has.
    fn compile(
        device: &Device,
        name: &'static str,
        source: &str,
        net: &Net,
        constants: &[(&str, f64)],
        access: &'static [Access],
    ) -> Self {
        debug_assert!(access.iter().filter(|a| !matches!(a, Access::Uniform)).count() <= STORAGE_BUFFERS as usize);
        let text = [include_str!("../../../shaders/shared/network.wgsl"), source].concat();
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
        let quads = |width: usize| width.div_ceil(QUAD) as f64;
        let mut overrides = vec![
            ("INPUT_QUADS", quads(shape.input)),
            ("HIDDEN", shape.hidden as f64),
            ("HIDDEN_QUADS", quads(shape.hidden)),
            ("CLASSES", shape.classes as f64),
            ("CLASS_QUADS", quads(shape.classes)),
            ("GRID", GRID as f64),
            ("LIST", LIST as f64),
        ];
        overrides.extend_from_slice(constants);
        let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&layout),
            module: &module,
            entry_point: None,
            compilation_options: PipelineCompilationOptions { constants: &overrides, ..Default::default() },
            cache: None,
        });
        Self { pipeline, access }
    }

    /// Binds one buffer a binding, in order; of a buffer bound by row, rows of `row_words` words.
    fn bind<const N: usize>(
        &self,
        device: &Device,
        buffers: [&Buffer; N],
        row_words: usize,
        workgroups: [usize; 2],
    ) -> Dispatch {
        let row_bytes = (row_words * size_of::<u32>()) as u64;
        let entries: Vec<_> = (0..)
            .zip(self.access.iter().zip(buffers))
            .map(|(binding, (access, buffer))| BindGroupEntry {
                binding,
                resource: BindingResource::Buffer(BufferBinding {
                    buffer,
                    offset: 0,
                    size: if access.is_row() { BufferSize::new(row_bytes) } else { None },
                }),
            })
            .collect();
        let layout = self.pipeline.get_bind_group_layout(0);
        let bind_group =
            device.gpu.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let rows = self.access.iter().filter(|access| access.is_row()).count();
        Dispatch {
            pipeline: self.pipeline.clone(),
            bind_group,
            workgroups: workgroups.map(|n| n as u32),
            rows,
            row_bytes,
        }
    }
}

/// A kernel with its buffers, ready to be recorded any number of times.
pub struct Dispatch {
    pipeline: ComputePipeline,
    bind_group: BindGroup,
    workgroups: [u32; 2],
    rows: usize,
    row_bytes: u64,
}

impl Dispatch {
    /// Records the kernel, on the given row of the buffers that it binds by row.
    pub fn record(&self, pass: &mut ComputePass, row: usize) {
        self.record_workgroups(pass, row, self.workgroups);
    }

    /// Records the kernel over another number of workgroups than it was bound for.
    pub fn record_workgroups(&self, pass: &mut ComputePass, row: usize, [x, y]: [u32; 2]) {
        let offset = (row as u64 * self.row_bytes) as u32;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[offset; MOST_ROWS][..self.rows]);
        pass.dispatch_workgroups(x, y, 1);
    }
}

/// The most buffers that a kernel binds by row: indices and losses.
const MOST_ROWS: usize = 2;

/// The workgroups that cover a grid of tiles: `columns` values by `rows` values, a quad each way a tile.
fn grid(columns: usize, rows: usize) -> [usize; 2] {
    [columns.div_ceil(QUAD * GRID), rows.div_ceil(QUAD * GRID)]
}

/// The workgroups that cover a list, at most as many as WebGPU dispatches at once; a kernel whose list may be longer
/// goes through it in strides.
fn list(length: usize) -> [usize; 2] {
    const MOST_WORKGROUPS: usize = 65_535;
    [length.div_ceil(LIST).min(MOST_WORKGROUPS), 1]
}

/// The rows of a layer's tiles: its inputs in whole quads, then a quad for the bias.
fn layer_rows(inputs: usize) -> usize {
    inputs.next_multiple_of(QUAD) + QUAD
}

/// The override of `shaders/shared/activation.wgsl`; none stands for the identity.
fn activation_constant(activation: Option<Activation>) -> (&'static str, f64) {
    let value = match activation {
        None => 0.0,
        Some(Activation::Sigmoid) => 1.0,
        Some(Activation::Relu) => 2.0,
    };
    ("ACTIVATION", value)
}
