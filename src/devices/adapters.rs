//! GPUs as devices.

use wgpu::{Adapter, AdapterInfo, DeviceType};

use super::info::{Card, CardKind, Hardware, Info, Kind};
use crate::gpu::adapters;
use crate::gpu::plan::Class;

/// Every GPU, by preference; their places among the devices are still to be given.
pub async fn list() -> Vec<(Info, Adapter)> {
    let named = |adapter: Adapter| (named(&adapter.get_info()), adapter);
    adapters::list().await.into_iter().map(named).collect()
}

fn named(info: &AdapterInfo) -> Info {
    Info {
        index: 0,
        kind: Kind::Gpu,
        backend: info.backend.to_string(),
        driver: [info.driver.as_str(), info.driver_info.as_str()].join(" ").trim().to_owned(),
        software: Class::of(info) == Class::Software,
        among_equals: 0,
        hardware: Hardware::Gpu(card(info)),
        name: adapters::name(info),
    }
}

fn card(info: &AdapterInfo) -> Card {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => CardKind::Discrete,
        DeviceType::IntegratedGpu => CardKind::Integrated,
        DeviceType::VirtualGpu => CardKind::Virtual,
        DeviceType::Cpu => CardKind::Software,
        DeviceType::Other => CardKind::Other,
    };
    Card { kind, pci: pci(info.vendor, info.device) }
}

/// PCI's numbers have 16 bits, and neither is 0; larger ones are those of vendors that have none.
fn pci(vendor: u32, device: u32) -> Option<String> {
    let are_given = [vendor, device].iter().all(|number| (1..=0xffff).contains(number));
    are_given.then(|| format!("{vendor:04x}:{device:04x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pci_number_is_left_out() {
        assert_eq!(pci(0x10de, 0x2684).as_deref(), Some("10de:2684"));
        assert_eq!(pci(0x1002, 0x73).as_deref(), Some("1002:0073"));
        // Mesa's own number in Vulkan, and OpenGL, which knows no devices.
        for (vendor, device) in [(0x1_0005, 1), (0x10de, 0), (0, 0)] {
            assert_eq!(pci(vendor, device), None);
        }
    }
}
