//! Training as another rank of an MPI job than the first.

use pollster::block_on;

use super::data::choice::TrainedOn;
use super::interrupt::is_requested;
use super::replicas::{Job, Networks, own_device};
use super::{Error, train};
use crate::data::batches::Batches;
use crate::data::{Stores, fingerprint};
use crate::net::method::Method;
use crate::net::state::State;
use crate::net::{Net, Params, Shape};
use crate::peers::{Peers, Ranks};
use crate::report::progress::Progress;
use crate::train::{Replica, ReplicaImages};

/// Trains as another rank than the first, by what that says. Nothing is shown or written.
pub(super) fn follow(arguments: &train::Arguments, ranks: &mut Ranks) -> Result<(), Error> {
    let mut progress = Progress::silent();
    let mut job = String::new();
    ranks.share(&mut job);
    let Some(Job { settings, data, fingerprint: of_first }) = serde_json::from_str(&job)? else { return Ok(()) };
    let (info, device) = arguments.device.open_of_rank(ranks.local(), &progress)?;
    ranks.gather(&own_device(ranks, &info)?);
    let (classes, trained_on) = (data.classes, TrainedOn::of(data));
    let (stores, _) = arguments.data.open_or(trained_on.as_ref(), &mut progress)?;
    if fingerprint(&stores)? != of_first {
        return Err(Error::OtherImages);
    }
    let Stores { train, test, .. } = stores;
    let stores = train::split(train, test, settings.validation, settings.seed)?;
    let shape = Shape { input: settings.input, hidden: settings.hidden, classes };
    let zeros = || Params::zeros(shape);
    let optimizer = settings.optimizer();
    let networks = Networks {
        net: Net { shape, activation: settings.activation, output: settings.output },
        method: settings.step_size.map_or(Method::Backprop, |step_size| Method::Numerical { step_size }),
        optimizer,
        batch_size: settings.batch_size,
        // The first rank sends its own.
        state: State { params: zeros(), slots: vec![zeros(); optimizer.slots()], steps: 0 },
    };
    let mut batches = Batches::new(settings.seed, settings.sampling, settings.batch_size, stores.train.len());
    block_on(async {
        let mut backend = networks.make(&device, ranks.rank(), ranks.size()).await?;
        let images = ReplicaImages::upload(&mut backend, &stores, ranks.rank(), ranks.size()).await?;
        let every = settings.average_every.unwrap_or(1);
        Replica::one_of_several(&mut backend, images, &mut batches, ranks, every).follow(&is_requested).await
    })?;
    Ok(())
}
