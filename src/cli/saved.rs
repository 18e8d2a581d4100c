//! A saved network and its data.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::data::choice::{DataArguments, TrainedOn};
use super::{Error, agreed};
use crate::data::Stores;
use crate::data::description::Description;
use crate::model::{self, Model};
use crate::net::{Activation, Net, Output, Params};
use crate::report::progress::Progress;
use crate::report::run_folder::{MODEL, RUN};
use crate::report::summary::Data;
use crate::words::{counted, either};

/// The functions of a saved network, for a file that does not name them.
#[derive(Args)]
pub(super) struct FunctionArguments {
    #[arg(help = format!("Hidden layer, if the file does not name it: {}", either(&Activation::ALL)))]
    #[arg(long, value_name = "NAME")]
    activation: Option<Activation>,
    /// Output layer, if the file does not name it: softmax or identity
    #[arg(long, value_name = "NAME")]
    output: Option<Output>,
}

/// The network of a RUN|FILE argument.
pub(super) struct Saved {
    file: PathBuf,
    model: Model,
    /// The training data, from the run.json next to the model.
    trained_on: Option<TrainedOn>,
}

/// The part of a run.json that is read.
#[derive(Deserialize)]
struct Run {
    data: Data,
}

impl Saved {
    /// Reads the network of a run's folder, or of a safetensors file. A file with the name of a run's model belongs to the run
    /// in its folder.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = model_file(path);
        let model = model::load(&file)?;
        let is_run = file.file_name().is_some_and(|name| name == MODEL);
        let trained_on = if is_run { source_of(&file.with_file_name(RUN)) } else { None };
        Ok(Self { file, model, trained_on })
    }

    /// The network, and the description of its pictures.
    pub fn network(self, functions: &FunctionArguments) -> Result<(Net, Params, Description), Error> {
        let Model { params, activation, output, description } = self.model;
        let activation = agreed("--activation", functions.activation, activation)?.unwrap_or_default();
        let output = agreed("--output", functions.output, output)?.unwrap_or_default();
        Ok((Net { shape: params.shape, activation, output }, params, description))
    }

    /// Opens the data of --data, or by default the training data, and returns them with the network.
    pub fn with_data(
        self,
        data: &DataArguments,
        functions: &FunctionArguments,
        progress: &mut Progress,
    ) -> Result<(Net, Params, Stores), Error> {
        let (stores, _) = data.open_or(self.trained_on.as_ref(), progress)?;
        let file = self.file.display().to_string();
        let (net, params, description) = self.network(functions)?;
        let shape = params.shape;
        if (shape.input, shape.classes) != (stores.train.pixels(), stores.classes) {
            return Err(Error::Usage(format!(
                "{file} is {shape}, but the data has {} and {}; give its own --data",
                counted(stores.train.pixels(), "pixel"),
                counted(stores.classes, "class")
            )));
        }
        if let Some((class, ours, theirs)) = description.differing_name(&stores.description) {
            return Err(Error::Usage(format!(
                "class {class} is {ours:?} in {file}, but {theirs:?} in the data; give its own --data"
            )));
        }
        if let (Some(ours), Some(theirs)) = (&description.preparation, &stores.description.preparation)
            && ours != theirs
        {
            progress.notice(format_args!(
                "{file} was trained on pictures with another preparation ({ours}; the data: {theirs})"
            ));
        }
        Ok((net, params, stores))
    }
}

/// The file of the network in a run's folder, or the file itself.
pub(super) fn model_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(MODEL) } else { path.to_owned() }
}

/// The data that a run was trained on, if its run.json can be read.
fn source_of(results: &Path) -> Option<TrainedOn> {
    let text = std::fs::read_to_string(results).ok()?;
    let Run { data } = serde_json::from_str(&text).ok()?;
    TrainedOn::of(data)
}
