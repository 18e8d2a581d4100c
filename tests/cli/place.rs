//! The environment of a test: a temporary folder with small data, the output of a command, and the contents of its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use tempfile::TempDir;
use twolayer::data::{Dataset, idx};
use twolayer::model::{self, Model};

/// The size of the small data. An epoch with batches of 10 has 6 iterations.
pub const TRAIN_IMAGES: usize = 60;
pub const TEST_IMAGES: usize = 30;
pub const SIDE: usize = 6;
pub const PIXELS: usize = SIDE * SIDE;
pub const CLASSES: usize = 3;

pub const TRAIN_IMAGES_FILE: &str = "train-images-idx3-ubyte";
pub const TRAIN_LABELS_FILE: &str = "train-labels-idx1-ubyte";
pub const TEST_IMAGES_FILE: &str = "t10k-images-idx3-ubyte";
pub const TEST_LABELS_FILE: &str = "t10k-labels-idx1-ubyte";

/// The address of a mirror without a server.
pub const DEAD_MIRROR: &str = "http://127.0.0.1:9/";

/// The folder of one test, with the small data in `data`, and an empty home folder. Commands run in it.
pub struct Place {
    pub folder: TempDir,
    pub home: TempDir,
    pub environment: Vec<(&'static str, String)>,
}

/// The output and the exit code of a command.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap(), home: TempDir::new().unwrap(), environment: Vec::new() };
        write_data(&place.path("data"));
        place
    }

    /// An environment in which no GPU is found.
    pub fn without_gpu() -> Self {
        // This backend exists only on another system.
        let backend = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
        Self { environment: vec![("WGPU_BACKEND", backend.to_owned())], ..Self::new() }
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with these arguments, without the user's files and settings.
    pub fn command(&self, line: &str) -> std::process::Command {
        let mut command = std::process::Command::new(cargo_bin!("twolayer"));
        command.args(line.split_whitespace()).current_dir(&self.folder);
        command.env("HOME", self.home.path()).env("XDG_CACHE_HOME", self.home.path()).env_remove("MNIST_DIR");
        command.envs(self.environment.iter().cloned());
        command
    }

    pub fn run(&self, line: &str) -> Said {
        let output = Command::from_std(self.command(line)).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // The tests write paths with a slash.
        let stderr = text(output.stderr).replace(std::path::MAIN_SEPARATOR, "/");
        let said = Said { code: output.status.code(), stdout: text(output.stdout), stderr };
        assert!(!said.stderr.contains("panicked"), "{line}: {}", said.stderr);
        said
    }

    /// Runs a command that succeeds.
    pub fn ok(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.stderr);
        said
    }

    /// Trains on the small data on the CPU.
    pub fn train(&self, flags: &str) -> Said {
        self.ok(&format!("--device cpu --data data --batch-size 10 {flags}"))
    }

    /// Runs a command that succeeds with only a JSON object on stdout.
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --json")).stdout).unwrap()
    }

    /// The run.json of a run's folder.
    pub fn run_json(&self, run: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(run).join("run.json")).unwrap()).unwrap()
    }

    /// Runs a command that fails with this exit code, one line of error, and no changed file. Returns the line.
    pub fn fails(&self, code: i32, line: &str) -> String {
        let before = self.everything();
        let said = self.run(line);
        assert_eq!(said.code, Some(code), "{line}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{line}");
        let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let &[error] = errors.as_slice() else { panic!("{line}: not one line of error: {}", said.stderr) };
        // Only the errors of clap have more lines: the usage.
        if !said.stderr.trim_end().ends_with("try '--help'.") {
            assert_eq!(said.stderr.lines().last(), Some(error), "{line}");
        }
        let after = self.everything();
        assert!(before == after, "{line}: left {:?}", after.keys());
        error.to_owned()
    }

    /// Trains on the small data on the CPU, and fails.
    pub fn train_fails(&self, code: i32, flags: &str) -> String {
        self.fails(code, &format!("--device cpu --data data {flags}"))
    }

    /// Every file and folder below the test's folder, with the contents of the files.
    pub fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                if path.is_dir() {
                    folders.push(path.clone());
                    found.insert(path, Vec::new());
                } else {
                    let content = fs::read(&path).unwrap();
                    found.insert(path, content);
                }
            }
        }
        found
    }

    pub fn model(&self, run: &str) -> Model {
        model::load(&self.path(run).join("model.safetensors")).unwrap()
    }

    /// The loss of each step. The numbers of the steps are checked.
    pub fn losses(&self, run: &str) -> Vec<f32> {
        let history = fs::read_to_string(self.path(run).join("history.csv")).unwrap();
        let mut lines = history.lines();
        assert_eq!(lines.next(), Some("iteration,loss"));
        let losses = lines.enumerate().map(|(number, line)| {
            let (iteration, loss) = line.split_once(',').unwrap();
            assert_eq!(iteration, number.to_string());
            loss.parse().unwrap()
        });
        losses.collect()
    }

    /// The model and the losses, which are the same for two equal runs on one device.
    pub fn result(&self, run: &str) -> (Model, Vec<f32>) {
        (self.model(run), self.losses(run))
    }

    /// The devices that `twolayer devices` lists.
    pub fn devices(&self) -> Vec<Value> {
        self.json("devices")["devices"].as_array().unwrap().clone()
    }
}

pub fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Images of grey noise with a bright band. The label is the position of the band, so any network can learn it.
pub fn set(count: usize) -> Dataset {
    let label = |image: usize| image * 7 % CLASSES;
    let pixel = |index: usize| {
        let (image, row) = (index / PIXELS, index % PIXELS / SIDE);
        let noise = (index as u32).wrapping_mul(2_654_435_761) >> 25;
        noise as u8 + if row / 2 == label(image) { 127 } else { 0 }
    };
    let images = (0..count * PIXELS).map(pixel).collect();
    Dataset::new(images, (0..count).map(|image| label(image) as u8).collect(), SIDE, SIDE).unwrap()
}

pub fn write_data(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let file = |name: &str| fs::File::create(folder.join(name)).unwrap();
    let (train, test) = (set(TRAIN_IMAGES), set(TEST_IMAGES));
    idx::write_images(&train, file(TRAIN_IMAGES_FILE)).unwrap();
    idx::write_labels(train.labels(), file(TRAIN_LABELS_FILE)).unwrap();
    idx::write_images(&test, file(TEST_IMAGES_FILE)).unwrap();
    idx::write_labels(test.labels(), file(TEST_LABELS_FILE)).unwrap();
}

pub fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

pub fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// Asserts equality, except for the last digit, which a JSON parser may lose.
pub fn assert_close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
}

pub fn assert_holds(text: &str, part: &str) {
    assert!(text.contains(part), "'{part}' is not in: {text}");
}

/// A tensor for a file: its name, its dimensions and its values.
pub type NamedTensor = (&'static str, Vec<usize>, Vec<f32>);

/// A safetensors file of these tensors, without metadata.
pub fn safetensors(dtype: Dtype, tensors: &[NamedTensor]) -> Vec<u8> {
    let bytes = |value: &f32| match dtype {
        Dtype::F64 => f64::from(*value).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    };
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, dims, values)| (*name, dims.clone(), values.iter().flat_map(bytes).collect::<Vec<u8>>()))
        .collect();
    let view = |(name, dims, bytes)| (name, TensorView::new(dtype, dims, bytes).unwrap());
    let views = tensors.iter().map(|(name, dims, bytes)| view((*name, dims.clone(), bytes.as_slice())));
    safetensors::serialize(views, None).unwrap()
}
