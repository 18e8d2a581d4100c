//! The settings of a training run: flags, then what a run that is resumed or repeated was trained with, then the book's.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;

use super::names::{Gradient, WeightInitName, suiting};
use super::{Error, up_to};
use crate::book;
use crate::data::batches::Sampling;
use crate::net::method::STEP_SIZES;
use crate::net::optimizer::{MOMENTUM, Optimizer, Rule};
use crate::net::schedule::{Decay, Schedule};
use crate::net::{Activation, Output, Shape, WeightInit};
use crate::report::summary::{self, MAX_WEIGHT_INIT_STD, is_target_accuracy, is_validation_share};
use crate::words::{counted, either};

/// The flags that set what is trained.
#[derive(Args, Default)]
pub(super) struct SettingFlags {
    /// Hidden units [default: 50, or those of --init]
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_HIDDEN), help_heading = "Network")]
    hidden: Option<u16>,
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    #[arg(help = format!("Hidden layer: {} [default: sigmoid, or --init's]", either(&Activation::ALL)))]
    activation: Option<Activation>,
    /// Output layer: softmax (cross-entropy error) or identity (squared error) [default: softmax, or that of --init]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    output: Option<Output>,
    #[arg(long, value_name = "NAME", conflicts_with_all = ["init", "resume"], help_heading = "Network")]
    #[arg(help = format!(
        "Standard deviation of the initial weights: normal (--weight-init-std), or by a layer's n input units, xavier \
         (sqrt(1/n), for {}) or he (sqrt(2/n), for {}) [default: normal]",
        suiting(WeightInitName::Xavier), suiting(WeightInitName::He)
    ))]
    weight_init: Option<WeightInitName>,
    /// Standard deviation of the initial weights for --weight-init normal [default: 0.01]
    #[arg(long, value_name = "X", value_parser = weight_init_std, conflicts_with_all = ["init", "resume"])]
    #[arg(help_heading = "Network")]
    weight_init_std: Option<f32>,
    /// Start from the parameters of a run or of a safetensors file
    #[arg(long, value_name = "RUN|FILE", conflicts_with = "resume", help_heading = "Network")]
    init: Option<PathBuf>,
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_BATCH), help_heading = "Training")]
    #[arg(help = format!("Images in a batch [default: {}]", book::BATCH_SIZE))]
    batch_size: Option<u16>,
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    #[arg(help = format!("Optimiser, as PyTorch defines it: {} [default: sgd]", either(&Rule::ALL)))]
    optimizer: Option<Rule>,
    #[arg(long, value_name = "X", value_parser = learning_rate, help_heading = "Training")]
    #[arg(help = format!(
        "Learning rate [default: {}; {} for momentum and adagrad, {} for adam and adamw]",
        Rule::Sgd.learning_rate(), Rule::Momentum.learning_rate(), Rule::Adam.learning_rate()
    ))]
    learning_rate: Option<f32>,
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    #[arg(help = format!(
        "Course of the learning rate: {}; cosine and linear end at 0, step at a hundredth [default: constant]", either(&Decay::ALL)
    ))]
    lr_schedule: Option<Decay>,
    /// Iterations in which the learning rate rises, from its Nth part, before its course begins [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training")]
    warmup: Option<u64>,
    #[arg(long, value_name = "X", value_parser = momentum, help_heading = "Training")]
    #[arg(help = format!("Factor of the old velocity, for --optimizer momentum [default: {MOMENTUM}]"))]
    momentum: Option<f32>,
    #[arg(long, value_name = "X", value_parser = weight_decay, help_heading = "Training")]
    #[arg(help = format!("Weight decay of all parameters [default: 0; {} for adamw]", Rule::AdamW.weight_decay()))]
    weight_decay: Option<f32>,
    #[arg(long, value_name = "N", conflicts_with = "epochs", help_heading = "Training")]
    #[arg(help = format!("Steps of the optimiser [default: {}]", book::ITERATIONS))]
    iterations: Option<u64>,
    /// Passes through the training set, instead of --iterations
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<u64>,
    /// Share of the training images, of each class, that is held out for validation; best.safetensors is the network of the
    /// evaluation that is best on them
    #[arg(long, value_name = "X", value_parser = share, help_heading = "Training")]
    validation: Option<f64>,
    /// Stop when the validation accuracy has not risen for N epochs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Training")]
    early_stop: Option<u64>,
    /// Stop at the first evaluation with this accuracy, 1 at most: on the validation images, or else on the test images
    #[arg(long, value_name = "X", value_parser = accuracy, help_heading = "Training")]
    target_accuracy: Option<f64>,
    /// Gradient method: backprop; numerical (central differences computed as changes); or naive (two forward passes of the
    /// f64 reference for each parameter, which takes days) [default: backprop]
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    gradient: Option<Gradient>,
    /// Step size h of a numerical or naive gradient, (f(w + h) - f(w - h)) / 2h [default: 0.0001]
    #[arg(long, value_name = "H", value_parser = read_step_size, help_heading = "Training")]
    step_size: Option<f64>,
    /// Sampling of the batches: replacement, shuffle or sequential [default: replacement]
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    sampling: Option<Sampling>,
    /// Seed of the initial weights and the batches [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training")]
    seed: Option<u64>,
    /// On several devices, take the mean of their weights after every K iterations; after each, they train as one [default: 1]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Training")]
    average_every: Option<u64>,
}

pub(super) fn read_step_size(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(size) if STEP_SIZES.contains(&size) => Ok(size),
        _ => Err(format!("give a number from {} to {}", STEP_SIZES.start(), STEP_SIZES.end())),
    }
}

fn learning_rate(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("give a finite number above 0".to_owned()),
    }
}

fn momentum(text: &str) -> Result<f32, String> {
    let momentum = text.parse().ok().filter(|&momentum| Optimizer { momentum, ..Rule::Sgd.into() }.check().is_ok());
    momentum.ok_or_else(|| "give a number from 0 to below 1".to_owned())
}

fn weight_decay(text: &str) -> Result<f32, String> {
    let decay =
        text.parse().ok().filter(|&weight_decay| Optimizer { weight_decay, ..Rule::Sgd.into() }.check().is_ok());
    decay.ok_or_else(|| "give a finite number, 0 or more".to_owned())
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share| is_validation_share(*share));
    share.ok_or("give a number above 0 and below 1")
}

fn accuracy(text: &str) -> Result<f64, &'static str> {
    let accuracy = text.parse().ok().filter(|accuracy| is_target_accuracy(*accuracy));
    accuracy.ok_or("give a number above 0, at most 1")
}

fn weight_init_std(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(std) if (0.0..=MAX_WEIGHT_INIT_STD).contains(&std) => Ok(std),
        _ => Err(format!("give a number from 0 to {MAX_WEIGHT_INIT_STD}")),
    }
}

/// The number of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Iterations(u64),
    Epochs(u64),
}

/// The settings of a run.
#[derive(Debug)]
pub(super) struct Chosen {
    pub hidden: Option<usize>,
    pub activation: Option<Activation>,
    pub output: Option<Output>,
    pub weight_init: WeightInitName,
    pub weight_init_std: Option<f32>,
    pub init: Option<PathBuf>,
    pub batch_size: usize,
    pub optimizer: Optimizer,
    pub learning_rate: f32,
    pub schedule: Schedule,
    pub gradient: Gradient,
    pub step_size: Option<f64>,
    pub sampling: Sampling,
    pub seed: u64,
    pub average_every: Option<u64>,
    pub validation: Option<f64>,
    pub early_stop: Option<u64>,
    pub target_accuracy: Option<f64>,
    length: Length,
}

impl SettingFlags {
    /// The settings by these flags, then of an earlier run. If that is resumed, in the folder `run`, no flag may differ from its
    /// settings; only what ends it may.
    pub fn choose(&self, settings: Option<&summary::Settings>, run: Option<&Path>) -> Result<Chosen, Error> {
        if let Some(weight_init) = self.weight_init.filter(|name| *name != WeightInitName::Normal)
            && self.weight_init_std.is_some()
        {
            return Err(Error::Usage(format!(
                "--weight-init-std is only for --weight-init normal; {weight_init} computes each layer's deviation; leave out one \
                 of them"
            )));
        }
        let picker = Picker { run };
        let rule = picker.pick("--optimizer", self.optimizer, settings.map(|settings| settings.optimizer))?;
        let rule = rule.unwrap_or_default();
        if rule != Rule::Momentum && self.momentum.is_some() {
            return Err(Error::Usage("--momentum is for --optimizer momentum; give that too".to_owned()));
        }
        // Another optimiser begins with its own numbers.
        let tuned = settings.filter(|settings| settings.optimizer == rule);
        let momentum = picker.pick("--momentum", self.momentum, tuned.and_then(|settings| settings.momentum))?;
        let decay = picker.pick("--weight-decay", self.weight_decay, tuned.map(|settings| settings.weight_decay))?;
        let usual = Optimizer::from(rule);
        let optimizer = Optimizer {
            rule,
            momentum: momentum.unwrap_or(usual.momentum),
            weight_decay: decay.unwrap_or(usual.weight_decay),
        };
        let validation =
            picker.pick("--validation", self.validation, settings.and_then(|settings| settings.validation))?;
        let early_stop = self.early_stop.or(settings.and_then(|settings| settings.early_stop));
        if early_stop.is_some() && validation.is_none() {
            return Err(Error::Usage("--early-stop is by validation images; give --validation too".to_owned()));
        }
        // A file of initial weights has its own network.
        let network = settings.filter(|_| self.init.is_none());
        let gradient = settings.map(|settings| settings.gradient.parse()).transpose().map_err(usage)?;
        let step_size =
            settings.and_then(|settings| settings.step_size).filter(|_| picks_same(self.gradient, gradient));
        let weight_init = network.and_then(|settings| settings.weight_init.as_deref());
        let weight_init = weight_init.map(str::parse).transpose().map_err(usage)?;
        let std = network.and_then(|settings| settings.weight_init_std);
        let std = std.filter(|_| picks_same(self.weight_init, weight_init));
        let is_drawn = self.weight_init.is_some() || self.weight_init_std.is_some();
        let init = network.and_then(|settings| settings.init.as_ref()).filter(|_| !is_drawn).map(PathBuf::from);
        Ok(Chosen {
            hidden: picker.pick(
                "--hidden",
                self.hidden.map(usize::from),
                network.filter(|_| init.is_none() || run.is_some()).map(|settings| settings.hidden),
            )?,
            activation: picker.pick("--activation", self.activation, network.map(|settings| settings.activation))?,
            output: picker.pick("--output", self.output, network.map(|settings| settings.output))?,
            // A deviation is for the rule that takes one.
            weight_init: match (self.weight_init, self.weight_init_std) {
                (None, Some(_)) => WeightInitName::Normal,
                (given, _) => given.or(weight_init).unwrap_or_default(),
            },
            weight_init_std: self.weight_init_std.or(std),
            init: self.init.clone().or(init),
            batch_size: picker
                .pick("--batch-size", self.batch_size.map(usize::from), settings.map(|settings| settings.batch_size))?
                .unwrap_or(book::BATCH_SIZE.into()),
            optimizer,
            learning_rate: picker
                .pick("--learning-rate", self.learning_rate, tuned.map(|settings| settings.learning_rate))?
                .unwrap_or(rule.learning_rate()),
            schedule: Schedule {
                decay: picker
                    .pick("--lr-schedule", self.lr_schedule, settings.map(|settings| settings.lr_schedule))?
                    .unwrap_or_default(),
                warmup: picker
                    .pick("--warmup", self.warmup, settings.map(|settings| settings.warmup))?
                    .unwrap_or_default(),
            },
            gradient: picker.pick("--gradient", self.gradient, gradient)?.unwrap_or_default(),
            step_size: picker.pick("--step-size", self.step_size, step_size)?,
            sampling: picker
                .pick("--sampling", self.sampling, settings.map(|settings| settings.sampling))?
                .unwrap_or_default(),
            seed: picker.pick("--seed", self.seed, settings.map(|settings| settings.seed))?.unwrap_or_default(),
            average_every: picker.pick(
                "--average-every",
                self.average_every,
                settings.and_then(|settings| settings.average_every),
            )?,
            validation,
            early_stop,
            target_accuracy: self.target_accuracy.or(settings.and_then(|settings| settings.target_accuracy)),
            length: match (self.epochs, self.iterations.or(settings.map(|settings| settings.iterations))) {
                (Some(epochs), _) => Length::Epochs(epochs),
                (None, iterations) => Length::Iterations(iterations.unwrap_or(book::ITERATIONS)),
            },
        })
    }
}

/// Whether a flag leaves a value as it is.
fn picks_same<T: PartialEq + Copy>(flag: Option<T>, value: Option<T>) -> bool {
    flag.is_none_or(|flag| value == Some(flag))
}

fn usage(error: impl Display) -> Error {
    Error::Usage(error.to_string())
}

/// Picks a setting.
struct Picker<'a> {
    /// The run that is resumed.
    run: Option<&'a Path>,
}

impl Picker<'_> {
    /// The value of a flag, or else of another run.
    fn pick<T: PartialEq + Display>(&self, flag: &str, given: Option<T>, other: Option<T>) -> Result<Option<T>, Error> {
        match (given, other, self.run) {
            (Some(given), Some(other), Some(run)) if given != other => {
                let run = run.display();
                Err(Error::Usage(format!(
                    "{flag} {given}, but {run} is trained with {other}; leave out {flag}, or start a run from its weights: --init \
                     {run}"
                )))
            }
            (Some(given), None, Some(run)) => {
                let run = run.display();
                Err(Error::Usage(format!("{flag} {given}, but {run} is trained without it; leave it out")))
            }
            (given, other, _) => Ok(given.or(other)),
        }
    }
}

impl Chosen {
    /// The iterations of the whole run.
    pub fn iterations(&self, steps_per_epoch: u64) -> u64 {
        match self.length {
            Length::Iterations(iterations) => iterations,
            Length::Epochs(epochs) => epochs.saturating_mul(steps_per_epoch),
        }
    }

    /// The rule of the initial weights.
    pub fn weight_init(&self) -> WeightInit {
        match self.weight_init {
            WeightInitName::Normal => WeightInit::Normal { std: self.weight_init_std.unwrap_or(book::WEIGHT_INIT_STD) },
            WeightInitName::Xavier => WeightInit::Xavier,
            WeightInitName::He => WeightInit::He,
        }
    }
}

/// Refuses a warmup that does not end.
pub(super) fn check_warmup(schedule: Schedule, iterations: u64) -> Result<(), Error> {
    if schedule.warmup <= iterations {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "a --warmup of {} in a run of {}; give fewer, or a longer run",
        counted(schedule.warmup, "iteration"),
        counted(iterations, "iteration")
    )))
}

/// Refuses a resumed run that is to be shorter than it was.
pub(super) fn check_length(iterations: u64, settings: &summary::Settings, run: &Path) -> Result<(), Error> {
    if iterations >= settings.iterations {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} to do, but {} is to do {}; a run can be made longer, not shorter",
        counted(iterations, "iteration"),
        run.display(),
        settings.iterations
    )))
}
