//! The command as one of the ranks of an MPI job. Rank 0 writes and prints; the others speak only of errors. One that fails ends
//! them all, as they would wait for it.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{ColorChoice, CommandFactory, FromArgMatches};

use super::{Error, follow, replicas, train};
use crate::peers::{Peers, Ranks};
use crate::report::progress::tell;

/// How much later another rank than the first tells of an error. If all have the same, the first has ended them by then.
const TURN: Duration = Duration::from_millis(1500);

/// The parsed command line; `None` if it asks for help or the version, which the first rank has shown.
pub(super) fn parse<C: CommandFactory + FromArgMatches>(ranks: &Ranks) -> Result<Option<C>, Error> {
    let matches = C::command().color(ColorChoice::Never).try_get_matches();
    match matches.and_then(|matches| C::from_arg_matches(&matches)) {
        Ok(command) => Ok(Some(command)),
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            Err(Error::Usage(text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()))
        }
        Err(text) => {
            if ranks.rank() == 0 {
                // A reader that has closed stdout has read enough.
                let _ = text.print();
            }
            Ok(None)
        }
    }
}

/// Trains, as the first rank or as another.
pub(super) fn train(arguments: &train::Arguments, start: Instant, ranks: &mut Ranks) -> Result<(), Error> {
    if ranks.rank() > 0 {
        return follow::follow(arguments, ranks);
    }
    train::run(arguments, start, Some(ranks))?;
    // A resumed run may have done everything before.
    if ranks.is_over() { Ok(()) } else { replicas::dismiss(ranks) }
}

/// The exit code for the result of this rank, after a line on its error. Unless all have ended their work, an error ends them all.
pub(super) fn end(result: Result<(), Error>, ranks: &Ranks) -> ExitCode {
    let Some(error) = Error::shown(result) else { return ExitCode::SUCCESS };
    if ranks.rank() > 0 {
        sleep(TURN);
    }
    tell(format_args!("error: {}: {error}", ranks.name()));
    if !ranks.is_over() {
        ranks.abort(error.code().into());
    }
    ExitCode::from(error.code())
}
