//! `twolayer runs`: lists the runs in a folder.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use super::{Error, print, print_json};
use crate::files::FolderLock;
use crate::report::progress::tell;
use crate::report::run_folder::{self, CHECKPOINT};
use crate::report::runs::{Listed, State, text};
use crate::report::summary::Progress;
use crate::report::width;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folder of the runs, or of one run
    #[arg(default_value = "runs")]
    folder: PathBuf,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct List {
    runs: Vec<Listed>,
}

pub(super) fn run(Arguments { folder, json }: &Arguments) -> Result<(), Error> {
    let mut runs = Vec::new();
    if run_folder::holds_run(folder) {
        runs.push(listed(folder)?);
    } else {
        for path in folders(folder)? {
            match listed(&path) {
                Ok(run) => runs.push(run),
                Err(error) => tell(format_args!("note: {error}")),
            }
        }
    }
    runs.sort_by(|(time, run), (other_time, other)| (time, &run.path).cmp(&(other_time, &other.path)));
    let runs: Vec<Listed> = runs.into_iter().map(|(_, run)| run).collect();
    if *json {
        print_json(&List { runs })
    } else if runs.is_empty() {
        print(&format!("no runs in {}\n", folder.display()))
    } else {
        print(&text(&runs, width::columns()))
    }
}

/// The folders in this one that hold a run.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = folder.read_dir().map_err(|reason| Error::Runs { path: folder.to_owned(), reason })?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| run_folder::holds_run(path)).collect())
}

/// The run of a folder, and when it was last written.
fn listed(path: &Path) -> Result<(SystemTime, Listed), Error> {
    let (run, has_results) = run_folder::record(path)?;
    let is_running = FolderLock::is_taken(path);
    let state = if is_running { State::Running } else { State::of(run.end, has_results) };
    let can_go_on = run.end != Progress::NotFinite && path.join(CHECKPOINT).exists();
    let resumable = can_go_on && matches!(state, State::Interrupted | State::Killed);
    let written = run_folder::last_written(path);
    let date = OffsetDateTime::from(written)
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
        .unwrap_or_default();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok((written, Listed { path: path.display().to_string(), name, date, state, resumable, run }))
}
