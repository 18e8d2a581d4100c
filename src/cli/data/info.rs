//! `twolayer data info`: describes a set.

use clap::Args;

use super::choice::DataArguments;
use crate::cli::{Error, print, print_json};
use crate::report::progress::Progress;
use crate::report::set::SetReport;
use crate::report::width;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten, next_help_heading = "Data")]
    data: DataArguments,
    /// Print the results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Arguments { data, json }: &Arguments) -> Result<(), Error> {
    let mut progress = Progress::new(!data.verbose);
    let (stores, source) = data.open(&mut progress)?;
    progress.finish();
    let report = SetReport::new(&source.source, &stores)?;
    if *json { print_json(&report) } else { print(&report.text(&stores.train.gather(&[0])?, width::columns())) }
}
