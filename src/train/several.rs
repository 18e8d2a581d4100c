//! Replicas on several devices of this process: the first leads in the calling thread, each other follows in one of its own.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use pollster::block_on;

use super::events::{Done, Error, Event, Outcome, Settings};
use super::replica::{Replica, ReplicaImages};
use super::run::lead;
use crate::backend::{self, Backend};
use crate::data::batches::Batches;
use crate::peers::Gone;
use crate::peers::threads::{Member, members};
use crate::threads;

/// One of the devices of a run.
pub struct Device {
    /// What errors call it.
    pub name: String,
    /// Its network, for [`Replica::batch_size`] images.
    pub backend: Backend,
    /// Its images.
    pub images: ReplicaImages,
}

/// A run on several devices of this process.
pub struct Several<'a> {
    /// All devices, in the order of their ranks. Their networks are in the same state.
    pub devices: Vec<Device>,
    /// The batches of all devices together.
    pub batches: &'a Batches,
    /// Steps from one mean of the parameters to the next, 1 or more.
    pub average_every: u64,
}

/// As [`continue_training`](super::continue_training), on several devices.
///
/// # Errors
/// Those of [`train`](super::train), with the device's name; [`Error::Differ`]; and a system without threads.
pub fn train_on_several(
    several: Several,
    settings: &Settings,
    done: Done,
    on_event: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, Error> {
    let Several { devices, batches, average_every } = several;
    let failures = Mutex::new(Vec::new());
    let keep = |name: String, reason: Error| {
        failures.lock().unwrap_or_else(PoisonError::into_inner).push((name, reason));
    };
    let follow = |(mut member, device): (Member, Device)| {
        let Device { name, mut backend, images } = device;
        let mut batches = batches.clone();
        let mut replica = Replica::one_of_several(&mut backend, images, &mut batches, &mut member, average_every);
        // The others learn of it when the member is dropped, and the reason is known by then.
        if let Err(reason) = block_on(replica.follow(&|| false)) {
            keep(name, reason);
        }
    };
    let mut outcome = None;
    let mut members = members(devices.len()).into_iter().zip(devices);
    let first = members.next();
    let together = threads::together(members, follow, || {
        let Some((mut member, Device { name, mut backend, images })) = first else { return };
        let mut batches = batches.clone();
        let replica = Replica::one_of_several(&mut backend, images, &mut batches, &mut member, average_every);
        match block_on(lead(replica, settings, done, on_event)) {
            Ok(led) => outcome = Some(led),
            Err(reason) => keep(name, reason),
        }
    });
    together.map_err(backend::Error::from)?;
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    // All others fail with the first one, and only its own error says why.
    match failures.into_iter().find(|(_, reason)| !matches!(reason, Error::Gone(_))) {
        Some((_, Error::Differ)) => Err(Error::Differ),
        Some((device, reason)) => Err(Error::Replica { device, reason: Box::new(reason) }),
        None => outcome.ok_or(Error::Gone(Gone)),
    }
}
