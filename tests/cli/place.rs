//! Where a test runs the command: a folder of its own with small data, what was said, and what a file holds.

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

/// Of the small data that every test trains on, so that an epoch of batches of 10 is 6 iterations.
pub const TRAIN_IMAGES: usize = 60;
pub const TEST_IMAGES: usize = 30;
pub const SIDE: usize = 6;
pub const PIXELS: usize = SIDE * SIDE;
pub const CLASSES: usize = 3;

pub const TRAIN_IMAGES_FILE: &str = "train-images-idx3-ubyte";
pub const TRAIN_LABELS_FILE: &str = "train-labels-idx1-ubyte";
pub const TEST_IMAGES_FILE: &str = "t10k-images-idx3-ubyte";
pub const TEST_LABELS_FILE: &str = "t10k-labels-idx1-ubyte";

/// A mirror at which nothing listens.
pub const DEAD_MIRROR: &str = "http://127.0.0.1:9/";

/// A folder of its own for one test, with the small data in `data`. Commands run in it, with an empty home beside it.
pub struct Place {
    pub folder: TempDir,
    pub home: TempDir,
    pub environment: Vec<(&'static str, String)>,
}

/// What a command said, and how it ended.
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

    /// A place where no GPU can be found.
    pub fn without_gpu() -> Self {
        // A backend of another system.
        let backend = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
        Self { environment: vec![("WGPU_BACKEND", backend.to_owned())], ..Self::new() }
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with these words, away from the person's own files and settings.
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
        // So that the tests can name files as they do.
        let stderr = text(output.stderr).replace(std::path::MAIN_SEPARATOR, "/");
        let said = Said { code: output.status.code(), stdout: text(output.stdout), stderr };
        assert!(!said.stderr.contains("panicked"), "{line}: {}", said.stderr);
        said
    }

    /// Runs a command that ends well.
    pub fn ok(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.stderr);
        said
    }

    /// Trains on the small data on the CPU.
    pub fn train(&self, flags: &str) -> Said {
        self.ok(&format!("--device cpu --data data --batch-size 10 {flags}"))
    }

    /// Runs a command that ends well with one JSON object, and nothing else, on stdout.
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --json")).stdout).unwrap()
    }

    /// Runs a command that fails with this exit code: it says so in one line, which is returned, and leaves every file
    /// as it was.
    pub fn fails(&self, code: i32, line: &str) -> String {
        let before = self.everything();
        let said = self.run(line);
        assert_eq!(said.code, Some(code), "{line}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{line}");
        let errors: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let &[error] = errors.as_slice() else { panic!("{line}: not one line of error: {}", said.stderr) };
        // Only the parser's own errors go on: they show the usage.
        if !said.stderr.trim_end().ends_with("try '--help'.") {
            assert_eq!(said.stderr.lines().last(), Some(error), "{line}");
        }
        let after = self.everything();
        assert!(before == after, "{line}: left {:?}", after.keys());
        error.to_owned()
    }

    /// Trains on the small data on the CPU, which fails.
    pub fn train_fails(&self, code: i32, flags: &str) -> String {
        self.fails(code, &format!("--device cpu --data data {flags}"))
    }

    /// Every file and folder below this place, with what the files hold.
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

    /// The loss of each step, after its number has been checked.
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

    /// What two runs on one device have in common if they are the same run.
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

/// Images of grey noise with a bright band whose place is the label, which any network can learn.
pub fn set(count: usize) -> Dataset {
    let label = |image: usize| image * 7 % CLASSES;
    let pixel = |place: usize| {
        let (image, row) = (place / PIXELS, place % PIXELS / SIDE);
        let noise = (place as u32).wrapping_mul(2_654_435_761) >> 25;
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

/// Equal, but for the last digit that a parser of JSON may lose.
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
