//! One opened GPU: its buffers, its queue, and its failures as [`Error`]s.

use std::sync::{Arc, Mutex, PoisonError};

use bytemuck::{NoUninit, Pod};
use wgpu::{
    Adapter, Buffer, BufferAsyncError, BufferDescriptor, BufferUsages, CommandEncoder, CommandEncoderDescriptor,
    DeviceDescriptor, Features, Limits, PollType, SubmissionIndex,
};

use super::adapters;
use super::layout::{INVOCATIONS, STORAGE_BUFFERS, VEC4, WINDOW};
use super::mapping::Mapping;
use super::plan::{Class, Plan, Row};
use crate::backend::Error;
use crate::net::Shape;

/// An opened GPU.
///
/// wgpu reports some failures to callbacks, long after the call that caused them; the callbacks keep the first one
/// (or that the device is lost), and [`Device::check`] returns it.
#[derive(Clone, Debug)]
pub struct Device {
    pub(super) name: String,
    pub(super) gpu: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    class: Class,
    row: Row,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Device {
    /// Opens the adapter with WebGPU's core limits, but for the sizes of buffers, which may be as large as it allows.
    ///
    /// # Errors
    /// [`Error::Unfit`] or [`Error::NoDevice`].
    pub async fn open(adapter: &Adapter) -> Result<Self, Error> {
        let adapter_info = adapter.get_info();
        let name = adapters::name(&adapter_info);
        let most = adapter.limits();
        let needs = [
            ("storage buffers a kernel", most.max_storage_buffers_per_shader_stage, STORAGE_BUFFERS),
            ("invocations a workgroup", most.max_compute_invocations_per_workgroup, INVOCATIONS),
        ];
        for (what, has, needs) in needs {
            if has < needs {
                return Err(Error::Unfit { adapter: name, what, has: has.into(), needs: needs.into() });
            }
        }
        let limits = Limits {
            max_buffer_size: most.max_buffer_size,
            max_storage_buffer_binding_size: most.max_storage_buffer_binding_size,
            ..Limits::default().or_worse_values_from(&most)
        };
        // Only the time of single kernels needs it.
        let features = adapter.features() & Features::TIMESTAMP_QUERY;
        let descriptor =
            DeviceDescriptor { required_limits: limits, required_features: features, ..Default::default() };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| Error::NoDevice { adapter: name.clone(), reason: one_line(&error.to_string()) })?;

        let class = Class::of(&adapter_info);
        let failure = Arc::new(Mutex::new(None::<Error>));
        let (seen, adapter) = (failure.clone(), name.clone());
        device.on_uncaptured_error(Arc::new(move |error| {
            let adapter = adapter.clone();
            let error = match error {
                wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory { adapter },
                other => Error::Refused { adapter, reason: one_line(&other.to_string()) },
            };
            seen.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }));
        let (seen, adapter) = (failure.clone(), name.clone());
        device.set_device_lost_callback(move |_, reason| {
            // It is the cause of all other reports.
            let lost = Error::Lost { adapter: adapter.clone(), reason: one_line(&reason) };
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(lost);
        });
        Ok(Self { name, gpu: device, queue, class, row: Row::of(class), failure })
    }

    /// The same GPU, whose networks run by this plan wherever it fits: for measurements and tests.
    #[must_use]
    pub fn with_plan(self, plan: Plan) -> Self {
        self.with_row(Row::all(plan))
    }

    /// The same GPU with another row than the table's.
    #[must_use]
    pub fn with_row(self, row: Row) -> Self {
        Self { row, ..self }
    }

    /// What the GPU is made of.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// The plan of a network on this GPU.
    #[must_use]
    pub fn plan(&self, shape: Shape) -> Plan {
        self.row.plan(shape)
    }

    /// The first failure that the device has reported, if any.
    ///
    /// # Errors
    /// That failure.
    pub fn check(&self) -> Result<(), Error> {
        // The callbacks run while the device is polled, and report its errors too.
        let _ = self.gpu.poll(PollType::Poll);
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Lets the GPU go: every later call reports it as lost.
    pub fn destroy(&self) {
        self.gpu.destroy();
    }

    /// Checks that a storage buffer of this size can be made and bound. `instead` says what would make it smaller.
    pub(super) fn check_size(&self, what: &'static str, bytes: u64, instead: &'static str) -> Result<(), Error> {
        let limits = self.gpu.limits();
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if bytes > most {
            return Err(Error::TooLarge { what, bytes, adapter: self.name.clone(), most, instead });
        }
        Ok(())
    }

    /// A buffer of zeros for kernels to read and write.
    pub(super) fn storage(&self, label: &str, bytes: u64) -> Buffer {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.gpu.create_buffer(&BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false })
    }

    /// A storage buffer that can also be bound a window at a time, with room for a whole one wherever it begins.
    pub(super) fn windowed(&self, label: &str, bytes: u64) -> Buffer {
        let usage = BufferUsages::STORAGE | BufferUsages::UNIFORM | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let size = bytes + (WINDOW * VEC4 * size_of::<f32>()) as u64;
        self.gpu.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
    }

    /// A small buffer for the values that a kernel is called with.
    pub(super) fn uniform(&self, label: &str, bytes: u64) -> Buffer {
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        self.gpu.create_buffer(&BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false })
    }

    /// A buffer that kernels only read, with its contents.
    pub(super) fn constant<T: NoUninit>(&self, label: &str, contents: &[T]) -> Buffer {
        let buffer = self.gpu.create_buffer(&BufferDescriptor {
            label: Some(label),
            size: size_of_val(contents) as u64,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        // Not wgpu's create_buffer_init, which panics where there is no memory.
        self.write(&buffer, contents);
        buffer
    }

    /// Puts the values at the start of the buffer, before anything that is submitted later.
    pub(super) fn write<T: NoUninit>(&self, buffer: &Buffer, values: &[T]) {
        self.queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
    }

    /// Records commands and submits them, without waiting.
    pub(super) fn submit(&self, record: impl FnOnce(&mut CommandEncoder)) -> SubmissionIndex {
        let mut encoder = self.gpu.create_command_encoder(&CommandEncoderDescriptor::default());
        record(&mut encoder);
        self.queue.submit([encoder.finish()])
    }

    /// The first `count` values of each buffer as they are after everything submitted so far. The copies are on their
    /// way when this returns, and the answer waits for nothing that is submitted later.
    pub(super) fn read<T: Pod>(
        &self,
        wanted: &[(&Buffer, usize)],
    ) -> impl Future<Output = Result<Vec<Vec<T>>, Error>> + use<T> {
        let bytes = |count: usize| (count * size_of::<T>()) as u64;
        let copies: Vec<Buffer> = wanted
            .iter()
            .map(|(_, count)| {
                self.gpu.create_buffer(&BufferDescriptor {
                    label: Some("readback"),
                    size: bytes(*count),
                    usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            })
            .collect();
        let submission = self.submit(|encoder| {
            for ((buffer, count), copy) in wanted.iter().zip(&copies) {
                encoder.copy_buffer_to_buffer(buffer, 0, copy, 0, bytes(*count));
            }
        });
        let checked = self.check();
        let mapping = checked.is_ok().then(|| Mapping::of(&copies));
        let device = self.clone();
        async move {
            checked?;
            // In a browser this returns at once, and the page runs on until the buffers are mapped.
            let waited = device.gpu.poll(PollType::Wait { submission_index: Some(submission), timeout: None });
            device.check()?;
            waited.map_err(|error| device.refused(&error))?;
            let is_mapped = if let Some(mapping) = mapping { mapping.await } else { false };
            device.check()?;
            if !is_mapped {
                return Err(device.refused(&BufferAsyncError));
            }
            let values = |copy: &Buffer| {
                let mapped = copy.get_mapped_range(..).map_err(|error| device.refused(&error))?;
                Ok(bytemuck::pod_collect_to_vec(&mapped))
            };
            copies.iter().map(values).collect()
        }
    }

    fn refused(&self, reason: &dyn std::error::Error) -> Error {
        Error::Refused { adapter: self.name.clone(), reason: one_line(&reason.to_string()) }
    }
}

/// A driver's message on one line.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
