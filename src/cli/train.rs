//! `twolayer train`: trains a network and saves it.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use time::OffsetDateTime;
use time::macros::format_description;

use super::advice::{Options, Watch, is_bright};
use super::data::choice::DataArguments;
use super::earlier::Earlier;
use super::interrupt::{self, Protection, lock};
use super::names::{Gradient, WeightInitName};
use super::replicas::{Networks, Training, announce, check_batch};
use super::run::{Run, Subject, Targets};
use super::saved;
use super::settings::{Chosen, SettingFlags, check_warmup};
use super::{DeviceArguments, Error, agreed, check_free, print};
use crate::backend;
use crate::book;
use crate::data::batches::Batches;
use crate::data::{Store, Stores, fingerprint};
use crate::devices::{Device, Info, Kind};
use crate::gradcheck::JUDGED_STEP_SIZE;
use crate::model::Model;
use crate::net::method::Method;
use crate::net::optimizer::{Optimizer, Rule};
use crate::net::schedule::{Decay, Schedule};
use crate::net::state::State;
use crate::net::{Activation, Net, Output, Params, Shape, WeightInit};
use crate::peers::{Peers, Ranks};
use crate::reference::TwoLayerNet;
use crate::report::plot::{check_plot_name, check_plot_place, write_plot};
use crate::report::progress::{Progress, tell};
use crate::report::run_folder::RunFolder;
use crate::report::summary::{Data, Replica, Settings};
use crate::train::{self, Done, Snapshot, SplitStores};
use crate::words::counted;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Arguments {
    #[command(flatten, next_help_heading = "Device")]
    pub(super) device: DeviceArguments,
    #[command(flatten, next_help_heading = "Data")]
    pub(super) data: DataArguments,
    #[command(flatten)]
    settings: SettingFlags,
    /// Go on with the run in this folder, by its settings, its data and its device; only --iterations, --epochs, --early-stop and
    /// --target-accuracy may be others
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "no_save", "config"])]
    #[arg(help_heading = "Training")]
    resume: Option<PathBuf>,
    /// Train by the settings, the data and the device in a run.json, or in that of a run's folder; other flags go before them
    #[arg(long, value_name = "FILE|RUN", help_heading = "Training")]
    config: Option<PathBuf>,
    /// Folder for the model, the losses and the results [default: runs/TIME-DEVICE, the time in UTC]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Save no files
    #[arg(long, conflicts_with = "out", help_heading = "Output")]
    no_save: bool,
    /// Overwrite the run in --out, and the file of --plot
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
    /// Longest time between two checkpoints, in seconds; --resume goes on from the last one after the process was killed
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = "Output")]
    checkpoint_every: Duration,
    /// Draw both accuracies by epoch into FILE, an .svg or .png
    #[arg(long, value_name = "FILE", value_parser = plot_path(), help_heading = "Output")]
    plot: Option<PathBuf>,
    /// Show no progress on stderr
    #[arg(long, help_heading = "Output")]
    quiet: bool,
    /// Print the results as one JSON object on stdout
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Parses the path of an .svg or .png file.
pub(super) fn plot_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| check_plot_name(&path).map(|()| path))
}

pub(super) fn run(arguments: &Arguments, start: Instant, ranks: Option<&mut Ranks>) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let result = train(arguments, start, ranks, &mut progress);
    progress.finish();
    result
}

fn train(
    arguments: &Arguments,
    start: Instant,
    mut ranks: Option<&mut Ranks>,
    progress: &mut Progress,
) -> Result<(), Error> {
    let protection = Protection::new(!arguments.no_save);
    check(arguments)?;
    let (earlier, resumed_folder) = Earlier::open(arguments.resume.as_deref(), arguments.config.as_deref())?;
    let chosen = arguments.settings.choose(earlier.run().map(|run| &run.settings), arguments.resume.as_deref())?;
    if let Some(text) = earlier.results(&chosen, arguments.json)? {
        if let (Some(path), Earlier::Resumed(resumed)) = (&arguments.plot, &earlier) {
            check_plot_place(path)?;
            write_plot(path, &resumed.done.epochs, &resumed.done.losses)?;
            progress.say(format_args!("plotted in {}", path.display()));
        }
        progress.finish();
        return print(&text);
    }
    let Prepared { net, info, trainer, data, fingerprint, stores, snapshot, done, settings, advice } =
        prepare(arguments, &chosen, &earlier, ranks.as_deref(), progress)?;
    say_network(&chosen, &net, &settings, progress);
    let mut run_settings = settings_of(&chosen, &net, settings.iterations);
    let replicas = match (&trainer, ranks.as_deref_mut()) {
        (Trainer::Backend { .. }, Some(ranks)) => {
            run_settings.average_every.get_or_insert(1);
            announce(ranks, &run_settings, &data, &fingerprint, &info)?
        }
        (Trainer::Backend { devices, .. }, None) if devices.len() > 1 => {
            run_settings.average_every.get_or_insert(1);
            devices.iter().map(|(info, _)| Replica { host: None, device: info.into() }).collect()
        }
        _ => Vec::new(),
    };
    say_replicas(&replicas, run_settings.average_every, progress);
    if let Earlier::Resumed(resumed) = &earlier {
        let after = counted(resumed.run.iterations, "iteration");
        progress.say(format_args!("resuming {} after {after}", resumed.path.display()));
    }
    progress.start(done.losses.len() as u64, settings.iterations, chosen.batch_size);
    let mut batches = Batches::new(chosen.seed, chosen.sampling, chosen.batch_size, stores.train.len());
    let folder = match resumed_folder {
        Some(folder) => Some(folder),
        None => folder(arguments, &info)?,
    };
    // The plot may be in the run's folder, which exists now.
    arguments.plot.as_deref().map(check_plot_place).transpose()?;
    let targets = Targets { folder, plot: arguments.plot.clone(), json: arguments.json, flags: flags(arguments) };
    match info.kind {
        Kind::Gpu => progress.busy("compiling the kernels"),
        Kind::Cpu => progress.doing("getting ready"),
    }
    let average_every = run_settings.average_every.unwrap_or(1);
    let subject = Subject { net, info: info.clone(), data, fingerprint, settings: run_settings, replicas };
    let mut run = Run::new(start, subject, snapshot.clone(), targets);
    if let Earlier::Resumed(resumed) = &earlier {
        run.resume(resumed);
    }
    let run = Arc::new(Mutex::new(run));
    let _protection = protection.of(run.clone());
    let mut watch = Watch::new(advice, settings, done.epochs.clone());
    let mut on_event = |event: train::Event| {
        let note = lock(&run).on_event(&event);
        progress.event(&event);
        for note in note.into_iter().chain(watch.on_event(&event)) {
            progress.notice(note);
        }
        if interrupt::is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let ended = match trainer {
        // An interrupted run need not prepare the device and the images.
        _ if interrupt::is_requested() => Ok(None),
        Trainer::Backend { devices, method } => {
            let state = match snapshot {
                Snapshot::Backend(state) => state.into_owned(),
                Snapshot::Reference(_) => unreachable!("a run by a device is resumed from a device's state"),
            };
            let (optimizer, batch_size) = (chosen.optimizer, chosen.batch_size);
            let networks = Networks { net, method, optimizer, batch_size, state };
            let training = Training { networks, stores, batches, settings: &settings, average_every, done };
            let infos: Vec<&Info> = devices.iter().map(|(info, _)| info).collect();
            let mut on_ready = |kernels: Option<backend::Kernels>| {
                if let Some(note) = earlier.note_on_bits(&infos, kernels.clone()) {
                    tell(format_args!("note: {note}"));
                }
                lock(&run).set_kernels(kernels);
            };
            training.run(&devices, ranks, &mut on_ready, &mut on_event)
        }
        Trainer::Reference { step_size } => {
            net.shape.check(chosen.batch_size).map_err(backend::Error::from)?;
            let mut reference = TwoLayerNet::new(net, &snapshot.params());
            if let Snapshot::Reference(params) = snapshot {
                reference.params = params.into_owned();
            }
            let sets = [stores.train.to_memory()?, stores.test.to_memory()?];
            let sets = sets.each_ref().map(|set| &**set);
            let settings = &settings;
            Ok(Some(train::train_naive(&mut reference, sets, &mut batches, settings, step_size, done, &mut on_event)))
        }
    };
    progress.finish();
    let (text, ended) = match ended {
        Ok(outcome) => lock(&run).end(outcome.as_ref()),
        Err(error) => lock(&run).fail(error),
    };
    // The run is not locked here, because a slow reader of stdout would block a signal.
    let printed = print(&text);
    ended.and(printed)
}

/// What a run begins with.
struct Prepared {
    net: Net,
    info: Info,
    trainer: Trainer,
    data: Data,
    fingerprint: String,
    stores: SplitStores,
    snapshot: Snapshot<'static>,
    done: Done,
    settings: train::Settings,
    advice: Options,
}

/// Opens the device and the images, and makes or reads the network.
fn prepare(
    arguments: &Arguments,
    chosen: &Chosen,
    earlier: &Earlier,
    ranks: Option<&Ranks>,
    progress: &mut Progress,
) -> Result<Prepared, Error> {
    // A resumed run has its network in its checkpoint.
    let init = chosen.init.as_deref().filter(|_| arguments.resume.is_none());
    let init = init.map(saved::load).transpose()?;
    if let Some((path, model, _)) = &init {
        for note in saved::notes(path, model, chosen.activation) {
            progress.notice(note);
        }
    }
    let init = init.map(|(_, model, _)| model);
    let file = init.as_ref();
    let hidden = agreed("--hidden", chosen.hidden, file.map(|file| file.params.shape.hidden))?;
    let activation = agreed("--activation", chosen.activation, file.and_then(|file| file.activation))?;
    let output = agreed("--output", chosen.output, file.and_then(|file| file.output))?;
    let (activation, output) = (activation.unwrap_or_default(), output.unwrap_or_default());
    let (info, trainer) = trainer(arguments, chosen, (activation, output), earlier, ranks, progress)?;
    let (stores, mut data) = arguments.data.open_or(earlier.trained_on().as_ref(), progress)?;
    let fingerprint = fingerprint(&stores)?;
    earlier.check_data(&fingerprint, progress)?;
    let Stores { train, test, classes, .. } = stores;
    let stores = split(train, test, chosen.validation, chosen.seed)?;
    if let Some(validation) = &stores.validation {
        (data.train, data.validation) = (stores.train.len(), Some(validation.len()));
        progress.say(format_args!(
            "validation: {} held out, {} left to train",
            counted(validation.len(), "image"),
            data.train
        ));
    }
    let hidden = hidden.unwrap_or(book::HIDDEN.into());
    let net = Net { shape: Shape { input: stores.train.pixels(), hidden, classes }, activation, output };
    let names = init.as_ref().and_then(|model| model.description.differing_name(&data.description));
    if let Some((class, theirs, ours)) = names {
        progress.notice(format_args!("class {class} is {theirs:?} in --init, and {ours:?} in the data"));
    }
    let (snapshot, done) = if let Earlier::Resumed(resumed) = earlier {
        (resumed.snapshot.clone(), resumed.done.clone())
    } else {
        let slots = vec![Params::zeros(net.shape); chosen.optimizer.slots()];
        let state = State { params: first_params(chosen, init, net.shape)?, slots, steps: 0 };
        (Snapshot::Backend(Cow::Owned(state)), Done::default())
    };
    let steps_per_epoch = train::Settings::steps_per_epoch(stores.train.len(), chosen.batch_size);
    let settings = train::Settings {
        iterations: chosen.iterations(steps_per_epoch),
        steps_per_epoch,
        learning_rate: chosen.learning_rate,
        schedule: chosen.schedule,
        checkpoint_every: (!arguments.no_save).then_some(arguments.checkpoint_every),
        early_stop: chosen.early_stop,
        target_accuracy: chosen.target_accuracy,
    };
    check_warmup(settings.schedule, settings.iterations)?;
    let advice = Options {
        activation,
        gradient: chosen.gradient,
        weight_init: chosen.init.is_none().then_some(chosen.weight_init),
        learning_rate: chosen.learning_rate,
        is_bright: is_bright(&stores.train)?,
    };
    Ok(Prepared { net, info, trainer, data, fingerprint, stores, snapshot, done, settings, advice })
}

/// The splits of a run, with a share of the training images held out for validation.
pub(super) fn split(train: Store, test: Store, validation: Option<f64>, seed: u64) -> Result<SplitStores, Error> {
    let test = Arc::new(test);
    let Some(share) = validation else { return Ok(SplitStores { train: Arc::new(train), validation: None, test }) };
    let [train, validation] = train.with_validation(share, seed)?.map(Arc::new);
    Ok(SplitStores { train, validation: Some(validation), test })
}

/// Checks the flags that need no data.
fn check(arguments: &Arguments) -> Result<(), Error> {
    if let Some(path) = &arguments.out {
        RunFolder::check(path, arguments.overwrite)?;
    }
    let other = if arguments.resume.is_some() { "--resume" } else { "--no-save" };
    if (arguments.no_save || arguments.resume.is_some()) && arguments.overwrite && arguments.plot.is_none() {
        return Err(Error::Usage(format!("--overwrite has no effect with {other}; leave out one of them")));
    }
    check_free(arguments.plot.as_deref(), arguments.overwrite)
}

/// Parses a time in seconds.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or("give a number of seconds, 0 or more")
}

fn say_network(chosen: &Chosen, net: &Net, settings: &train::Settings, progress: &Progress) {
    let weights = match chosen.weight_init {
        WeightInitName::Normal => String::new(),
        other => format!(", initial weights by {other}"),
    };
    let by = match chosen.gradient {
        Gradient::Backprop => String::new(),
        other => format!(", {other} gradients by steps of {}", step_size(chosen)),
    };
    progress.say(format_args!("network: {}, {} and {}{weights}", net.shape, net.activation, net.output));
    let Optimizer { rule, momentum, weight_decay } = chosen.optimizer;
    let mut optimizer = if rule == Rule::Sgd { String::new() } else { format!("{rule}, ") };
    if rule == Rule::Momentum {
        optimizer = format!("{rule} {momentum}, ");
    }
    let decay = if weight_decay == 0.0 { String::new() } else { format!(", weight decay {weight_decay}") };
    let Schedule { decay: course, warmup } = chosen.schedule;
    let course = if course == Decay::Constant { String::new() } else { format!(" by {course} schedule") };
    let warmup = if warmup == 0 { String::new() } else { format!(" after {} of warmup", counted(warmup, "iteration")) };
    progress.say(format_args!(
        "training: {} of {}, {optimizer}learning rate {}{course}{warmup}{decay}{by}",
        counted(settings.iterations, "iteration"),
        counted(chosen.batch_size, "image"),
        settings.learning_rate
    ));
}

fn say_replicas(replicas: &[Replica], average_every: Option<u64>, progress: &Progress) {
    if replicas.is_empty() {
        return;
    }
    for Replica { host, device } in replicas.iter().filter(|replica| replica.host.is_some()) {
        let host = host.as_deref().unwrap_or_default();
        progress.say(format_args!("device of {host}: {} ({})", device.name, device.backend));
    }
    let mean = match average_every {
        None | Some(1) => "every iteration, as one network".to_owned(),
        Some(every) => format!("{every} iterations"),
    };
    let devices = counted(replicas.len(), "device");
    progress
        .say(format_args!("replicas: {devices}, a part of each batch on each; the mean of their weights after {mean}"));
}

enum Trainer {
    /// Devices: the first is that of this process, or leads its others.
    Backend { devices: Vec<(Info, Device)>, method: Method },
    /// The f64 reference with naive gradients.
    Reference { step_size: f64 },
}

/// Opens the trainer of a network with these functions.
fn trainer(
    arguments: &Arguments,
    chosen: &Chosen,
    (activation, output): (Activation, Output),
    earlier: &Earlier,
    ranks: Option<&Ranks>,
    progress: &Progress,
) -> Result<(Info, Trainer), Error> {
    let usage = |problem: &str| Err(Error::Usage(problem.to_owned()));
    let step_size = step_size(chosen);
    let method = match chosen.gradient {
        Gradient::Backprop if chosen.step_size.is_some() => {
            return usage("--step-size is for --gradient numerical or naive; give one of these too");
        }
        Gradient::Naive if !chosen.optimizer.is_plain() => {
            return usage(
                "--gradient naive trains by sgd without weight decay; leave out --optimizer and --weight-decay",
            );
        }
        Gradient::Naive if chosen.validation.or(chosen.target_accuracy).is_some() => {
            return usage(
                "--gradient naive does every iteration; leave out --validation and --target-accuracy, or the --config that has them",
            );
        }
        Gradient::Naive if ranks.is_some() => {
            return usage("--gradient naive runs in one process; start it without mpirun");
        }
        Gradient::Naive if !arguments.device.is_cpu() => {
            return usage("--gradient naive runs only on the f64 reference; leave out --device and --threads");
        }
        Gradient::Naive => {
            let info = Info::reference();
            progress.say(format_args!("device: {}", info.name));
            if (Method::Numerical { step_size }).check(activation, output).is_ok() {
                progress.notice(
                    "naive needs two forward passes for each parameter; --gradient numerical computes the same differences in \
                     seconds",
                );
            }
            return Ok((info, Trainer::Reference { step_size }));
        }
        Gradient::Backprop => Method::Backprop,
        Gradient::Numerical => Method::Numerical { step_size },
    };
    method.check(activation, output).map_err(|error| Error::Usage(error.to_string()))?;
    let devices = match ranks {
        Some(ranks) => vec![arguments.device.open_of_rank(ranks.local(), progress)?],
        None => earlier.devices(&arguments.device, progress)?,
    };
    let size = ranks.map_or(devices.len(), Peers::size);
    check_batch(chosen.batch_size, size)?;
    if size == 1 && ranks.is_none() && chosen.average_every.is_some() && arguments.resume.is_none() {
        return usage("--average-every is for several devices; give --device for each, or leave it out");
    }
    Ok((devices[0].0.clone(), Trainer::Backend { devices, method }))
}

fn step_size(chosen: &Chosen) -> f64 {
    chosen.step_size.unwrap_or(JUDGED_STEP_SIZE)
}

/// The settings of the run, for run.json.
fn settings_of(chosen: &Chosen, net: &Net, iterations: u64) -> Settings {
    let is_drawn = chosen.init.is_none();
    Settings {
        input: net.shape.input,
        hidden: net.shape.hidden,
        batch_size: chosen.batch_size,
        optimizer: chosen.optimizer.rule,
        learning_rate: chosen.learning_rate,
        lr_schedule: chosen.schedule.decay,
        warmup: chosen.schedule.warmup,
        momentum: (chosen.optimizer.rule == Rule::Momentum).then_some(chosen.optimizer.momentum),
        weight_decay: chosen.optimizer.weight_decay,
        weight_init: is_drawn.then(|| chosen.weight_init.to_string()),
        weight_init_std: match chosen.weight_init() {
            WeightInit::Normal { std } if is_drawn => Some(std),
            _ => None,
        },
        init: chosen.init.as_ref().map(|file| file.display().to_string()),
        activation: net.activation,
        output: net.output,
        gradient: chosen.gradient.to_string(),
        step_size: (chosen.gradient != Gradient::Backprop).then(|| step_size(chosen)),
        sampling: chosen.sampling,
        seed: chosen.seed,
        iterations,
        average_every: chosen.average_every,
        validation: chosen.validation,
        early_stop: chosen.early_stop,
        target_accuracy: chosen.target_accuracy,
    }
}

/// The flags that a command needs to resume this run in the same way.
fn flags(arguments: &Arguments) -> Vec<String> {
    let threads = arguments.device.threads.map(|threads| format!("--threads {threads}"));
    arguments.data.access_flags().into_iter().chain(threads).collect()
}

/// The initial parameters: those of --init, or random ones.
fn first_params(chosen: &Chosen, init: Option<Model>, shape: Shape) -> Result<Params, Error> {
    match init {
        None => Ok(Params::init_by(shape, chosen.weight_init(), chosen.seed)),
        Some(Model { params, .. }) if params.shape == shape => Ok(params),
        Some(Model { params, .. }) => {
            let has = params.shape;
            Err(Error::Usage(format!("--init is {has}, but the data needs {shape}; give another --init or --data")))
        }
    }
}

/// Creates and checks the folder of this run. `None` with --no-save.
fn folder(arguments: &Arguments, device: &Info) -> Result<Option<RunFolder>, Error> {
    if arguments.no_save {
        return Ok(None);
    }
    Ok(Some(match &arguments.out {
        Some(path) => RunFolder::create(path, arguments.overwrite)?,
        None => RunFolder::create_new(&default_folder(device))?,
    }))
}

fn default_folder(device: &Info) -> PathBuf {
    let now = OffsetDateTime::now_utc();
    let time = now
        .format(format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]Z"))
        .unwrap_or_else(|_| now.unix_timestamp().to_string());
    PathBuf::from("runs").join(format!("{time}-{}", device.backend))
}
