//! Training on devices: on one, on several of this process, or on one of each rank of an MPI job.

use std::ops::ControlFlow;

use pollster::block_on;
use serde::{Deserialize, Serialize};

use super::interrupt::is_requested;
use super::{DeviceArguments, Error, cpu_threads};
use crate::backend::{Backend, Kernels};
use crate::data::batches::Batches;
use crate::devices::{self, Choice, Device, Info};
use crate::net::Net;
use crate::net::method::Method;
use crate::net::optimizer::Optimizer;
use crate::net::state::State;
use crate::peers::{Local, Peers, Ranks};
use crate::report::progress::Progress;
use crate::report::summary::{Data, Replica, Settings};
use crate::threads::cores;
use crate::train::{
    Done, Event, Outcome, Replica as Member, ReplicaDevice, ReplicaImages, Several, SplitStores, continue_training,
    lead, train_on_several,
};
use crate::words::counted;

/// The networks of a run.
pub(super) struct Networks {
    pub net: Net,
    pub method: Method,
    pub optimizer: Optimizer,
    /// Images in a batch of all devices together.
    pub batch_size: usize,
    /// Where they start.
    pub state: State,
}

impl Networks {
    /// The network of one of several devices.
    pub async fn make(&self, device: &Device, rank: usize, size: usize) -> Result<Backend, crate::train::Error> {
        let batch_size = Member::batch_size(self.batch_size, rank, size);
        let mut backend = Backend::new(device, self.net, batch_size, &self.state.params).await?;
        backend.set_method(self.method).await?;
        backend.set_optimizer(self.optimizer).await?;
        backend.set_state(&self.state).await?;
        Ok(backend)
    }
}

/// The steps of a run.
pub(super) struct Training<'a> {
    pub networks: Networks,
    pub stores: SplitStores,
    pub batches: Batches,
    pub settings: &'a crate::train::Settings,
    /// The steps between two means of the parameters of several devices.
    pub average_every: u64,
    pub done: Done,
}

impl Training<'_> {
    /// Trains. `on_ready` gets the first device's kernels. `None` if the run is stopped before its first step.
    pub fn run(
        self,
        devices: &[(Info, Device)],
        ranks: Option<&mut Ranks>,
        on_ready: &mut dyn FnMut(Option<Kernels>),
        on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Option<Outcome>, Error> {
        let Self { networks, stores, mut batches, settings, average_every, done } = self;
        let [(_, device), others @ ..] = devices else { return Ok(None) };
        if let Some(ranks) = ranks {
            let outcome = block_on(async {
                let mut backend = networks.make(device, ranks.rank(), ranks.size()).await?;
                let images = ReplicaImages::upload(&mut backend, &stores, ranks.rank(), ranks.size()).await?;
                on_ready(backend.kernels());
                let replica = Member::one_of_several(&mut backend, images, &mut batches, &mut *ranks, average_every);
                lead(replica, settings, done, on_event).await
            })?;
            ranks.end();
            return Ok(Some(outcome));
        }
        if others.is_empty() {
            return block_on(async {
                let mut backend = networks.make(device, 0, 1).await?;
                if is_requested() {
                    return Ok(None);
                }
                let sets = stores.upload(&mut backend).await?;
                // The kernels are chosen by the uploaded images.
                on_ready(backend.kernels());
                Ok(Some(continue_training(&mut backend, sets, &mut batches, settings, done, on_event).await?))
            });
        }
        let mut replicas = Vec::new();
        for (rank, (info, device)) in devices.iter().enumerate() {
            let name = named(info);
            let made = block_on(async {
                let mut backend = networks.make(device, rank, devices.len()).await?;
                let images = ReplicaImages::upload(&mut backend, &stores, rank, devices.len()).await?;
                Ok(ReplicaDevice { name: name.clone(), backend, images })
            });
            let reason = |reason| crate::train::Error::Replica { device: name.clone(), reason: Box::new(reason) };
            replicas.push(made.map_err(reason)?);
            if is_requested() {
                return Ok(None);
            }
        }
        on_ready(replicas[0].backend.kernels());
        let several = Several { devices: replicas, batches: &batches, average_every };
        Ok(Some(train_on_several(several, settings, done, on_event)?))
    }
}

fn named(info: &Info) -> String {
    format!("{} ({})", info.name, info.backend)
}

/// What the first rank of an MPI job tells the others: what is trained, if anything.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub settings: Settings,
    pub data: Data,
    pub fingerprint: String,
}

/// Tells the other ranks what is trained, and hears which devices they have.
pub(super) fn announce(
    ranks: &mut Ranks,
    settings: &Settings,
    data: &Data,
    fingerprint: &str,
    own: &Info,
) -> Result<Vec<Replica>, Error> {
    let job = Job { settings: settings.clone(), data: data.clone(), fingerprint: fingerprint.to_owned() };
    ranks.share(&mut serde_json::to_string(&Some(job))?);
    let devices = ranks.gather(&own_device(ranks, own)?);
    Ok(devices.iter().map(|device| serde_json::from_str(device)).collect::<Result<_, _>>()?)
}

pub(super) fn own_device(ranks: &Ranks, info: &Info) -> Result<String, Error> {
    Ok(serde_json::to_string(&Replica { host: Some(ranks.host().to_owned()), device: info.into() })?)
}

/// Tells the other ranks that there is nothing to train.
pub(super) fn dismiss(ranks: &mut Ranks) -> Result<(), Error> {
    ranks.share(&mut serde_json::to_string(&None::<Job>)?);
    ranks.end();
    Ok(())
}

/// Opens these devices, each with its share of the cores where several are the CPU.
pub(super) fn open_all(
    arguments: &DeviceArguments,
    choices: &[Choice],
    progress: &Progress,
) -> Result<Vec<(Info, Device)>, Error> {
    let cpus = choices.iter().filter(|choice| **choice == Choice::Cpu).count();
    let threads = match arguments.threads {
        None if cpus > 1 => (cores() / cpus).max(1),
        threads => cpu_threads(threads),
    };
    choices.iter().map(|choice| arguments.open_choice(choice, threads, progress)).collect()
}

impl DeviceArguments {
    /// Opens the device of a rank. Those of a machine share its GPUs, or else its cores.
    pub fn open_of_rank(&self, local: Local, progress: &Progress) -> Result<(Info, Device), Error> {
        let choice = self.device.get(local.rank % self.device.len().max(1)).unwrap_or(&Choice::Auto);
        // A launcher may have given each rank cores of its own.
        let own = cores() * local.size <= crate::threads::online().unwrap_or(usize::MAX);
        let threads = match self.threads {
            None if !own => (cores() / local.size).max(1),
            threads => cpu_threads(threads),
        };
        let choice = block_on(devices::of_rank(choice, local.rank));
        self.open_choice(&choice, threads, progress)
    }
}

/// Refuses a batch without an image for each device.
pub(super) fn check_batch(batch_size: usize, devices: usize) -> Result<(), Error> {
    if batch_size >= devices {
        return Ok(());
    }
    let batch = counted(batch_size, "image");
    Err(Error::Usage(format!(
        "a batch of {batch} for {devices} devices; give a --batch-size of {devices} or more, or fewer devices"
    )))
}
