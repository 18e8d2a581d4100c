//! A checkpoint of a run: a safetensors file with the network in training, to the last bit, and the run's record in its metadata.

use std::borrow::Cow;
use std::io::{self, Write};

use flate2::Crc;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::summary::{ReadError, Run};
use crate::net::state::State;
use crate::net::{Net, Params, Shape};
use crate::reference::TwoLayerNet;
use crate::train::Snapshot;

/// The metadata's keys of the record and of the losses' checksum.
const RECORD: &str = "run";
const LOSSES: &str = "losses_crc32";

/// A run as far as it has come.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its record.
    pub run: Run,
    /// Its network after `run.iterations` steps.
    pub snapshot: Snapshot<'static>,
    /// The network of its best evaluation, if it has validation images.
    pub best: Option<Params>,
    /// The checksum of the losses of these steps.
    pub losses: Checksum,
}

/// The CRC-32 of losses: of their bytes in f32, little-endian. It tells the losses of a run from those of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum(u32);

impl Checksum {
    /// That of losses.
    #[must_use]
    pub fn of(losses: &[f32]) -> Self {
        let mut sum = Summing::default();
        sum.add(losses);
        sum.checksum()
    }
}

/// A checksum of losses to which more are added.
#[derive(Debug, Default)]
pub struct Summing(Crc);

impl Summing {
    /// Adds losses.
    pub fn add(&mut self, losses: &[f32]) {
        for loss in losses {
            self.0.update(&loss.to_le_bytes());
        }
    }

    /// That of all losses so far.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        Checksum(self.0.sum())
    }
}

/// An error in a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error("cannot be read ({0})")]
    Read(#[from] io::Error),
    /// It is no safetensors file, or a truncated one.
    #[error("is no whole safetensors file ({0})")]
    Format(#[from] safetensors::SafeTensorError),
    /// It has no record.
    #[error("holds no record of a run")]
    NoRecord,
    /// Its record cannot be read.
    #[error(transparent)]
    Record(#[from] ReadError),
    /// A tensor is missing, or does not fit the settings.
    #[error("has no {dtype} tensor {name} of shape {dims:?}, which its settings need")]
    Tensor {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
        /// Its shape.
        dims: Vec<usize>,
    },
    /// A value is infinite or not a number.
    #[error("holds a value in tensor {0} that is not finite")]
    NotFinite(String),
    /// Its record contradicts itself.
    #[error("contradicts itself: {0}")]
    Contradiction(&'static str),
}

/// The value of a tensor's name in slot `slot` of the optimiser.
fn in_slot(slot: usize, name: &str) -> String {
    format!("slots.{slot}.{name}")
}

/// The value of a tensor's name in the best network.
fn in_best(name: &str) -> String {
    format!("best.{name}")
}

/// Writes a checkpoint. `best` is the network of the record's best evaluation.
///
/// # Errors
/// Those of `out`.
pub fn write(
    out: &mut dyn Write,
    run: &Run,
    snapshot: &Snapshot,
    best: Option<&Params>,
    losses: Checksum,
) -> io::Result<()> {
    let mut tensors = Vec::new();
    let mut add = |name: String, dtype, dims: Vec<usize>, bytes: Vec<u8>| tensors.push((name, dtype, dims, bytes));
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    for tensor in best.iter().flat_map(|best| best.tensors()) {
        add(in_best(tensor.name), Dtype::F32, tensor.dims, bytes(tensor.values));
    }
    match snapshot {
        Snapshot::Backend(state) => {
            // The number of steps is the record's.
            let State { params, slots, .. } = &**state;
            for (slot, params) in std::iter::once(params).chain(slots).enumerate() {
                for tensor in params.tensors() {
                    let name = slot.checked_sub(1).map_or(tensor.name.to_owned(), |slot| in_slot(slot, tensor.name));
                    add(name, Dtype::F32, tensor.dims, bytes(tensor.values));
                }
            }
        }
        Snapshot::Reference(values) => {
            // The four arrays in one order, as the four shapes.
            let mut values = values.values();
            for tensor in snapshot.params().tensors() {
                let bytes = values.by_ref().take(tensor.values.len()).flat_map(|value| value.to_le_bytes()).collect();
                add(tensor.name.to_owned(), Dtype::F64, tensor.dims, bytes);
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, dtype, dims, bytes)| TensorView::new(*dtype, dims.clone(), bytes).map(|view| (name, view)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let metadata = [(RECORD, serde_json::to_string(run)?), (LOSSES, losses.0.to_string())];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    out.write_all(&safetensors::serialize(views, Some(metadata)).map_err(io::Error::other)?)
}

/// Reads a checkpoint.
///
/// # Errors
/// A [`Problem`] of the bytes.
pub fn read(bytes: &[u8]) -> Result<Checkpoint, Problem> {
    let tensors = SafeTensors::deserialize(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let value = |key| header.metadata().as_ref().and_then(|metadata| metadata.get(key));
    let record = value(RECORD).ok_or(Problem::NoRecord)?;
    let losses = Checksum(value(LOSSES).and_then(|sum| sum.parse().ok()).ok_or(Problem::NoRecord)?);
    let run = Run::read(record)?;
    let (settings, shape) = (&run.settings, run.shape());
    let params = |name: &dyn Fn(&str) -> String| {
        let [w1, b1, w2, b2] = all(shape, |tensor, dims| {
            values(&tensors, &name(tensor), Dtype::F32, dims, f32::from_le_bytes, f32::is_finite)
        })?;
        Ok::<_, Problem>(Params { shape, w1, b1, w2, b2 })
    };
    let best = run.has_best().then(|| params(&in_best)).transpose()?;
    let is_f64 = tensors.tensor(Params::NAMES[0]).is_ok_and(|tensor| tensor.dtype() == Dtype::F64);
    let snapshot = if is_f64 {
        let found =
            all(shape, |name, dims| values(&tensors, name, Dtype::F64, dims, f64::from_le_bytes, f64::is_finite))?;
        let [w1, b1, w2, b2] = found.each_ref().map(|values| values.iter().map(|value| *value as f32).collect());
        let net = Net { shape, activation: settings.activation, output: settings.output };
        let mut network = TwoLayerNet::new(net, &Params { shape, w1, b1, w2, b2 });
        network.params.values_mut().zip(found.concat()).for_each(|(value, found)| *value = found);
        Snapshot::Reference(Cow::Owned(network.params))
    } else {
        let slots = (0..).take_while(|&slot| tensors.tensor(&in_slot(slot, Params::NAMES[0])).is_ok());
        let slots = slots.map(|slot| params(&|name| in_slot(slot, name))).collect::<Result<Vec<_>, _>>()?;
        Snapshot::Backend(Cow::Owned(State { params: params(&str::to_owned)?, slots, steps: run.iterations }))
    };
    Ok(Checkpoint { run, snapshot, best, losses })
}

/// What `read` gives for the name and the dimensions of each of the four tensors.
fn all<T>(shape: Shape, read: impl Fn(&str, Vec<usize>) -> Result<T, Problem>) -> Result<[T; 4], Problem> {
    let Shape { input, hidden, classes } = shape;
    let [w1, b1, w2, b2] = Params::NAMES;
    Ok([
        read(w1, vec![input, hidden])?,
        read(b1, vec![hidden])?,
        read(w2, vec![hidden, classes])?,
        read(b2, vec![classes])?,
    ])
}

/// The values of a tensor of this type and shape, all finite.
fn values<T: Copy, const BYTES: usize>(
    tensors: &SafeTensors,
    name: &str,
    dtype: Dtype,
    dims: Vec<usize>,
    read: fn([u8; BYTES]) -> T,
    is_finite: fn(T) -> bool,
) -> Result<Vec<T>, Problem> {
    let tensor = tensors.tensor(name).ok().filter(|tensor| tensor.dtype() == dtype && tensor.shape() == dims);
    let Some(tensor) = tensor else { return Err(Problem::Tensor { name: name.to_owned(), dtype, dims }) };
    let values: Vec<T> = tensor.data().as_chunks().0.iter().map(|bytes| read(*bytes)).collect();
    if values.iter().all(|value| is_finite(*value)) { Ok(values) } else { Err(Problem::NotFinite(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::Evaluation;
    use crate::data::batches::Sampling;
    use crate::devices::Info;
    use crate::net::{Activation, Output};
    use crate::report::summary::tests::book;
    use crate::report::summary::{Data, Settings};
    use crate::train::{Best, End, Evaluations, Outcome};

    const SHAPE: Shape = Shape { input: 3, hidden: 2, classes: 4 };

    fn run(snapshot: &Snapshot<'static>, has_best: bool) -> Run {
        let settings = Settings {
            input: SHAPE.input,
            hidden: SHAPE.hidden,
            batch_size: 1,
            activation: Activation::Tanh,
            output: Output::Identity,
            sampling: Sampling::Shuffle,
            seed: u64::MAX,
            iterations: 7,
            ..book()
        };
        let data = Data { classes: SHAPE.classes, ..Data::default() };
        let evaluation = Evaluation { images: 3, loss: 1.0 / 3.0, classes: 4, confusion: vec![0; 16] };
        let outcome = Outcome {
            end: End::Interrupted,
            snapshot: snapshot.clone(),
            losses: vec![0.1; 3],
            epochs: Vec::new(),
            last: Some(Evaluations { train: evaluation.clone(), validation: None, test: evaluation }),
            best: has_best.then_some(Best { iteration: 1, accuracy: 0.5, loss: 0.25, test: 0.75 }),
            train_time: Duration::from_nanos(123_456_789),
            eval_time: Duration::ZERO,
        };
        Run::new(&Info::reference(), None, data, settings, &outcome, 1.5, None).with("f1", &[2])
    }

    /// Values whose places show in them.
    fn state(slots: usize) -> State {
        let params = |seed| Params::init(SHAPE, 1.0, seed);
        State { params: params(0), slots: (1..=slots as u64).map(params).collect(), steps: 3 }
    }

    #[test]
    fn a_checkpoint_is_read_back_to_the_bit() {
        let mut network = TwoLayerNet::new(
            Net { shape: SHAPE, activation: Activation::Tanh, output: Output::Identity },
            &Params::init(SHAPE, 1.0, 9),
        );
        network.params.values_mut().enumerate().for_each(|(n, value)| *value += 1e-12 * n as f64);
        let snapshots = [
            Snapshot::Backend(Cow::Owned(state(0))),
            Snapshot::Backend(Cow::Owned(state(2))),
            Snapshot::Reference(Cow::Owned(network.params)),
        ];
        let best = Params::init(SHAPE, 1.0, 7);
        for (snapshot, best) in snapshots.into_iter().zip([None, Some(&best), None]) {
            let run = run(&snapshot, best.is_some());
            let mut bytes = Vec::new();
            write(&mut bytes, &run, &snapshot, best, Checksum::of(&[0.5])).unwrap();
            let found = read(&bytes).unwrap();
            assert_eq!((found.snapshot, found.losses), (snapshot, Checksum::of(&[0.5])));
            assert_eq!(found.best.as_ref(), best);
            let json = |run: &Run| serde_json::to_string(run).unwrap();
            assert_eq!(json(&found.run), json(&run));
            for cut in 0..bytes.len() {
                assert!(matches!(read(&bytes[..cut]), Err(Problem::Format(_))), "cut at {cut}");
            }
        }
    }

    #[test]
    fn the_best_network_of_the_record_must_be_there() {
        let snapshot = Snapshot::Backend(Cow::Owned(state(0)));
        let mut bytes = Vec::new();
        write(&mut bytes, &run(&snapshot, true), &snapshot, None, Checksum::default()).unwrap();
        let error = read(&bytes).unwrap_err().to_string();
        assert_eq!(error, "has no F32 tensor best.W1 of shape [3, 2], which its settings need");
    }

    #[test]
    fn values_that_are_not_finite_are_refused() {
        let mut state = state(1);
        state.slots[0].w2[1] = f32::NAN;
        let snapshot = Snapshot::Backend(Cow::Owned(state));
        let mut bytes = Vec::new();
        write(&mut bytes, &run(&snapshot, false), &snapshot, None, Checksum::default()).unwrap();
        assert_eq!(read(&bytes).unwrap_err().to_string(), "holds a value in tensor slots.0.W2 that is not finite");
    }
}
