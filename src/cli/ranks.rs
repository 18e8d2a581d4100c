//! The command as one of the ranks of an MPI job. Rank 0 writes and prints; the others speak only of errors. One that fails ends
//! them all, as they would wait for it.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{ColorChoice, CommandFactory, FromArgMatches};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Command, Error, Subcommands, bench, gradcheck, interrupt, replicas, shown, train};
use crate::peers::{Peers, Ranks};
use crate::report::progress::tell;

/// How much later another rank than the first tells of an error. If all have the same, the first has ended them by then.
const TURN: Duration = Duration::from_millis(1500);

/// Runs the command of this rank.
pub(super) fn run(mut ranks: Ranks, start: Instant) -> ExitCode {
    if ranks.rank() > 0 {
        interrupt::follow();
    }
    let result = match parse(&ranks) {
        Ok(Command { command, train }) => match command {
            None => train_on(&train, start, &mut ranks),
            Some(Subcommands::Train(arguments)) => train_on(&arguments, start, &mut ranks),
            Some(Subcommands::Bench(arguments)) => bench::run(&arguments, Some(&mut ranks)),
            Some(Subcommands::Gradcheck(arguments)) => gradcheck::run(&arguments, Some(&mut ranks)),
            Some(_) => Err(Error::OneProcess),
        },
        Err(Unparsed::Shown) => Ok(()),
        Err(Unparsed::Wrong(error)) => Err(Error::Usage(error)),
    };
    let Some(error) = shown(result) else { return ExitCode::SUCCESS };
    if ranks.rank() > 0 {
        sleep(TURN);
    }
    tell(format_args!("error: {}: {error}", ranks.name()));
    if !ranks.is_over() {
        ranks.abort(error.code().into());
    }
    ExitCode::from(error.code())
}

fn train_on(arguments: &train::Arguments, start: Instant, ranks: &mut Ranks) -> Result<(), Error> {
    if ranks.rank() > 0 {
        return replicas::follow(arguments, ranks);
    }
    train::run(arguments, start, Some(ranks))?;
    // A resumed run may have done everything before.
    if ranks.is_over() { Ok(()) } else { replicas::dismiss(ranks) }
}

/// The results of each machine with its name, on the first rank; on the others nothing. One rank of each machine works, while its
/// others sleep. From here on no rank waits for another.
pub(super) fn from_each_host<T: Serialize + DeserializeOwned>(
    ranks: &mut Ranks,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<Vec<(String, T)>, Error> {
    let own = if ranks.local().rank == 0 { serde_json::to_string(&(ranks.host(), work()?))? } else { String::new() };
    ranks.wait();
    let all = ranks.gather(&own);
    ranks.end();
    let of_hosts = all.iter().filter(|text| !text.is_empty()).map(|text| serde_json::from_str(text));
    Ok(of_hosts.collect::<Result<_, _>>()?)
}

/// A command line without a command.
enum Unparsed {
    /// It asks for help or the version, which the first rank has shown.
    Shown,
    Wrong(String),
}

fn parse(ranks: &Ranks) -> Result<Command, Unparsed> {
    let matches = Command::command().color(ColorChoice::Never).try_get_matches();
    matches.and_then(|matches| Command::from_arg_matches(&matches)).map_err(|error| {
        if error.use_stderr() {
            let text = error.to_string();
            return Unparsed::Wrong(text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned());
        }
        if ranks.rank() == 0 {
            // A reader that has closed stdout has read enough.
            let _ = error.print();
        }
        Unparsed::Shown
    })
}
