//! A network on one device with its images: alone, or as one of several replicas that train together.
//!
//! Every replica has the same parameters, all training images, and a part of each batch. It trains on its own for some steps; then all
//! go on from the mean of their parameters and slots, weighted by their parts (local SGD, Stich 2019). With a mean after every
//! step, that is the step of one network on the whole batch: an update of SGD or momentum is linear in the gradient. The other
//! optimisers then share the mean gradient instead.

use std::ops::Range;
use std::sync::Arc;

use super::events::{Error, Evaluations};
use super::images::{Images, Sets};
use crate::backend::{Backend, Evaluation, Pending, ready};
use crate::clock::Instant;
use crate::data::Store;
use crate::data::batches::Batches;
use crate::net::Params;
use crate::net::state::State;
use crate::peers::Peers;
use crate::selftest;
use crate::threads::part;

/// The images of a run, for one device or several.
#[derive(Clone, Debug)]
pub struct SplitStores {
    /// The training images.
    pub train: Arc<Store>,
    /// The validation images, if there are some.
    pub validation: Option<Arc<Store>>,
    /// The test images.
    pub test: Arc<Store>,
}

impl SplitStores {
    /// Uploads all splits to a backend.
    ///
    /// # Errors
    /// The device fails, or the images cannot be read.
    pub async fn upload(&self, backend: &mut Backend) -> Result<Sets, Error> {
        let Self { train, validation, test } = self;
        let train = Images::new(backend, train.clone()).await?;
        let validation = match validation {
            Some(validation) => Some(Images::new(backend, validation.clone()).await?),
            None => None,
        };
        Ok(Sets { train, validation, test: Images::new(backend, test.clone()).await? })
    }

    /// The part of every split that one of several replicas evaluates.
    fn part(&self, rank: usize, size: usize) -> Result<Self, Error> {
        let of = |store: &Arc<Store>| {
            let images = store.len();
            if images < size {
                return Err(Error::FewerImages { images, replicas: size });
            }
            Ok(Arc::new(store.slice(part(images, rank, size))?))
        };
        let validation = self.validation.as_ref().map(of).transpose()?;
        Ok(Self { train: of(&self.train)?, validation, test: of(&self.test)? })
    }
}

/// The images of one of several replicas, on its device.
#[derive(Debug)]
pub struct ReplicaImages {
    /// All training images.
    train: Images,
    /// The part of every split that it evaluates.
    evaluated: Sets,
}

impl ReplicaImages {
    /// Uploads the images of the replica of this rank to its backend.
    ///
    /// # Errors
    /// The device fails, the images cannot be read, or there are fewer of them than replicas.
    pub async fn upload(backend: &mut Backend, stores: &SplitStores, rank: usize, size: usize) -> Result<Self, Error> {
        let evaluated = stores.part(rank, size)?.upload(backend).await?;
        Ok(Self { train: Images::new(backend, stores.train.clone()).await?, evaluated })
    }
}

/// A network on one device, its images and its batches.
pub struct Replica<'a> {
    pub(super) backend: &'a mut Backend,
    /// The images that it trains on.
    pub(super) train: Images,
    pub(super) batches: &'a mut Batches,
    role: Role<'a>,
}

enum Role<'a> {
    /// It has these other splits.
    Alone {
        validation: Option<Images>,
        test: Images,
    },
    Member(Box<Member<'a>>),
}

/// One of several replicas.
struct Member<'a> {
    peers: &'a mut (dyn Peers + 'a),
    /// Steps from one mean to the next.
    average_every: u64,
    /// Its images of each batch.
    part: Range<usize>,
    /// Its weight in a mean, and that of all: whole numbers, as a share like 1/5 would be a little too large in every mean.
    weights: [f32; 2],
    /// The part of every split that it evaluates.
    evaluated: Sets,
    /// The values of a sum. The memory stays.
    values: Vec<f32>,
    /// Whether this replica was asked to stop, and whether any was.
    stops: bool,
    is_stopped: bool,
}

/// What the leader says that all do next.
#[derive(Clone, Copy)]
enum Order {
    Train { first: u64, steps: u64 },
    Evaluate,
    SetState { steps: u64 },
    End,
}

impl Order {
    /// Tells the others, or hears what the leader tells.
    fn share(order: Option<Self>, peers: &mut dyn Peers) -> Result<Self, Error> {
        let mut words: [u64; 3] = match order {
            None | Some(Self::End) => [0; 3],
            Some(Self::Train { first, steps }) => [1, first, steps],
            Some(Self::Evaluate) => [2, 0, 0],
            Some(Self::SetState { steps }) => [3, steps, 0],
        };
        peers.broadcast(bytemuck::cast_slice_mut(&mut words))?;
        Ok(match words {
            [1, first, steps] => Self::Train { first, steps },
            [2, ..] => Self::Evaluate,
            [3, steps, _] => Self::SetState { steps },
            _ => Self::End,
        })
    }
}

/// Evaluations of the splits that are started.
pub(super) struct PendingEvaluations {
    train: Pending<Evaluation>,
    validation: Option<Pending<Evaluation>>,
    test: Pending<Evaluation>,
}

impl PendingEvaluations {
    pub async fn answers(self) -> Result<Evaluations, Error> {
        let Self { train, validation, test } = self;
        let train = train.await?;
        let validation = match validation {
            Some(validation) => Some(validation.await?),
            None => None,
        };
        Ok(Evaluations { train, validation, test: test.await? })
    }
}

impl<'a> Replica<'a> {
    /// The only one. The batches are of the backend's size.
    #[must_use]
    pub fn alone(backend: &'a mut Backend, sets: Sets, batches: &'a mut Batches) -> Self {
        let Sets { train, validation, test } = sets;
        Self { backend, train, batches, role: Role::Alone { validation, test } }
    }

    /// One of several, each in a thread or a process of its own. The batches are everyone's; the backend is made for
    /// [`Replica::batch_size`] images. After every `average_every` steps, 1 or more, and before an evaluation, all take the mean.
    #[must_use]
    pub fn one_of_several(
        backend: &'a mut Backend,
        images: ReplicaImages,
        batches: &'a mut Batches,
        peers: &'a mut (dyn Peers + 'a),
        average_every: u64,
    ) -> Self {
        let ReplicaImages { train, evaluated } = images;
        let part = part(batches.batch_size(), peers.rank(), peers.size());
        let weights = if batches.batch_size().is_multiple_of(peers.size()) {
            [1, peers.size()]
        } else {
            [part.len(), batches.batch_size()]
        };
        let weights = weights.map(|weight| weight as f32);
        let average_every = average_every.max(1);
        let (values, stops, is_stopped) = (Vec::new(), false, false);
        let member = Member { peers, average_every, part, weights, evaluated, values, stops, is_stopped };
        Self { backend, train, batches, role: Role::Member(Box::new(member)) }
    }

    /// The images that one of several replicas has of each batch.
    #[must_use]
    pub fn batch_size(of_all: usize, rank: usize, size: usize) -> usize {
        part(of_all, rank, size).len()
    }

    /// The steps between two means. Chunks of steps are multiples of it.
    pub(super) fn average_every(&self) -> u64 {
        match &self.role {
            Role::Alone { .. } => 1,
            Role::Member(member) => member.average_every,
        }
    }

    /// The number of answers to keep pending. Replicas that train together wait for each other, so there is one.
    pub(super) fn ahead(&self) -> usize {
        match &self.role {
            Role::Alone { .. } => self.backend.ahead(),
            Role::Member(_) => 1,
        }
    }

    /// Whether another replica was asked to stop.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(&self.role, Role::Member(member) if member.is_stopped)
    }

    /// Tests the device. Returns the state, which is the same as before, and which all replicas have from now on.
    pub(super) async fn begin(&mut self) -> Result<State, Error> {
        let state = selftest::training(self.backend).await?;
        if let Role::Member(_) = self.role {
            self.set_state(&state).await?;
        }
        Ok(state)
    }

    /// Starts the steps from `first` on, with a learning rate for each. `next` are the number and the first of the steps after
    /// these, if they are known. Returns their losses after the time when the batches were drawn.
    pub(super) async fn train(
        &mut self,
        first: u64,
        rates: &[f32],
        next: Option<(u64, usize)>,
    ) -> Result<(Instant, Pending<Vec<f32>>), Error> {
        let Role::Member(member) = &mut self.role else {
            let indices = self.batches.indices(first, rates.len());
            let next = next.map(|(first, steps)| self.batches.indices(first, steps));
            let since = Instant::now();
            return Ok((since, self.train.train(self.backend, indices, next, rates).await?));
        };
        Order::share(Some(Order::Train { first, steps: rates.len() as u64 }), member.peers)?;
        let mut rates = rates.to_vec();
        member.peers.broadcast(bytemuck::cast_slice_mut(&mut rates))?;
        let indices = member.indices(self.batches, first, rates.len());
        let since = Instant::now();
        let losses = member.train(self.backend, &mut self.train, &indices, &rates).await?;
        Ok((since, ready(Ok(losses))))
    }

    /// Starts an evaluation of every split.
    pub(super) async fn evaluate(&mut self) -> Result<PendingEvaluations, Error> {
        match &mut self.role {
            Role::Alone { validation, test } => {
                evaluate(self.backend, &mut self.train, validation.as_mut(), test).await
            }
            Role::Member(member) => {
                Order::share(Some(Order::Evaluate), member.peers)?;
                let Evaluations { train, validation, test } = member.evaluate(self.backend).await?;
                let [train, test] = [train, test].map(|evaluation| ready(Ok(evaluation)));
                let validation = validation.map(|evaluation| ready(Ok(evaluation)));
                Ok(PendingEvaluations { train, validation, test })
            }
        }
    }

    /// The state of all replicas.
    pub(super) fn state(&mut self) -> Pending<State> {
        self.backend.state()
    }

    /// Sets the state of all replicas.
    pub(super) async fn set_state(&mut self, state: &State) -> Result<(), Error> {
        if let Role::Member(member) = &mut self.role {
            Order::share(Some(Order::SetState { steps: state.steps }), member.peers)?;
            broadcast(&mut state.clone(), member.peers)?;
        }
        Ok(self.backend.set_state(state).await?)
    }

    /// Ends the work of the other replicas.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        let Role::Member(member) = &mut self.role else { return Ok(()) };
        Order::share(Some(Order::End), member.peers)?;
        member.check_equality(self.backend).await
    }

    /// Does what the leader says until it ends. `stops` is asked now and then whether the run should end.
    ///
    /// # Errors
    /// The device fails, the images cannot be read, or another replica fails.
    pub async fn follow(&mut self, stops: &dyn Fn() -> bool) -> Result<(), Error> {
        let Self { backend, train, batches, role: Role::Member(member) } = self else { return Ok(()) };
        let shape = backend.net().shape;
        let mut state = selftest::training(backend).await?;
        loop {
            member.stops = stops();
            match Order::share(None, member.peers)? {
                Order::Train { first, steps } => {
                    let mut rates = vec![0.0; steps as usize];
                    member.peers.broadcast(bytemuck::cast_slice_mut(&mut rates))?;
                    let indices = member.indices(batches, first, rates.len());
                    member.train(backend, train, &indices, &rates).await?;
                }
                Order::Evaluate => {
                    member.evaluate(backend).await?;
                }
                Order::SetState { steps } => {
                    state.steps = steps;
                    state.slots.resize_with(backend.optimizer().slots(), || Params::zeros(shape));
                    broadcast(&mut state, member.peers)?;
                    backend.set_state(&state).await?;
                }
                Order::End => return member.check_equality(backend).await,
            }
        }
    }
}

impl Member<'_> {
    /// The indices of this replica's images in the batches of some steps, `[steps, images of its part]`.
    fn indices(&self, batches: &mut Batches, first: u64, steps: usize) -> Vec<u32> {
        let all = batches.indices(first, steps);
        let mut indices = Vec::with_capacity(steps * self.part.len());
        for batch in all.chunks_exact(batches.batch_size()) {
            indices.extend_from_slice(&batch[self.part.clone()]);
        }
        indices
    }

    /// This replica's share of some steps. Returns everyone's losses.
    async fn train(
        &mut self,
        backend: &mut Backend,
        train: &mut Images,
        indices: &[u32],
        rates: &[f32],
    ) -> Result<Vec<f32>, Error> {
        let own = self.part.len();
        let every = self.average_every as usize;
        let shares_gradients = self.shares_gradients(backend);
        let mut losses = Vec::with_capacity(rates.len());
        for (rates, indices) in rates.chunks(every).zip(indices.chunks(every.saturating_mul(own))) {
            if shares_gradients {
                let (loss, mut gradient) = train.gradient(backend, indices).await?;
                losses.extend(self.mean([&mut gradient], vec![loss])?);
                backend.apply(&gradient, rates[0]).await?;
                continue;
            }
            let mut own_losses = Vec::with_capacity(rates.len());
            let at_a_time = train.most_images() / own;
            for (rates, indices) in rates.chunks(at_a_time).zip(indices.chunks(at_a_time.saturating_mul(own))) {
                own_losses.extend(train.train(backend, indices.to_vec(), None, rates).await?.await?);
            }
            let mut state = backend.state().await?;
            losses.extend(self.mean(std::iter::once(&mut state.params).chain(&mut state.slots), own_losses)?);
            backend.set_state(&state).await?;
        }
        Ok(losses)
    }

    /// The evaluations of all parts of the splits together.
    async fn evaluate(&mut self, backend: &mut Backend) -> Result<Evaluations, Error> {
        if self.shares_gradients(backend) {
            // Other hardware rounds the same update otherwise.
            let mut state = backend.state().await?;
            broadcast(&mut state, self.peers)?;
            backend.set_state(&state).await?;
        }
        let Sets { train, validation, test } = &mut self.evaluated;
        let mut evaluations = evaluate(backend, train, validation.as_mut(), test).await?.answers().await?;
        let mut values = Vec::new();
        for Evaluation { images, loss, confusion, .. } in evaluations.each() {
            values.extend([*images as f64, *loss * *images as f64]);
            values.extend(confusion.iter().map(|&count| f64::from(count)));
        }
        self.peers.sum_f64(&mut values)?;
        let mut values = values.into_iter();
        for Evaluation { images, loss, confusion, .. } in evaluations.each() {
            let [all, sum] = std::array::from_fn(|_| values.next().unwrap_or_default());
            (*images, *loss) = (all as usize, sum / all);
            confusion.iter_mut().zip(&mut values).for_each(|(count, sum)| *count = sum as u32);
        }
        Ok(evaluations)
    }

    /// Checks that all replicas have the leader's parameters, to the bit.
    async fn check_equality(&mut self, backend: &mut Backend) -> Result<(), Error> {
        let own = backend.state().await?;
        let mut leader = own.clone();
        broadcast(&mut leader, self.peers)?;
        let bits =
            |params: &Params| params.tensors().map(|tensor| bytemuck::cast_slice::<_, u32>(tensor.values).to_vec());
        let differs = !self.shares_gradients(backend) && bits(&own.params) != bits(&leader.params);
        let mut different = [f64::from(u8::from(differs))];
        self.peers.sum_f64(&mut different)?;
        if different[0] > 0.0 { Err(Error::Differ) } else { Ok(()) }
    }

    /// Whether each step is an update by the mean gradient, as the mean of such updates would be another.
    fn shares_gradients(&self, backend: &Backend) -> bool {
        self.average_every == 1 && !backend.optimizer().rule.is_linear()
    }

    /// Replaces the parameters by everyone's mean. Returns the mean losses, too.
    fn mean<'p>(
        &mut self,
        params: impl IntoIterator<Item = &'p mut Params>,
        losses: Vec<f32>,
    ) -> Result<Vec<f32>, Error> {
        let Self { peers, weights: [weight, all], values, stops, .. } = self;
        let mut losses = losses;
        let mut tensors: Vec<&mut Vec<f32>> = params.into_iter().flat_map(Params::values_mut).collect();
        tensors.push(&mut losses);
        values.clear();
        for tensor in &tensors {
            values.extend(tensor.iter().map(|value| *weight * value));
        }
        values.push(f32::from(u8::from(*stops)));
        peers.sum(values)?;
        let mut first = 0;
        for tensor in tensors {
            let end = first + tensor.len();
            tensor.iter_mut().zip(&values[first..end]).for_each(|(mean, sum)| *mean = sum / *all);
            first = end;
        }
        self.is_stopped |= self.values[first] > 0.0;
        Ok(losses)
    }
}

/// Starts an evaluation of these images.
async fn evaluate(
    backend: &mut Backend,
    train: &mut Images,
    validation: Option<&mut Images>,
    test: &mut Images,
) -> Result<PendingEvaluations, Error> {
    Ok(PendingEvaluations {
        train: train.evaluate(backend).await?,
        validation: match validation {
            Some(validation) => Some(validation.evaluate(backend).await?),
            None => None,
        },
        test: test.evaluate(backend).await?,
    })
}

/// Replaces the values of everyone's state by those of the leader's.
fn broadcast(state: &mut State, peers: &mut dyn Peers) -> Result<(), Error> {
    for params in std::iter::once(&mut state.params).chain(&mut state.slots) {
        for values in params.values_mut() {
            peers.broadcast(bytemuck::cast_slice_mut(values))?;
        }
    }
    Ok(())
}
