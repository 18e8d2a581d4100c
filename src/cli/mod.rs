//! The command line: a file for each command, and the parts that they share.

mod advice;
mod bench;
mod common;
mod compare;
mod data;
mod devices;
mod earlier;
mod environment;
mod eval;
mod explain;
mod export;
mod follow;
mod gradcheck;
mod hosts;
mod interrupt;
mod kernels;
mod names;
mod pictures;
mod plan;
mod predict;
mod ranks;
mod replicas;
mod run;
mod runs;
mod saved;
mod settings;
mod shell;
mod show;
mod tables;
mod train;

use std::process::ExitCode;
use std::time::Instant;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::peers::{Peers, Ranks};
use crate::report::progress::{can_draw, tell};
use common::{
    DeviceArguments, Error, agreed, check_free, check_picture, chosen_format, cpu_threads, json_text, note_threads,
    one_device, print, print_json, up_to,
};

pub use environment::prepare;

/// A two-layer neural network whose every matrix product and activation is a WGSL kernel. Without a command it trains the
/// book's network: 784-50-10 on MNIST.
#[derive(Parser)]
#[command(version, allow_negative_numbers = true, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Command {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    train: train::Arguments,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Train a network (the default command)
    Train(Box<train::Arguments>),
    /// Evaluate a saved network: loss, accuracy, confusion matrix
    Eval(eval::Arguments),
    /// Say what pictures show, by a saved network
    Predict(predict::Arguments),
    /// Show what a saved network is, and its weights as a picture
    Show(show::Arguments),
    /// Show the whole computation on one image, with the book's formulas
    Explain(explain::Arguments),
    /// Write a saved network for other programs: ONNX, C or PyTorch
    Export(export::Arguments),
    /// List the runs of a folder: device, settings, accuracy, and whether they can be resumed
    Runs(runs::Arguments),
    /// Compare runs: their settings, losses and accuracies, as a table and as curves
    Compare(compare::Arguments),
    /// Compare every device's gradients with f64: backpropagation and central differences
    Gradcheck(gradcheck::Arguments),
    /// Time every device, after a check of its results
    Bench(bench::Arguments),
    /// List the devices of this machine
    Devices(devices::Arguments),
    /// Show, download and make data sets
    #[command(subcommand)]
    Data(data::Commands),
}

/// Runs the command of this process.
#[must_use]
pub fn main() -> ExitCode {
    let start = Instant::now();
    interrupt::listen();
    // A rank that fails before it has joined would leave the others waiting for it.
    match Ranks::join() {
        Ok(Some(ranks)) => run_as_rank(ranks, start),
        Ok(None) => end(run(parse(), start)),
        Err(error) => end(Err(error.into())),
    }
}

/// Runs the command of one rank of an MPI job.
fn run_as_rank(mut ranks: Ranks, start: Instant) -> ExitCode {
    if ranks.rank() > 0 {
        interrupt::follow();
    }
    let result = match ranks::parse(&ranks) {
        Err(error) => Err(error),
        Ok(None) => Ok(()),
        Ok(Some(Command { command, train })) => match command {
            None => ranks::train(&train, start, &mut ranks),
            Some(Subcommands::Train(arguments)) => ranks::train(&arguments, start, &mut ranks),
            Some(Subcommands::Bench(arguments)) => bench::run(&arguments, Some(&mut ranks)),
            Some(Subcommands::Gradcheck(arguments)) => gradcheck::run(&arguments, Some(&mut ranks)),
            Some(_) => Err(Error::OneProcess),
        },
    };
    ranks::end(result, &ranks)
}

/// Runs the command of a process that is by itself.
fn run(Command { command, train }: Command, start: Instant) -> Result<(), Error> {
    match command {
        None => train::run(&train, start, None),
        Some(Subcommands::Train(arguments)) => train::run(&arguments, start, None),
        Some(Subcommands::Eval(arguments)) => eval::run(&arguments),
        Some(Subcommands::Predict(arguments)) => predict::run(&arguments),
        Some(Subcommands::Show(arguments)) => show::run(&arguments),
        Some(Subcommands::Explain(arguments)) => explain::run(&arguments),
        Some(Subcommands::Export(arguments)) => export::run(&arguments),
        Some(Subcommands::Runs(arguments)) => runs::run(&arguments),
        Some(Subcommands::Compare(arguments)) => compare::run(&arguments),
        Some(Subcommands::Gradcheck(arguments)) => gradcheck::run(&arguments, None),
        Some(Subcommands::Bench(arguments)) => bench::run(&arguments, None),
        Some(Subcommands::Devices(arguments)) => devices::run(&arguments),
        Some(Subcommands::Data(command)) => data::run(&command),
    }
}

/// The exit code for a command's result, after a line on its error.
fn end(result: Result<(), Error>) -> ExitCode {
    let Some(error) = Error::shown(result) else { return ExitCode::SUCCESS };
    tell(format_args!("error: {error}"));
    ExitCode::from(error.code())
}

/// The parsed command line. The process ends here if it is wrong or asks for help.
fn parse() -> Command {
    // clap does not check every sign of a terminal without colours.
    let color = if can_draw() { ColorChoice::Auto } else { ColorChoice::Never };
    let matches = Command::command().color(color).get_matches();
    Command::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
