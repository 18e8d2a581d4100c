//! How much faster twolayer is than the designs that one would write first, in WGSL too and on the same device.
//!
//! `cargo bench --bench baselines` runs it; `-- NAME` takes only the adapters whose name contains that. Each side is
//! compared with the f64 reference before it is timed, and then they take turns.

mod turns;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use pollster::block_on;
use twolayer::bench::task::Task;
use twolayer::bench::workload::Workload;
use twolayer::data::{Dataset, digits};
use twolayer::devices::Device;
use twolayer::gpu::{self, adapters};
use twolayer::net::{Params, Shape};
use twolayer::reference::{Tensors, TwoLayerNet};
use wgpu::{
    Adapter, BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry,
    BindingResource, BindingType, Buffer, BufferBinding, BufferBindingType, BufferDescriptor, BufferSize, BufferUsages,
    ComputePassDescriptor, ComputePipeline, ComputePipelineDescriptor, DeviceDescriptor, Limits, MapMode,
    PipelineCompilationOptions, PipelineLayoutDescriptor, PollType, ShaderModule, ShaderModuleDescriptor, ShaderSource,
    ShaderStages,
};

use turns::{CHUNK, Failure, IMAGES, ROUNDS, Side, Twolayer, compare};

/// What is compared with the reference: so many steps, of a size that moves every parameter.
const CHECK_STEPS: usize = 3;
const CHECK_LEARNING_RATE: f32 = 0.1;

/// Where a step takes longer than this, the batch is smaller.
const SLOW: Duration = Duration::from_secs(20);
const SMALLER_BATCH: usize = 128;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    // Cargo itself passes `--bench`.
    let name = std::env::args().skip(1).find(|argument| argument != "--bench").unwrap_or_default().to_lowercase();
    let found = block_on(adapters::list());
    let chosen: Vec<&Adapter> =
        found.iter().filter(|adapter| adapter.get_info().name.to_lowercase().contains(&name)).collect();
    if chosen.is_empty() {
        return Err(format!("no adapter's name contains '{name}'; `twolayer devices` lists those there are").into());
    }
    let (images, labels) = digits::draw(IMAGES, 0);
    let set = Dataset::new(images, labels, digits::SIDE, digits::SIDE)?;
    turns::show_load();
    println!("Steps a second, and how many times as many twolayer's are: median (min to max) of {ROUNDS} rounds.\n");
    println!("| adapter | baseline | network, batch | baseline | twolayer | ratio |");
    println!("|---|---|---|--:|--:|--:|");
    for design in [&ONE_WORKGROUP_PER_SAMPLE, &ONE_OUTPUT_PER_INVOCATION] {
        for adapter in &chosen {
            println!("{}", row(design, adapter, &set)?);
        }
    }
    Ok(())
}

/// A row of the table: a design beside twolayer on one adapter.
fn row(design: &Design, adapter: &Adapter, set: &Dataset) -> Result<String, Failure> {
    let info = adapter.get_info();
    let adapter_name = format!("{}, {}", info.backend, info.name);
    eprintln!("{} on {adapter_name}", design.name);
    let mut task = Task::new(design.workload, set);
    let mut baseline = Baseline::new(design, adapter, &task)?;
    let start = Instant::now();
    baseline.train(&task.batch, CHECK_LEARNING_RATE)?;
    let took = start.elapsed();
    let mut note = String::new();
    if took > SLOW {
        note = format!(" (the first step of {} took {:.0} s)", task.images_per_step(), took.as_secs_f64());
        task = Task::new(Workload::custom(Some(design.workload.hidden), Some(SMALLER_BATCH)), set);
    }
    // Made anew for its first parameters.
    let mut baseline = Baseline::new(design, adapter, &task)?;
    let device = Device::Gpu(block_on(gpu::device::Device::open(adapter))?);
    let mut twolayer = Twolayer::new(&device, &task)?;

    let expected = Expected::new(&task);
    for (name, side) in [(design.name, &mut baseline as &mut dyn Checked), ("twolayer", &mut twolayer)] {
        expected.check(side).map_err(|wrong| format!("{name} on {adapter_name}: {wrong}"))?;
    }
    let rates = turns::take_turns(&task, [&mut baseline, &mut twolayer])?;
    let Shape { input, hidden, classes } = task.net.shape;
    let what = format!("{input}-{hidden}-{classes}, {}{note}", task.images_per_step());
    Ok(format!("| {adapter_name} | {} | {what} | {} |", design.name, turns::cells(rates)))
}

/// A side whose parameters can be compared.
trait Checked: Side {
    fn params(&mut self) -> Result<Params, Failure>;
}

impl Checked for Twolayer {
    fn params(&mut self) -> Result<Params, Failure> {
        Ok(block_on(self.backend.params())?)
    }
}

/// What the f64 reference makes of the first steps of a task.
struct Expected {
    /// The steps' image numbers.
    batches: Vec<u32>,
    /// The parameters after them.
    params: Tensors,
    /// Each step's loss before it.
    losses: Vec<f64>,
}

impl Expected {
    fn new(task: &Task) -> Self {
        let batches = task.batches(CHECK_STEPS);
        let mut net = TwoLayerNet::new(task.net, &task.params);
        let losses = batches.chunks(task.images_per_step()).map(|batch| {
            let (x, t) = task.set.batch(batch);
            net.train_step(&x, &t, CHECK_LEARNING_RATE.into())
        });
        let losses = losses.collect();
        Self { batches, params: net.params, losses }
    }

    /// Takes the steps with a side, and compares.
    fn check(&self, side: &mut dyn Checked) -> Result<(), Failure> {
        let losses = side.train(&self.batches, CHECK_LEARNING_RATE)?;
        let Params { w1, b1, w2, b2, .. } = side.params()?;
        compare("W1", &w1, &self.params.w1)?;
        compare("b1", &b1, &self.params.b1)?;
        compare("W2", &w2, &self.params.w2)?;
        compare("b2", &b2, &self.params.b2)?;
        compare("a loss", &losses, &self.losses)
    }
}

/// A way to compute a step on a GPU.
struct Design {
    name: &'static str,
    workload: Workload,
    /// Without what all designs share.
    source: &'static str,
    /// The override that the size of its workgroups follows from.
    workgroup: (&'static str, usize),
    kernels: &'static [Kernel],
}

/// An entry point of a design, with the numbers of the bindings that it reads and writes.
struct Kernel {
    entry: &'static str,
    reads: &'static [Binding],
    writes: &'static [Binding],
    /// Workgroups, for a shape and a batch size.
    workgroups: fn(Shape, usize) -> [usize; 2],
}

/// The buffers under the numbers that they have in every shader.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binding {
    Step,
    LearningRate,
    Images,
    Labels,
    Batches,
    Parameters,
    Z1,
    Dy,
    Da1,
    Losses,
}
use Binding::{Batches, Da1, Dy, Images, Labels, LearningRate, Losses, Parameters, Step, Z1};

/// Invocations along each side of a workgroup, or all of them in one row.
const SIDE: usize = 16;
/// Invocations of a workgroup without sides.
const LANES: usize = 64;

/// The workgroups of a matrix.
fn grid(rows: usize, columns: usize) -> [usize; 2] {
    [columns.div_ceil(SIDE), rows.div_ceil(SIDE)]
}

const ONE_WORKGROUP_PER_SAMPLE: Design = Design {
    name: "one workgroup per sample",
    workload: Workload::ARTICLE,
    source: include_str!("baselines/one_workgroup_per_sample.wgsl"),
    workgroup: ("LANES", LANES),
    kernels: &[
        Kernel {
            entry: "sample",
            reads: &[Images, Labels, Batches, Parameters],
            writes: &[Z1, Dy, Da1, Losses],
            workgroups: |_, batch_size| [batch_size, 1],
        },
        Kernel {
            entry: "update",
            reads: &[Images, Batches, Z1, Dy, Da1],
            writes: &[Parameters],
            workgroups: |shape, _| [parameters(shape).div_ceil(LANES), 1],
        },
    ],
};

const ONE_OUTPUT_PER_INVOCATION: Design = Design {
    name: "one output per invocation",
    workload: Workload::WIDE,
    source: include_str!("baselines/one_output_per_invocation.wgsl"),
    workgroup: ("SIDE", SIDE),
    kernels: &[
        Kernel {
            entry: "hidden",
            reads: &[Images, Batches, Parameters],
            writes: &[Z1],
            workgroups: |shape, batch_size| grid(batch_size, shape.hidden),
        },
        Kernel {
            entry: "output",
            reads: &[Parameters, Z1],
            writes: &[Dy],
            workgroups: |shape, batch_size| grid(batch_size, shape.classes),
        },
        Kernel {
            entry: "loss",
            reads: &[Labels, Batches],
            writes: &[Dy, Losses],
            workgroups: |_, batch_size| [batch_size.div_ceil(SIDE * SIDE), 1],
        },
        Kernel {
            entry: "delta",
            reads: &[Parameters, Z1, Dy],
            writes: &[Da1],
            workgroups: |shape, batch_size| grid(batch_size, shape.hidden),
        },
        Kernel {
            entry: "output_gradient",
            reads: &[Z1, Dy],
            writes: &[Parameters],
            workgroups: |shape, _| grid(shape.hidden + 1, shape.classes),
        },
        Kernel {
            entry: "hidden_gradient",
            reads: &[Images, Batches, Da1],
            writes: &[Parameters],
            workgroups: |shape, _| grid(shape.input + 1, shape.hidden),
        },
    ],
};

/// Parameters of a network of this shape.
fn parameters(Shape { input, hidden, classes }: Shape) -> usize {
    (input + 1) * hidden + (hidden + 1) * classes
}

/// Bytes of the uniform buffer's part that holds a step's number: where WebGPU lets a binding begin.
const STEP_BYTES: usize = 256;

/// A design on an adapter, with everything resident.
struct Baseline {
    gpu: Gpu,
    shape: Shape,
    batch_size: usize,
    learning_rate: Buffer,
    batches: Buffer,
    parameters: Buffer,
    losses: Buffer,
    dispatches: Vec<Dispatch>,
}

/// A kernel with its buffers.
struct Dispatch {
    pipeline: ComputePipeline,
    bind_group: BindGroup,
    workgroups: [usize; 2],
}

impl Baseline {
    fn new(design: &Design, adapter: &Adapter, task: &Task) -> Result<Self, Failure> {
        let gpu = Gpu::open(adapter)?;
        let (shape, batch_size) = (task.net.shape, task.images_per_step());
        let Shape { hidden, classes, .. } = shape;
        let Params { w1, b1, w2, b2, .. } = &task.params;
        let labels: Vec<u32> = task.set.labels().iter().map(|&label| label.into()).collect();
        let mut steps = vec![0_u32; CHUNK * STEP_BYTES / size_of::<u32>()];
        for (number, step) in (0..).zip(steps.chunks_mut(STEP_BYTES / size_of::<u32>())) {
            step[0] = number;
        }
        let [learning_rate, batches, losses] = [
            (1, BufferUsages::UNIFORM),
            (CHUNK * batch_size, BufferUsages::STORAGE),
            (CHUNK * batch_size, BufferUsages::STORAGE),
        ]
        .map(|(words, usage)| gpu.buffer(words * size_of::<f32>(), usage));
        let values = |width| gpu.buffer(batch_size * width * size_of::<f32>(), BufferUsages::STORAGE);
        let parameters = gpu.filled(&[&w1[..], b1, w2, b2].concat(), BufferUsages::STORAGE);
        // In the order of their numbers.
        let buffers = [
            gpu.filled(&steps, BufferUsages::UNIFORM),
            learning_rate.clone(),
            gpu.filled(task.set.images(), BufferUsages::STORAGE),
            gpu.filled(&labels, BufferUsages::STORAGE),
            batches.clone(),
            parameters.clone(),
            values(hidden),
            values(classes),
            values(hidden),
            losses.clone(),
        ];
        let source = [include_str!("baselines/shared.wgsl"), design.source].concat();
        let module = gpu.device.create_shader_module(ShaderModuleDescriptor {
            label: Some(design.name),
            source: ShaderSource::Wgsl(source.into()),
        });
        let (workgroup, invocations) = design.workgroup;
        let constants = [
            ("INPUT", shape.input as f64),
            ("HIDDEN", shape.hidden as f64),
            ("CLASSES", shape.classes as f64),
            ("BATCH", batch_size as f64),
            (workgroup, invocations as f64),
        ];
        let dispatch = |kernel: &Kernel| {
            let (pipeline, bind_group) = gpu.bind(kernel, &module, &constants, &buffers);
            Dispatch { pipeline, bind_group, workgroups: (kernel.workgroups)(shape, batch_size) }
        };
        let dispatches = design.kernels.iter().map(dispatch).collect();
        Ok(Self { gpu, shape, batch_size, learning_rate, batches, parameters, losses, dispatches })
    }
}

impl Side for Baseline {
    fn train(&mut self, batches: &[u32], learning_rate: f32) -> Result<Vec<f32>, Failure> {
        let Gpu { device, queue } = &self.gpu;
        queue.write_buffer(&self.learning_rate, 0, bytemuck::bytes_of(&learning_rate));
        queue.write_buffer(&self.batches, 0, bytemuck::cast_slice(batches));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
        for step in 0..batches.len() / self.batch_size {
            for Dispatch { pipeline, bind_group, workgroups: [x, y] } in &self.dispatches {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bind_group, &[(step * STEP_BYTES) as u32]);
                pass.dispatch_workgroups(*x as u32, *y as u32, 1);
            }
        }
        drop(pass);
        queue.submit([encoder.finish()]);
        let losses = self.gpu.read(&self.losses, batches.len())?;
        Ok(losses.chunks(self.batch_size).map(|losses| losses.iter().sum::<f32>() / losses.len() as f32).collect())
    }
}

impl Checked for Baseline {
    fn params(&mut self) -> Result<Params, Failure> {
        let values = self.gpu.read(&self.parameters, parameters(self.shape))?;
        let Shape { input, hidden, classes } = self.shape;
        let (w1, rest) = values.split_at(input * hidden);
        let (b1, rest) = rest.split_at(hidden);
        let (w2, b2) = rest.split_at(hidden * classes);
        let [w1, b1, w2, b2] = [w1, b1, w2, b2].map(<[f32]>::to_vec);
        Ok(Params { shape: self.shape, w1, b1, w2, b2 })
    }
}

/// An opened adapter. What goes wrong in it later is a panic of wgpu's, with its own words.
struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Gpu {
    fn open(adapter: &Adapter) -> Result<Self, Failure> {
        let required_limits = Limits::default().or_worse_values_from(&adapter.limits());
        let descriptor = DeviceDescriptor { required_limits, ..Default::default() };
        let (device, queue) = block_on(adapter.request_device(&descriptor))?;
        Ok(Self { device, queue })
    }

    fn buffer(&self, bytes: usize, usage: BufferUsages) -> Buffer {
        let usage = usage | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let size = bytes as u64;
        self.device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    }

    fn filled<T: bytemuck::NoUninit>(&self, values: &[T], usage: BufferUsages) -> Buffer {
        let buffer = self.buffer(size_of_val(values), usage);
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
        buffer
    }

    /// Compiles a kernel and binds what it takes of `buffers`, which are in the order of their numbers.
    fn bind(
        &self,
        kernel: &Kernel,
        module: &ShaderModule,
        constants: &[(&str, f64)],
        buffers: &[Buffer],
    ) -> (ComputePipeline, BindGroup) {
        let uniforms = [Step, LearningRate].map(|binding| (binding, BufferBindingType::Uniform));
        let reads = kernel.reads.iter().map(|&binding| (binding, BufferBindingType::Storage { read_only: true }));
        let writes = kernel.writes.iter().map(|&binding| (binding, BufferBindingType::Storage { read_only: false }));
        let bindings: Vec<_> = uniforms.into_iter().chain(reads).chain(writes).collect();
        let entry = |&(binding, ty): &(Binding, BufferBindingType)| BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: binding == Step, min_binding_size: None },
            count: None,
        };
        let entries: Vec<_> = bindings.iter().map(entry).collect();
        let device = &self.device;
        let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: None, entries: &entries });
        let entry = |&(binding, _): &(Binding, BufferBindingType)| BindGroupEntry {
            binding: binding as u32,
            resource: BindingResource::Buffer(BufferBinding {
                buffer: &buffers[binding as usize],
                offset: 0,
                size: if binding == Step { BufferSize::new(STEP_BYTES as u64) } else { None },
            }),
        };
        let entries: Vec<_> = bindings.iter().map(entry).collect();
        let bind_group =
            device.create_bind_group(&BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(kernel.entry),
            layout: Some(&layout),
            module,
            entry_point: Some(kernel.entry),
            compilation_options: PipelineCompilationOptions {
                constants,
                // As in twolayer: no kernel reads what it has not written there.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        (pipeline, bind_group)
    }

    /// The first `count` values of a buffer, once everything submitted so far is done.
    fn read(&self, buffer: &Buffer, count: usize) -> Result<Vec<f32>, Failure> {
        let bytes = (count * size_of::<f32>()) as u64;
        let copy = self.device.create_buffer(&BufferDescriptor {
            label: None,
            size: bytes,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, bytes);
        self.queue.submit([encoder.finish()]);
        copy.map_async(MapMode::Read, .., |_| ());
        self.device.poll(PollType::wait_indefinitely())?;
        let mapped = copy.get_mapped_range(..)?;
        Ok(bytemuck::pod_collect_to_vec(&mapped))
    }
}
