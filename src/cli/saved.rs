//! A saved network, and the data that goes with it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::data::choice::{DataArguments, TrainedOn};
use super::{Error, agreed};
use crate::data::Stores;
use crate::model::{self, Model};
use crate::net::{Activation, Net, Output, Params};
use crate::report::progress::Progress;
use crate::report::run_folder::{MODEL, RUN};
use crate::report::summary::Data;
use crate::words::counted;

/// What a person gave as RUN|FILE.
pub(super) struct Saved {
    file: PathBuf,
    model: Model,
    /// What it was trained on, if the run.json beside it says it.
    trained_on: Option<TrainedOn>,
}

/// What is read of a run.json.
#[derive(Deserialize)]
struct Run {
    data: Data,
}

impl Saved {
    /// Reads the network of a run's folder, or of a safetensors file. A file that lies as a run's model does is that run's.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = model_file(path);
        let model = model::load(&file)?;
        let is_run = file.file_name().is_some_and(|name| name == MODEL);
        let trained_on = if is_run { source_of(&file.with_file_name(RUN)) } else { None };
        Ok(Self { file, model, trained_on })
    }

    /// Opens the data that was asked for, or else what the network was trained on, and gives the network. `activation` and
    /// `output` are what the flags say, where the file may say nothing.
    pub fn with_data(
        self,
        data: &DataArguments,
        activation: Option<Activation>,
        output: Option<Output>,
        progress: &mut Progress,
    ) -> Result<(Net, Params, Stores), Error> {
        let (stores, _) = data.open_or(self.trained_on.as_ref(), progress)?;
        let Model { params, activation: file_activation, output: file_output, description } = self.model;
        let shape = params.shape;
        if (shape.input, shape.classes) != (stores.train.pixels(), stores.classes) {
            return Err(Error::Usage(format!(
                "{} is {shape}, but the data has {} and {}; give its own --data",
                self.file.display(),
                counted(stores.train.pixels(), "pixel"),
                counted(stores.classes, "class")
            )));
        }
        if let Some((class, ours, theirs)) = description.differing_name(&stores.description) {
            return Err(Error::Usage(format!(
                "class {class} is {ours:?} in {}, but {theirs:?} in the data; give its own --data",
                self.file.display()
            )));
        }
        if let (Some(ours), Some(theirs)) = (&description.preparation, &stores.description.preparation)
            && ours != theirs
        {
            progress.notice(format_args!(
                "{} was trained on pictures prepared otherwise ({ours}; the data: {theirs})",
                self.file.display()
            ));
        }
        let activation = agreed("--activation", activation, file_activation)?.unwrap_or_default();
        let output = agreed("--output", output, file_output)?.unwrap_or_default();
        Ok((Net { shape, activation, output }, params, stores))
    }
}

/// The file of the network in a run's folder, or the file itself.
pub(super) fn model_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(MODEL) } else { path.to_owned() }
}

/// The data that a run was trained on, if its run.json is there and says it.
fn source_of(results: &Path) -> Option<TrainedOn> {
    let text = std::fs::read_to_string(results).ok()?;
    let Run { data } = serde_json::from_str(&text).ok()?;
    TrainedOn::of(data)
}
