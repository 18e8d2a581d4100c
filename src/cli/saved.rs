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
use crate::report::checkpoint::Checkpoint;
use crate::report::progress::{Progress, tell};
use crate::report::run_folder::{self, CHECKPOINT, MODEL, RUN};
use crate::report::summary::{Data, Settings};
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

impl Saved {
    /// Reads the network of a run's folder, or of a safetensors file. A file with the name of a run's model belongs to the run
    /// in its folder.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let (file, model, data) = load(path)?;
        let is_run = file.file_name().is_some_and(|name| name == MODEL);
        let data = data.or_else(|| if is_run { data_of(&file.with_file_name(RUN)) } else { None });
        Ok(Self { file, model, trained_on: data.and_then(TrainedOn::of) })
    }

    /// The network's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The network, and the description of its pictures.
    pub fn network(self, functions: &FunctionArguments) -> Result<(Net, Params, Description), Error> {
        self.network_with_notes(functions, |note| tell(format_args!("note: {note}")))
    }

    fn network_with_notes(
        self,
        functions: &FunctionArguments,
        note: impl FnMut(String),
    ) -> Result<(Net, Params, Description), Error> {
        notes(&self.file, &self.model, functions.activation).into_iter().for_each(note);
        let Model { params, activation, output, description, .. } = self.model;
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
        let (net, params, description) = self.network_with_notes(functions, |note| progress.notice(note))?;
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

/// Notes on what a file does not say itself, where an activation is given by a flag or not.
pub(super) fn notes(file: &Path, model: &Model, given: Option<Activation>) -> Vec<String> {
    let read = model.conversion.as_ref().map(|conversion| format!("{}: {conversion}", file.display()));
    let assumed = model.activation.or(given).is_none().then(|| {
        let default = Activation::default();
        let others: Vec<Activation> = Activation::ALL.into_iter().filter(|one| *one != default).collect();
        let others = either(&others);
        format!(
            "{}: names no activation: {default} is taken; --activation {others} if it was trained with that",
            file.display()
        )
    });
    read.into_iter().chain(assumed).collect()
}

/// The data of a run.json. Nothing else of it is read: another program may have changed it.
fn data_of(file: &Path) -> Option<Data> {
    #[derive(Deserialize)]
    struct Run {
        data: Data,
    }

    let Run { data } = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    Some(data)
}

/// Reads the network of a safetensors file, or of a run's folder: of a run without results that of its checkpoint, with a note.
/// Also returns its file, and the data that a checkpoint was trained on.
pub(super) fn load(path: &Path) -> Result<(PathBuf, Model, Option<Data>), Error> {
    let is_checkpoint = path.file_name().is_some_and(|name| name == CHECKPOINT);
    let path = path.parent().filter(|_| is_checkpoint).unwrap_or(path);
    let has_model = run_folder::has_results(path) || !path.join(CHECKPOINT).exists();
    if !is_checkpoint && (!path.is_dir() || has_model) {
        let file = if path.is_dir() { path.join(MODEL) } else { path.to_owned() };
        let model = model::load(&file)?;
        return Ok((file, model, None));
    }
    let Checkpoint { run, snapshot, .. } = run_folder::saved(path)?;
    if !has_model {
        tell(format_args!(
            "note: {0} has no results yet; this is its network after {1}; twolayer --resume {0} goes on with it",
            path.display(),
            counted(run.iterations, "iteration")
        ));
    }
    let Settings { activation, output, .. } = run.settings;
    let model = Model {
        params: snapshot.params().into_owned(),
        activation: Some(activation),
        output: Some(output),
        description: run.data.description.clone(),
        conversion: None,
    };
    Ok((path.join(CHECKPOINT), model, Some(run.data)))
}
