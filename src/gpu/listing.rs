//! The kernels of a network as text: what a GPU would be given, for tools that compile kernels or count what is in them. Made on
//! wgpu's no-op backend, which needs no GPU and runs nothing.

use serde::Serialize;
use wgpu::{Adapter, Backends, Instance, InstanceDescriptor, NoopBackendOptions};

use super::device::Device;
use super::kernels::{Binding, Dispatch};
use super::network::Network;
use super::plan::Row;
use crate::backend::{Error, Network as _};
use crate::net::method::Method;
use crate::net::{Net, Params};

/// The kernels of a network.
#[derive(Debug)]
pub struct Listing {
    /// Which kernels, and how they are set.
    pub plan: String,
    /// Each once, in the order in which they first run.
    pub kernels: Vec<Listed>,
}

/// One kernel of a use.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// What the network does when it runs: training, evaluation, prediction or numerical.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How often it runs: in a step, or for a tile of images.
    pub dispatches: usize,
    /// Workgroups of a dispatch.
    pub workgroups: [u32; 3],
    /// Operations of the formula, of a dispatch; 0 where nobody counts them.
    pub flops: f64,
    /// Bytes that a dispatch reads and writes, each once.
    pub bytes: f64,
    /// What it binds, in the order of the numbers.
    pub bindings: Vec<Bound>,
    /// WGSL.
    #[serde(skip)]
    pub text: String,
}

/// A buffer that a kernel binds.
#[derive(Debug, Serialize)]
pub struct Bound {
    name: String,
    #[serde(rename = "type")]
    access: &'static str,
    dynamic_offset: bool,
}

/// The kernels of a network on the GPUs of a row of the table; where `method` is numerical, also those of its steps.
///
/// # Errors
/// The network is too large.
pub async fn list(row: Row, net: Net, batch_size: usize, method: Method) -> Result<Listing, Error> {
    let device = Device::open(&no_op().await).await?.with_row(row);
    let plan = device.plan(net.shape).to_string();
    let mut network = Network::new(device, net, batch_size, &Params::zeros(net.shape))?;
    network.set_method(method)?;
    let mut kernels: Vec<Listed> = Vec::new();
    for (usage, dispatches) in network.uses()? {
        for dispatch in &dispatches {
            match kernels.iter_mut().find(|kernel| (kernel.usage, kernel.name) == (usage, dispatch.name)) {
                Some(kernel) => kernel.dispatches += 1,
                None => kernels.push(Listed::of(usage, dispatch)),
            }
        }
    }
    Ok(Listing { plan, kernels })
}

impl Listed {
    fn of(usage: &'static str, dispatch: &Dispatch) -> Self {
        let &Dispatch { name, work, ref kernel, workgroups, .. } = dispatch;
        let bound = |binding: &Binding| Bound {
            name: binding.name.clone(),
            access: binding.access.as_str(),
            dynamic_offset: binding.is_row(),
        };
        let bindings = kernel.bindings().iter().map(bound).collect();
        let (flops, bytes, text) = (work.flops, work.bytes, kernel.text());
        Self { usage, name, dispatches: 1, workgroups, flops, bytes, bindings, text }
    }
}

/// The adapter that runs nothing.
async fn no_op() -> Adapter {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::NOOP;
    descriptor.backend_options.noop = NoopBackendOptions { enable: true, ..Default::default() };
    let adapters = Instance::new(descriptor).enumerate_adapters(Backends::NOOP).await;
    adapters.into_iter().next().expect("wgpu is built with it")
}
