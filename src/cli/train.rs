//! `twolayer train`: trains a network and saves it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use pollster::block_on;
use time::OffsetDateTime;
use time::macros::format_description;

use super::advice::{Options, Watch, is_bright};
use super::data::choice::DataArguments;
use super::interrupt::{self, Protection, lock};
use super::names::{Gradient, WeightInitName, suiting};
use super::run::{Run, Targets};
use super::saved::model_file;
use super::{DeviceArguments, Error, agreed, check_free, print, up_to};
use crate::backend::{self, Backend};
use crate::book;
use crate::data::batches::{Batches, Sampling};
use crate::data::{Store, Stores};
use crate::devices::{Device, Info, Kind};
use crate::gradcheck::JUDGED_STEP_SIZE;
use crate::model::{self, Model};
use crate::net::method::{Method, STEP_SIZES};
use crate::net::{Activation, Net, Output, Params, Shape, WeightInit};
use crate::reference::TwoLayerNet;
use crate::report::plot::{check_plot_name, check_plot_place};
use crate::report::progress::Progress;
use crate::report::run_folder::RunFolder;
use crate::report::summary::Settings;
use crate::train::{self, Images, Sets};
use crate::words::{counted, either};

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Arguments {
    #[command(flatten, next_help_heading = "Device")]
    device: DeviceArguments,
    #[command(flatten, next_help_heading = "Data")]
    data: DataArguments,
    /// Hidden units [default: 50, or those of --init]
    #[arg(long, value_name = "N", value_parser = up_to(Shape::MAX_HIDDEN), help_heading = "Network")]
    hidden: Option<u16>,
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    #[arg(help = format!("Hidden layer: {} [default: sigmoid, or --init's]", either(&Activation::ALL)))]
    activation: Option<Activation>,
    /// Output layer: softmax (cross-entropy error) or identity (squared error) [default: softmax, or that of --init]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    output: Option<Output>,
    #[arg(long, value_name = "NAME", default_value_t, conflicts_with = "init", help_heading = "Network")]
    #[arg(help = format!(
        "Standard deviation of the initial weights: normal (--weight-init-std), or by a layer's n input units, xavier \
         (sqrt(1/n), for {}) or he (sqrt(2/n), for {})",
        suiting(WeightInitName::Xavier), suiting(WeightInitName::He)
    ))]
    weight_init: WeightInitName,
    /// Standard deviation of the initial weights for --weight-init normal [default: 0.01]
    #[arg(long, value_name = "X", value_parser = weight_init_std, conflicts_with = "init", help_heading = "Network")]
    weight_init_std: Option<f32>,
    /// Start from the parameters of a run or of a safetensors file
    #[arg(long, value_name = "RUN|FILE", help_heading = "Network")]
    init: Option<PathBuf>,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = book::BATCH_SIZE, value_parser = up_to(Shape::MAX_BATCH))]
    #[arg(help_heading = "Training")]
    batch_size: u16,
    /// Learning rate: the factor of every gradient
    #[arg(long, value_name = "X", default_value_t = book::LEARNING_RATE, value_parser = learning_rate)]
    #[arg(help_heading = "Training")]
    learning_rate: f32,
    /// Steps of SGD [default: 10000]
    #[arg(long, value_name = "N", conflicts_with = "epochs", help_heading = "Training")]
    iterations: Option<u64>,
    /// Passes through the training set, instead of --iterations
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<u64>,
    /// Gradient method: backprop; numerical (central differences computed as changes); or naive (two forward passes of the
    /// f64 reference for each parameter, which takes days)
    #[arg(long, value_name = "NAME", default_value_t, help_heading = "Training")]
    gradient: Gradient,
    /// Step size h of a numerical or naive gradient, (f(w + h) - f(w - h)) / 2h [default: 0.0001]
    #[arg(long, value_name = "H", value_parser = read_step_size, help_heading = "Training")]
    step_size: Option<f64>,
    /// Sampling of the batches: replacement, shuffle or sequential
    #[arg(long, value_name = "NAME", default_value_t, help_heading = "Training")]
    sampling: Sampling,
    /// Seed of the initial weights and the batches
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Training")]
    seed: u64,
    /// Folder for the model, the losses and the results [default: runs/TIME-DEVICE, the time in UTC]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Save no files
    #[arg(long, conflicts_with = "out", help_heading = "Output")]
    no_save: bool,
    /// Overwrite the run in --out, and the file of --plot
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
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

/// No network learns with so large a deviation, but all its weights are finite.
const MAX_WEIGHT_INIT_STD: f32 = 1e6;

fn weight_init_std(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(std) if (0.0..=MAX_WEIGHT_INIT_STD).contains(&std) => Ok(std),
        _ => Err(format!("give a number from 0 to {MAX_WEIGHT_INIT_STD}")),
    }
}

/// Parses the path of an .svg or .png file.
pub(super) fn plot_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| check_plot_name(&path).map(|()| path))
}

pub(super) fn run(arguments: &Arguments, start: Instant) -> Result<(), Error> {
    let mut progress = Progress::new(arguments.quiet);
    let result = train(arguments, start, &mut progress);
    progress.finish();
    result
}

fn train(arguments: &Arguments, start: Instant, progress: &mut Progress) -> Result<(), Error> {
    let batch_size = usize::from(arguments.batch_size);
    let protection = Protection::new(!arguments.no_save);
    check(arguments)?;
    let init = arguments.init.as_deref().map(|path| model::load(&model_file(path))).transpose()?;
    let file = init.as_ref();
    let hidden = agreed("--hidden", arguments.hidden.map(usize::from), file.map(|file| file.params.shape.hidden))?;
    let activation = agreed("--activation", arguments.activation, file.and_then(|file| file.activation))?;
    let output = agreed("--output", arguments.output, file.and_then(|file| file.output))?;
    let (activation, output) = (activation.unwrap_or_default(), output.unwrap_or_default());
    let (info, trainer) = trainer(arguments, activation, output, progress)?;
    let (Stores { train: train_set, test: test_set, classes, .. }, data) = arguments.data.open(progress)?;
    let net = Net {
        shape: Shape { input: train_set.pixels(), hidden: hidden.unwrap_or(book::HIDDEN.into()), classes },
        activation,
        output,
    };
    let names = init.as_ref().and_then(|model| model.description.differing_name(&data.description));
    if let Some((class, theirs, ours)) = names {
        progress.notice(format_args!("class {class} is {theirs:?} in --init, and {ours:?} in the data"));
    }
    let params = first_params(arguments, init, net.shape)?;
    let advice_options = advice_options(arguments, activation, &train_set)?;
    let steps_per_epoch = train::Settings::steps_per_epoch(train_set.len(), batch_size);
    let settings = train::Settings {
        iterations: iterations(arguments, steps_per_epoch),
        steps_per_epoch,
        learning_rate: arguments.learning_rate,
    };
    say_network(arguments, &net, &settings, progress);
    progress.start(settings.iterations, batch_size);
    let mut batches = Batches::new(arguments.seed, arguments.sampling, batch_size, train_set.len());
    let folder = folder(arguments, &info)?;
    // The plot may be in the run's folder, which exists now.
    arguments.plot.as_deref().map(check_plot_place).transpose()?;
    let run_settings = settings_of(arguments, &net, settings.iterations);
    let targets = Targets { folder, plot: arguments.plot.clone(), json: arguments.json, flags: flags(arguments) };
    match info.kind {
        Kind::Gpu => progress.busy("compiling the kernels"),
        Kind::Cpu => progress.doing("getting ready"),
    }
    let run = Arc::new(Mutex::new(Run::new(start, net, info, data, run_settings, params.clone(), targets)));
    let _protection = protection.of(run.clone());
    let mut watch = Watch::new(advice_options, settings);
    let mut new_losses = Vec::new();
    let mut on_event = |event: train::Event| {
        match &event {
            train::Event::Steps { losses, .. } => new_losses.extend_from_slice(losses),
            train::Event::Epoch { accuracy, checkpoint } => {
                lock(&run).evaluated(*accuracy, checkpoint, &new_losses);
                new_losses.clear();
            }
            _ => {}
        }
        progress.event(&event);
        if let Some(note) = watch.on_event(&event) {
            progress.notice(note);
        }
        if interrupt::is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let ended = match trainer {
        // An interrupted run need not prepare the device and the images.
        _ if interrupt::is_requested() => Ok(None),
        Trainer::Backend { device, method } => block_on(async {
            let mut backend = Backend::new(&device, net, batch_size, &params).await?;
            backend.set_method(method).await?;
            if interrupt::is_requested() {
                return Ok(None);
            }
            let train = Images::new(&mut backend, train_set).await?;
            let sets = Sets { train, test: Images::new(&mut backend, test_set).await? };
            // The kernels are chosen by the uploaded images.
            lock(&run).set_kernels(backend.kernels());
            Ok::<_, Error>(Some(train::train(&mut backend, sets, &mut batches, &settings, &mut on_event).await?))
        }),
        Trainer::Reference { step_size } => {
            net.shape.check(batch_size).map_err(backend::Error::from)?;
            let mut reference = TwoLayerNet::new(net, &params);
            let sets = [train_set.into_memory()?, test_set.into_memory()?];
            let sets = sets.each_ref();
            Ok(Some(train::train_naive(&mut reference, sets, &mut batches, &settings, step_size, &mut on_event)))
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

/// Checks the flags that need no data.
fn check(arguments: &Arguments) -> Result<(), Error> {
    if let Some(path) = &arguments.out {
        RunFolder::check(path, arguments.overwrite)?;
    }
    if arguments.no_save && arguments.overwrite && arguments.plot.is_none() {
        let text = "--overwrite has no effect with --no-save; leave out one of them";
        return Err(Error::Usage(text.to_owned()));
    }
    if arguments.weight_init != WeightInitName::Normal && arguments.weight_init_std.is_some() {
        return Err(Error::Usage(format!(
            "--weight-init-std is only for --weight-init normal; {} computes each layer's deviation; leave out one of them",
            arguments.weight_init
        )));
    }
    check_free(arguments.plot.as_deref(), arguments.overwrite)
}

fn say_network(arguments: &Arguments, net: &Net, settings: &train::Settings, progress: &Progress) {
    let weights = match arguments.weight_init {
        WeightInitName::Normal => String::new(),
        other => format!(", initial weights by {other}"),
    };
    let by = match arguments.gradient {
        Gradient::Backprop => String::new(),
        other => format!(", {other} gradients by steps of {}", step_size(arguments)),
    };
    progress.say(format_args!("network: {}, {} and {}{weights}", net.shape, net.activation, net.output));
    progress.say(format_args!(
        "training: {} of {}, learning rate {}{by}",
        counted(settings.iterations, "iteration"),
        counted(arguments.batch_size, "image"),
        settings.learning_rate
    ));
}

enum Trainer {
    /// A device.
    Backend { device: Device, method: Method },
    /// The f64 reference with naive gradients.
    Reference { step_size: f64 },
}

/// Opens the trainer of a network with these functions.
fn trainer(
    arguments: &Arguments,
    activation: Activation,
    output: Output,
    progress: &Progress,
) -> Result<(Info, Trainer), Error> {
    let usage = |problem: &str| Err(Error::Usage(problem.to_owned()));
    let method = match arguments.gradient {
        Gradient::Backprop if arguments.step_size.is_some() => {
            return usage("--step-size is for --gradient numerical or naive; give one of these too");
        }
        Gradient::Naive if !arguments.device.is_cpu() => {
            return usage("--gradient naive runs only on the f64 reference; leave out --device and --threads");
        }
        Gradient::Naive => {
            let info = Info::reference();
            progress.say(format_args!("device: {}", info.name));
            let method = Method::Numerical { step_size: step_size(arguments) };
            if method.check(activation, output).is_ok() {
                progress.notice(
                    "naive needs two forward passes for each parameter; --gradient numerical computes the same differences in \
                     seconds",
                );
            }
            return Ok((info, Trainer::Reference { step_size: step_size(arguments) }));
        }
        Gradient::Backprop => Method::Backprop,
        Gradient::Numerical => Method::Numerical { step_size: step_size(arguments) },
    };
    method.check(activation, output).map_err(|error| Error::Usage(error.to_string()))?;
    let (info, device) = arguments.device.open(progress)?;
    Ok((info, Trainer::Backend { device, method }))
}

fn step_size(arguments: &Arguments) -> f64 {
    arguments.step_size.unwrap_or(JUDGED_STEP_SIZE)
}

/// The settings of the run, for run.json.
fn settings_of(arguments: &Arguments, net: &Net, iterations: u64) -> Settings {
    Settings {
        input: net.shape.input,
        hidden: net.shape.hidden,
        batch_size: usize::from(arguments.batch_size),
        learning_rate: arguments.learning_rate,
        weight_init: arguments.init.is_none().then(|| arguments.weight_init.as_str()),
        weight_init_std: match weight_init(arguments) {
            WeightInit::Normal { std } if arguments.init.is_none() => Some(std),
            _ => None,
        },
        init: arguments.init.as_ref().map(|file| file.display().to_string()),
        activation: net.activation.as_str(),
        output: net.output.as_str(),
        gradient: arguments.gradient.as_str(),
        step_size: (arguments.gradient != Gradient::Backprop).then(|| step_size(arguments)),
        sampling: arguments.sampling.as_str(),
        seed: arguments.seed,
        iterations,
    }
}

fn weight_init(arguments: &Arguments) -> WeightInit {
    match arguments.weight_init {
        WeightInitName::Normal => {
            WeightInit::Normal { std: arguments.weight_init_std.unwrap_or(book::WEIGHT_INIT_STD) }
        }
        WeightInitName::Xavier => WeightInit::Xavier,
        WeightInitName::He => WeightInit::He,
    }
}

/// The options that advice on a plateau may change.
fn advice_options(arguments: &Arguments, activation: Activation, images: &Store) -> Result<Options, Error> {
    Ok(Options {
        activation,
        gradient: arguments.gradient,
        weight_init: arguments.init.is_none().then_some(arguments.weight_init),
        learning_rate: arguments.learning_rate,
        is_bright: is_bright(images)?,
    })
}

/// The flags, apart from the defaults, that a continued run needs and that the model's file does not hold.
fn flags(arguments: &Arguments) -> Vec<String> {
    let Arguments { data, batch_size, learning_rate, gradient, step_size, sampling, .. } = arguments;
    let differ = [
        (*batch_size != book::BATCH_SIZE).then(|| format!("--batch-size {batch_size}")),
        (*learning_rate != book::LEARNING_RATE).then(|| format!("--learning-rate {learning_rate}")),
        (*gradient != Gradient::default()).then(|| format!("--gradient {gradient}")),
        step_size.map(|size| format!("--step-size {size}")),
        (*sampling != Sampling::default()).then(|| format!("--sampling {sampling}")),
    ];
    data.flags().into_iter().chain(differ.into_iter().flatten()).collect()
}

/// The initial parameters: those of --init, or random ones.
fn first_params(arguments: &Arguments, init: Option<Model>, shape: Shape) -> Result<Params, Error> {
    match init {
        None => Ok(Params::init_by(shape, weight_init(arguments), arguments.seed)),
        Some(Model { params, .. }) if params.shape == shape => Ok(params),
        Some(Model { params, .. }) => {
            let has = params.shape;
            Err(Error::Usage(format!("--init is {has}, but the data needs {shape}; give another --init or --data")))
        }
    }
}

fn iterations(arguments: &Arguments, steps_per_epoch: u64) -> u64 {
    let epochs = arguments.epochs.map(|epochs| epochs.saturating_mul(steps_per_epoch));
    epochs.or(arguments.iterations).unwrap_or(book::ITERATIONS)
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
