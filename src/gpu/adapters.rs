//! The GPUs of this machine, in the order in which they are preferred.

use wgpu::{Adapter, AdapterInfo, Backend, Backends, DeviceType, Instance, InstanceDescriptor};

/// Every adapter that can run a compute kernel: discrete GPUs first, then integrated, virtual, and software last; among
/// equals Vulkan, Metal, Direct3D 12, then OpenGL. Honours `WGPU_BACKEND` and the environment variables by which wgpu sets
/// up a backend, but not `WGPU_POWER_PREF`, as nothing is left to prefer.
///
/// The order is the same at every start, so that a place in it can stand for a device. Empty where there is no driver.
pub async fn list() -> Vec<Adapter> {
    let descriptor = InstanceDescriptor::new_without_display_handle_from_env();
    // The no-op backend claims every feature and computes nothing.
    let backends = descriptor.backends - Backends::NOOP;
    let mut adapters = Instance::new(descriptor).enumerate_adapters(backends).await;
    adapters
        .retain(|adapter| adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS));
    // Stable, so two equal cards keep the driver's order.
    adapters.sort_by_key(|adapter| preference(&adapter.get_info()));
    adapters
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
