//! How long a kernel takes, by the GPU's own clock.

use wgpu::{
    Buffer, BufferDescriptor, BufferUsages, ComputePassDescriptor, ComputePassTimestampWrites, Features,
    QuerySetDescriptor, QueryType,
};

use super::device::Device;
use super::kernels::Dispatch;
use crate::backend::Error;

/// Rounds through the kernels, after one that is not counted.
const ROUNDS: usize = 20;

/// The median seconds of each kernel, run one after the other for some rounds; none where the device has no timestamps.
pub async fn seconds(device: &Device, kernels: &[&Dispatch]) -> Result<Option<Vec<f64>>, Error> {
    if !device.gpu.features().contains(Features::TIMESTAMP_QUERY) {
        return Ok(None);
    }
    let stamps = 2 * kernels.len();
    let queries = device.gpu.create_query_set(&QuerySetDescriptor {
        label: Some("times"),
        ty: QueryType::Timestamp,
        count: stamps as u32,
    });
    let resolved: Buffer = device.gpu.create_buffer(&BufferDescriptor {
        label: Some("times"),
        size: (stamps * size_of::<u64>()) as u64,
        usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    let period = f64::from(device.queue.get_timestamp_period());
    let mut times = vec![Vec::with_capacity(ROUNDS); kernels.len()];
    for round in 0..=ROUNDS {
        device.submit(|encoder| {
            for (at, kernel) in (0..).step_by(2).zip(kernels) {
                let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor {
                    label: None,
                    timestamp_writes: Some(ComputePassTimestampWrites {
                        query_set: &queries,
                        beginning_of_pass_write_index: Some(at),
                        end_of_pass_write_index: Some(at + 1),
                    }),
                });
                kernel.record(&mut pass, 0);
            }
            encoder.resolve_query_set(&queries, 0..stamps as u32, &resolved, 0);
        });
        let ticks = device.read::<u64>(&[(&resolved, stamps)]).await?.concat();
        if round > 0 {
            for (times, ticks) in times.iter_mut().zip(ticks.chunks(2)) {
                // Some drivers give the end first, or nothing at all: a time of 0 or less says so.
                times.push(ticks[1].wrapping_sub(ticks[0]) as i64 as f64 * period * NANOSECOND);
            }
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(Some(times.into_iter().map(median).collect()))
}

const NANOSECOND: f64 = 1e-9;
