//! What the device can do at its best: the host's side of `shaders/peak_flops.wgsl` and `shaders/peak_bytes.wgsl`.

use bytemuck::{Pod, Zeroable};
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, Buffer, ComputePass, ComputePassDescriptor, ComputePipeline,
    ComputePipelineDescriptor, PipelineCompilationOptions, ShaderModuleDescriptor, ShaderSource,
};

use super::device::Device;
use super::layout::bytes;
use crate::backend::answers::Timed;
use crate::backend::{self, Answer, Error};
use crate::clock::Instant;

/// The most that the work of either kernel can be doubled from its least.
const MOST_DOUBLINGS: u32 = 18;

/// Most invocations in a workgroup.
const MOST_INVOCATIONS: u32 = 256;
/// Multiply-adds that an invocation of `peak_flops` does in one iteration: 32 chains, each 8 steps further.
const CHAINS: u32 = 32;
const STEPS: u32 = 8;
/// Places that the chains begin at, run after run.
const MOST_STARTS: u32 = 256;
/// Workgroups of the least work, for a software GPU, and of all work from that which fills the largest GPU several
/// times over, so that its last round, with not enough of them for all cores, does not count.
const FEWEST_WORKGROUPS: u32 = 16;
const MOST_WORKGROUPS: u32 = 1 << 14;
/// Iterations of an invocation: so many that their start and end do not count. The most that they are doubled to is
/// 2^14, as one Mesa release silently stops a loop at 65,535.
const FEWEST_ITERATIONS: u32 = 64;

/// Bytes of each of the two buffers of a copy. The least is for software GPUs, which spend more time on their way to the
/// memory than in it; the most is larger than the caches of GPUs, and the work grows to it before it is repeated.
const LEAST_BYTES: u64 = 4 << 20;
const MOST_BYTES: u64 = 256 << 20;
/// Vec4s that an invocation of `peak_bytes` copies.
const VEC4S: u32 = 4;
/// What a copy adds to each word, times the word's number. Odd, so that no number comes twice.
const STEP: u32 = 2_654_435_769;
/// Pieces of the copied words that are looked at, from the first to the last of them, and words in each.
const PIECES: u64 = 16;
const PIECE_WORDS: usize = 256;

/// The fastest of this many passes without work is what every pass takes beside its work.
const RUNS_WITHOUT_WORK: usize = 5;

/// The uniform `Work` of `shaders/peak_flops.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Work {
    scale: f32,
    shift: f32,
    first: f32,
    iterations: u32,
}

/// The two kernels on a device.
pub struct Probe {
    device: Device,
    /// Invocations in a workgroup.
    list: u32,
    work: Buffer,
    sums: Buffer,
    multiply_adds: Kernel,
    /// From the first buffer to the second, and back.
    copies: [Kernel; 2],
    buffers: [Buffer; 2],
    most_bytes: u64,
    pieces: Buffer,
    /// Seconds that a kernel without work takes.
    latency: f64,
    /// Runs of `multiply_adds` so far.
    runs: u32,
}

struct Kernel {
    pipeline: ComputePipeline,
    buffers: BindGroup,
}

impl Probe {
    /// Compiles the kernels.
    ///
    /// # Errors
    /// An error of the device.
    pub async fn new(device: Device) -> Result<Self, Error> {
        let limits = device.gpu.limits();
        let list = limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        let list = 1 << list.min(MOST_INVOCATIONS).ilog2();
        let most_bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(MOST_BYTES);
        let most_bytes = 1 << most_bytes.ilog2();
        let work = device.uniform("work", size_of::<Work>() as u64);
        let sums = device.storage("sums", bytes((MOST_WORKGROUPS * list) as usize));
        let buffers = ["original", "copy"].map(|label| device.storage(label, most_bytes));
        let [original, copy] = &buffers;
        let list_constant = ("LIST", f64::from(list));
        let source = include_str!("../../shaders/peak_flops.wgsl");
        let multiply_adds = Kernel::new(&device, "peak_flops", source, &[list_constant], [&work, &sums]);
        let source = include_str!("../../shaders/peak_bytes.wgsl");
        let constants = [list_constant, ("STEP", f64::from(STEP))];
        let copies = [[original, copy], [copy, original]]
            .map(|buffers| Kernel::new(&device, "peak_bytes", source, &constants, buffers));
        let pieces = device.storage("pieces", PIECES * bytes(PIECE_WORDS));
        let (latency, runs) = (0.0, 0);
        let mut probe =
            Self { device, list, work, sums, multiply_adds, copies, buffers, most_bytes, pieces, latency, runs };
        let mut least = f64::INFINITY;
        for _ in 0..RUNS_WITHOUT_WORK {
            least = least.min(probe.run_chains(1, 0, 0).await?);
        }
        probe.latency = least;
        Ok(probe)
    }

    /// Multiply-adds in registers, on all of the device.
    async fn chains(&mut self, doublings: u32) -> Result<Timed, Error> {
        let by_workgroups = doublings.min((MOST_WORKGROUPS / FEWEST_WORKGROUPS).ilog2());
        let workgroups = FEWEST_WORKGROUPS << by_workgroups;
        let iterations = FEWEST_ITERATIONS << (doublings - by_workgroups);
        self.runs += 1;
        let first = self.runs % MOST_STARTS;
        let seconds = self.run_chains(workgroups, first, iterations).await?;
        let invocations = workgroups * self.list;
        let sums = self.device.read::<f32>(&[(&self.sums, invocations as usize)]).await?.concat();
        for (invocation, &found) in (0..).zip(&sums) {
            let expected = chains_sum(first + invocation % self.list, iterations);
            // Both are whole numbers, if the first is right.
            if found.to_bits() != expected.to_bits() {
                return Err(self.wrong("multiply-adds", found.into(), expected.into()));
            }
        }
        let operations = 2.0 * f64::from(CHAINS * STEPS) * f64::from(iterations) * f64::from(invocations);
        Ok(Timed { work: operations, seconds })
    }

    /// Copies from one buffer to the other and back.
    async fn copied(&self, doublings: u32) -> Result<Timed, Error> {
        let by_size = doublings.min((self.most_bytes / LEAST_BYTES).max(1).ilog2());
        let size = (LEAST_BYTES << by_size).min(self.most_bytes);
        let round_trips = 1_usize << (doublings - by_size);
        let [original, _] = &self.buffers;
        self.device.submit(|encoder| encoder.clear_buffer(original, 0, Some(size)));
        self.device.read::<u32>(&[(original, 1)]).await?;
        let vec4s = (size / size_of::<[u32; 4]>() as u64) as u32;
        let workgroups = vec4s / VEC4S / self.list;
        let record = |pass: &mut ComputePass| {
            for kernel in std::iter::repeat_n(&self.copies, round_trips).flatten() {
                kernel.record(pass, workgroups);
            }
        };
        let seconds = self.seconds(record, original).await?;
        self.check_copies(size, 2 * round_trips as u32).await?;
        let copies = 2.0 * round_trips as f64;
        Ok(Timed { work: copies * 2.0 * size as f64, seconds })
    }

    /// Runs the chains from `first` on and returns the seconds that took.
    async fn run_chains(&self, workgroups: u32, first: u32, iterations: u32) -> Result<f64, Error> {
        self.device.write(&self.work, &[Work { scale: 1.0, shift: 1.0, first: first as f32, iterations }]);
        self.seconds(|pass| self.multiply_adds.record(pass, workgroups), &self.sums).await
    }

    /// The seconds from the submission of a pass until its result can be read, less those of a pass without work.
    async fn seconds(&self, record: impl FnOnce(&mut ComputePass), result: &Buffer) -> Result<f64, Error> {
        let start = Instant::now();
        self.device.submit(|encoder| record(&mut encoder.begin_compute_pass(&ComputePassDescriptor::default())));
        self.device.read::<u32>(&[(result, 1)]).await?;
        let seconds = start.elapsed().as_secs_f64();
        // Work of its own takes some of the time, whatever the clock says.
        Ok((seconds - self.latency).max(seconds / 2.0))
    }

    /// Checks that some words of the first buffer were copied as often as they should.
    async fn check_copies(&self, size: u64, copies: u32) -> Result<(), Error> {
        let piece_bytes = bytes(PIECE_WORDS);
        let starts = (0..PIECES).map(|piece| (size - piece_bytes) / (PIECES - 1) * piece / piece_bytes * piece_bytes);
        self.device.submit(|encoder| {
            for (piece, start) in starts.clone().enumerate() {
                let to = piece as u64 * piece_bytes;
                encoder.copy_buffer_to_buffer(&self.buffers[0], start, &self.pieces, to, piece_bytes);
            }
        });
        let words = self.device.read::<u32>(&[(&self.pieces, PIECES as usize * PIECE_WORDS)]).await?.concat();
        let numbers = starts.flat_map(|start| (start as usize / size_of::<u32>()..).take(PIECE_WORDS));
        for (number, &found) in numbers.zip(&words) {
            let expected = copied_word(number as u32, copies);
            if found != expected {
                return Err(self.wrong("a copy", found.into(), expected.into()));
            }
        }
        Ok(())
    }

    fn wrong(&self, what: &'static str, found: f64, expected: f64) -> Error {
        Error::Wrong { device: self.device.name.clone(), what, found, expected }
    }
}

impl backend::Probe for Probe {
    fn most_doublings(&self) -> u32 {
        MOST_DOUBLINGS
    }

    fn multiply_adds(&mut self, doublings: u32) -> Answer<'_, Timed> {
        Box::pin(self.chains(doublings))
    }

    fn copies(&mut self, doublings: u32) -> Answer<'_, Timed> {
        Box::pin(self.copied(doublings))
    }
}

impl Kernel {
    /// Compiles a shader for two buffers.
    fn new(
        device: &Device,
        name: &'static str,
        source: &str,
        constants: &[(&str, f64)],
        buffers: [&Buffer; 2],
    ) -> Self {
        let module = device.gpu.create_shader_module(ShaderModuleDescriptor {
            label: Some(name),
            source: ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.gpu.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(name),
            layout: None,
            module: &module,
            entry_point: None,
            compilation_options: PipelineCompilationOptions { constants, ..Default::default() },
            cache: None,
        });
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let buffers = device.gpu.create_bind_group(&BindGroupDescriptor {
            label: Some(name),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Self { pipeline, buffers }
    }

    fn record(&self, pass: &mut ComputePass, workgroups: u32) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.buffers, &[]);
        pass.dispatch_workgroups(workgroups, 1, 1);
    }
}

/// What an invocation of `peak_flops` leaves: the sum of its chains, the first of which begins at `start`, the next one
/// higher and so on, and each of which gains 1 a step.
fn chains_sum(start: u32, iterations: u32) -> f32 {
    let starts: u32 = (start..start + CHAINS).sum();
    (starts + CHAINS * STEPS * iterations) as f32
}

/// What `peak_bytes` makes of a 0 by this many copies.
fn copied_word(number: u32, copies: u32) -> u32 {
    STEP.wrapping_mul(number).wrapping_mul(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_the_longest_chains_is_exact() {
        let most_iterations = FEWEST_ITERATIONS << (MOST_DOUBLINGS - (MOST_WORKGROUPS / FEWEST_WORKGROUPS).ilog2());
        assert_eq!(most_iterations, 1 << 14);
        let sum = chains_sum(MOST_STARTS + MOST_INVOCATIONS, most_iterations);
        assert!(sum < 1.0 / f32::EPSILON, "{sum} can be told from its neighbours");
        assert!(sum > chains_sum(MOST_STARTS + MOST_INVOCATIONS, most_iterations - 1));
    }
}
