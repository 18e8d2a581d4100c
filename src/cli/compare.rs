//! `twolayer compare`: runs beside each other, as a table and as curves.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;

use super::runs::folders;
use super::train::plot_path;
use super::{Error, check_free, print, print_json};
use crate::report::comparison::Comparison;
use crate::report::plot::{MOST_CURVES, Value, check_plot_place, write_comparison};
use crate::report::progress::tell;
use crate::report::{run_folder, width};
use crate::words::either;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folders of runs, or folders that hold runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    #[arg(long, value_name = "FILE", value_parser = plot_path())]
    #[arg(help = format!("Draw a curve for each run into FILE, an .svg or .png; up to {MOST_CURVES} runs"))]
    plot: Option<PathBuf>,
    #[arg(long, value_name = "NAME", requires = "plot")]
    #[arg(help = format!("What the curves show by iteration: {} [default: {}]", either(&Value::ALL), Value::default()))]
    value: Option<Value>,
    /// Overwrite the file of --plot
    #[arg(long, requires = "plot")]
    overwrite: bool,
    /// Print the results as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Arguments { runs, plot, value, overwrite, json }: &Arguments) -> Result<(), Error> {
    check_free(plot.as_deref(), *overwrite)?;
    plot.as_deref().map(check_plot_place).transpose()?;
    let comparison = read(runs)?;
    let count = comparison.count();
    if plot.is_some() && count > MOST_CURVES {
        let problem = format!("--plot draws up to {MOST_CURVES} runs, and these are {count}; give fewer runs");
        return Err(Error::Usage(problem));
    }
    let value = value.unwrap_or_default();
    let curves = plot.as_deref().map(|path| (path, comparison.curves(value)));
    if value == Value::ValidationAccuracy
        && curves.as_ref().is_some_and(|(_, curves)| curves.iter().all(|curve| curve.points.is_empty()))
    {
        return Err(Error::Usage(
            "no run has validation images, so there is no --value validation-accuracy".to_owned(),
        ));
    }
    // The results are printed even if the plot cannot be written.
    let plotted = curves.map(|(path, curves)| write_comparison(path, &curves, value)).transpose();
    if *json {
        print_json(&comparison)?;
    } else {
        let plot = plot.as_deref().filter(|_| plotted.is_ok());
        let plot = plot.map_or(String::new(), |path| format!("plotted in {}\n", path.display()));
        print(&(comparison.text(width::columns()) + &plot))?;
    }
    plotted?;
    Ok(())
}

/// Reads the runs, each once.
fn read(paths: &[PathBuf]) -> Result<Comparison, Error> {
    let (mut runs, mut seen) = (Vec::new(), HashSet::new());
    for path in paths {
        let is_run = run_folder::holds_run(path);
        let folders = if is_run { vec![path.clone()] } else { folders_in_order(path)? };
        for folder in folders {
            // Whatever path names it.
            if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
                continue;
            }
            match run_folder::record_and_losses(&folder) {
                Ok((run, losses)) => runs.push((folder, run, losses)),
                Err(error) if is_run => return Err(error.into()),
                Err(error) => tell(format_args!("note: {error}")),
            }
        }
    }
    match paths {
        // None of them can be read.
        [first, ..] if runs.is_empty() => Err(Error::NoRuns(first.clone())),
        _ => Ok(Comparison::new(runs)),
    }
}

/// The folders in this one that hold a run, in the order of their names.
fn folders_in_order(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = folders(path)?;
    found.sort();
    if found.is_empty() { Err(Error::NoRuns(path.to_owned())) } else { Ok(found) }
}
