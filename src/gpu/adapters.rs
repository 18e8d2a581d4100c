//! The GPUs of this machine, in the order in which they are preferred.

use std::future::poll_fn;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use wgpu::{Adapter, AdapterInfo, Backend, Backends, DeviceType, Instance, InstanceDescriptor};

/// Every adapter that can run a compute kernel: discrete GPUs first, then integrated, virtual, and software last; among
/// equals Vulkan, Metal, Direct3D 12, then OpenGL. Honours `WGPU_BACKEND` and the environment variables by which wgpu sets
/// up a backend, but not `WGPU_POWER_PREF`, as nothing is left to prefer.
///
/// The order is the same at every start, so that an index names a device. Empty where there is no driver.
pub async fn list() -> Vec<Adapter> {
    let mut adapters = without_panic(async {
        let descriptor = InstanceDescriptor::new_without_display_handle_from_env();
        // The no-op backend claims every feature and computes nothing.
        let backends = descriptor.backends - Backends::NOOP;
        Instance::new(descriptor).enumerate_adapters(backends).await
    })
    .await
    .unwrap_or_default();
    adapters
        .retain(|adapter| adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS));
    // Stable, so two equal cards keep the driver's order.
    adapters.sort_by_key(|adapter| preference(&adapter.get_info()));
    adapters
}

/// An adapter's name. Most browsers keep it to themselves.
#[must_use]
pub fn name(info: &AdapterInfo) -> String {
    if info.name.is_empty() { "the GPU".to_owned() } else { info.name.clone() }
}

/// The result of a future; none if it panics, as wgpu does if a driver has no memory left. The panic's message is not shown.
async fn without_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        panic::set_hook(hook);
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

/// Whether a value of `WGPU_BACKEND` allows a backend that GPUs can be listed under.
pub(crate) fn names_a_backend(value: &str) -> bool {
    Backends::from_comma_list(value).intersects(Backends::VULKAN | Backends::METAL | Backends::DX12 | Backends::GL)
}

fn preference(info: &AdapterInfo) -> (u8, u8) {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    };
    let backend = match info.backend {
        Backend::Vulkan => 0,
        Backend::Metal => 1,
        Backend::Dx12 => 2,
        Backend::BrowserWebGpu => 3,
        Backend::Gl => 4,
        Backend::Noop => 5,
    };
    (kind, backend)
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;

    #[test]
    fn an_adapter_without_a_name_is_called_something() {
        let mut info = AdapterInfo::new(DeviceType::Other, Backend::BrowserWebGpu);
        assert_eq!(name(&info), "the GPU");
        info.name = "llvmpipe".to_owned();
        assert_eq!(name(&info), "llvmpipe");
    }

    #[test]
    fn a_panic_is_no_answer() {
        assert_eq!(block_on(without_panic(async { 7 })), Some(7));
        assert_eq!(block_on(without_panic(async { [7].get(1).copied().unwrap() })), None);
    }
}
