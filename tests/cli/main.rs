//! The command as a person meets it: what it prints, what it leaves in files, how it ends.

mod adapters;
mod fetching;
mod import;
mod screens;
mod sets;
mod shapes;
#[cfg(unix)]
mod signals;
mod threads;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use flate2::{Compression, write::GzEncoder};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use tempfile::TempDir;
use twolayer::data::description::Description;
use twolayer::data::{Dataset, idx};
use twolayer::model::{self, Model};
use twolayer::net::{Activation, Net, Output, Params, Shape};

/// Of the small data that every test trains on, so that an epoch of batches of 10 is 6 iterations.
const TRAIN_IMAGES: usize = 60;
const TEST_IMAGES: usize = 30;
const SIDE: usize = 6;
const PIXELS: usize = SIDE * SIDE;
const CLASSES: usize = 3;

const TRAIN_IMAGES_FILE: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS_FILE: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES_FILE: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS_FILE: &str = "t10k-labels-idx1-ubyte";

/// A mirror at which nothing listens.
const DEAD_MIRROR: &str = "http://127.0.0.1:9/";

/// A folder of its own for one test, with the small data in `data`. Commands run in it, with an empty home beside it.
struct Place {
    folder: TempDir,
    home: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a command said, and how it ended.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap(), home: TempDir::new().unwrap(), environment: Vec::new() };
        write_data(&place.path("data"));
        place
    }

    /// A place where no GPU can be found.
    fn without_gpu() -> Self {
        // A backend of another system.
        let backend = if cfg!(target_os = "macos") { "dx12" } else { "metal" };
        Self { environment: vec![("WGPU_BACKEND", backend.to_owned())], ..Self::new() }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with these words, away from the person's own files and settings.
    fn command(&self, line: &str) -> std::process::Command {
        let mut command = std::process::Command::new(cargo_bin!("twolayer"));
        command.args(line.split_whitespace()).current_dir(&self.folder);
        command.env("HOME", self.home.path()).env("XDG_CACHE_HOME", self.home.path()).env_remove("MNIST_DIR");
        command.envs(self.environment.iter().cloned());
        command
    }

    fn run(&self, line: &str) -> Said {
        let output = Command::from_std(self.command(line)).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        // So that the tests can name files as they do.
        let stderr = text(output.stderr).replace(std::path::MAIN_SEPARATOR, "/");
        let said = Said { code: output.status.code(), stdout: text(output.stdout), stderr };
        assert!(!said.stderr.contains("panicked"), "{line}: {}", said.stderr);
        said
    }

    /// Runs a command that ends well.
    fn ok(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}: {}", said.stderr);
        said
    }

    /// Trains on the small data on the CPU.
    fn train(&self, flags: &str) -> Said {
        self.ok(&format!("--device cpu --data data --batch-size 10 {flags}"))
    }

    /// Runs a command that ends well with one JSON object, and nothing else, on stdout.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --json")).stdout).unwrap()
    }

    /// Runs a command that fails with this exit code: it says so in one line, which is returned, and leaves every file
    /// as it was.
    fn fails(&self, code: i32, line: &str) -> String {
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
    fn train_fails(&self, code: i32, flags: &str) -> String {
        self.fails(code, &format!("--device cpu --data data {flags}"))
    }

    /// Every file and folder below this place, with what the files hold.
    fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
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

    fn model(&self, run: &str) -> Model {
        model::load(&self.path(run).join("model.safetensors")).unwrap()
    }

    /// The loss of each step, after its number has been checked.
    fn losses(&self, run: &str) -> Vec<f32> {
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
    fn result(&self, run: &str) -> (Model, Vec<f32>) {
        (self.model(run), self.losses(run))
    }

    /// The devices that `twolayer devices` lists.
    fn devices(&self) -> Vec<Value> {
        self.json("devices")["devices"].as_array().unwrap().clone()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Images of grey noise with a bright band whose place is the label, which any network can learn.
fn set(count: usize) -> Dataset {
    let label = |image: usize| image * 7 % CLASSES;
    let pixel = |place: usize| {
        let (image, row) = (place / PIXELS, place % PIXELS / SIDE);
        let noise = (place as u32).wrapping_mul(2_654_435_761) >> 25;
        noise as u8 + if row / 2 == label(image) { 127 } else { 0 }
    };
    let images = (0..count * PIXELS).map(pixel).collect();
    Dataset::new(images, (0..count).map(|image| label(image) as u8).collect(), SIDE, SIDE).unwrap()
}

fn write_data(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let file = |name: &str| fs::File::create(folder.join(name)).unwrap();
    let (train, test) = (set(TRAIN_IMAGES), set(TEST_IMAGES));
    idx::write_images(&train, file(TRAIN_IMAGES_FILE)).unwrap();
    idx::write_labels(train.labels(), file(TRAIN_LABELS_FILE)).unwrap();
    idx::write_images(&test, file(TEST_IMAGES_FILE)).unwrap();
    idx::write_labels(test.labels(), file(TEST_LABELS_FILE)).unwrap();
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// Equal, but for the last digit that a parser of JSON may lose.
fn assert_close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} is not {b}");
}

fn assert_holds(text: &str, part: &str) {
    assert!(text.contains(part), "'{part}' is not in: {text}");
}

mod gradcheck {
    use super::*;

    const CHECK: &str = "gradcheck --data data --batch-size 10 --hidden 4 --iterations 300 --samples 5";

    #[test]
    fn every_device_is_compared_at_both_points() {
        let place = Place::new();
        let found = place.json(CHECK);
        assert_eq!(found["passed"], true);
        let points = found["points"].as_array().unwrap();
        let names: Vec<&Value> = points.iter().map(|point| &point["name"]).collect();
        assert_eq!(names, ["initial weights, seed 0", "after 300 iterations, seed 0"]);
        assert!(float(&points[1]["loss"]) < float(&points[0]["loss"]), "it has learned");
        let devices = place.devices();
        for point in points {
            let rows = point["rows"].as_array().unwrap();
            let of_reference = rows.iter().filter(|row| row["device"].is_null()).count();
            assert_eq!((of_reference, rows.len()), (3, 3 + 7 * devices.len()));
            for device in &devices {
                let rows = || rows.iter().filter(|row| row["device"]["backend"] == device["backend"]);
                let judged: Vec<_> = rows().filter(|row| row["passed"] == true).collect();
                let by: Vec<_> = judged.iter().map(|row| (&row["gradient"], &row["step_size"])).collect();
                assert_eq!(by, [(&"backprop".into(), &Value::Null), (&"numerical".into(), &1e-4.into())]);
                assert_eq!(judged.iter().map(|row| float(&row["tolerance"])).collect::<Vec<_>>(), [1e-5, 5e-6]);
                let worst = |row: &Value| {
                    let tensors = row["tensors"].as_array().unwrap();
                    assert_eq!(
                        tensors.iter().map(|tensor| tensor["worst"].as_array().unwrap().len()).collect::<Vec<_>>(),
                        [2, 1, 2, 1]
                    );
                    tensors.iter().map(|tensor| float(&tensor["norm"])).fold(0.0, f64::max)
                };
                // Two losses in f32 have no digits to differ by.
                let naive = rows().find(|row| row["gradient"] == "naive" && row["step_size"] == 1e-4).unwrap();
                assert!(worst(naive) > 100.0 * worst(judged[1]), "{naive}");
            }
        }
    }

    #[test]
    fn a_table_for_a_person() {
        let place = Place::without_gpu();
        let said = place.ok(&format!("{CHECK} --step-size 1e-4 --step-size 0.5 --seed 3"));
        for part in
            ["initial weights, seed 3", "after 300 iterations, seed 3", "f64 reference", "0 CPU", "5e-1", "5e-6  ok"]
        {
            assert_holds(&said.stdout, part);
        }
        assert_holds(&said.stderr, "no GPU adapter found");
    }

    #[test]
    fn a_saved_network_is_checked_as_it_is() {
        let place = Place::new();
        place.train("--iterations 20 --out run");
        place.train("--iterations 20 --activation relu --out relu");
        for model in ["run", "run/model.safetensors"] {
            let found = place.json(&format!("gradcheck {model} --device cpu --data data"));
            assert_eq!(found["points"].as_array().unwrap().len(), 1);
            assert_eq!(found["points"][0]["name"], model);
        }
        let said = place.ok("gradcheck relu --device cpu");
        assert_holds(&said.stderr, "relu with softmax has no numerical gradient here");
        assert!(!said.stdout.contains("numerical  1e"), "{}", said.stdout);
        assert_holds(&said.stdout, "naive");
    }

    #[test]
    fn errors_by_step_size_are_drawn() {
        let place = Place::new();
        place.ok(&format!("{CHECK} --device cpu --plot errors.svg"));
        let svg = fs::read_to_string(place.path("errors.svg")).unwrap();
        for word in ["step size", "two losses, f64", "two losses, f32", "as a change, f32", "1e-7", "1e0"] {
            assert_holds(&svg, word);
        }
    }

    #[test]
    fn what_can_not_be_checked_is_told() {
        let place = Place::without_gpu();
        place.train("--iterations 0 --out run");
        for (code, flags, told) in [
            (1, "nowhere --data data", "nowhere"),
            (1, "--data nowhere", "nowhere"),
            (1, "--data nowhere --device 99", "there is no device 99"),
            (1, "--data data --plot nowhere/x.svg", "the plot cannot be written"),
            (2, "--data data --plot x.txt", "end its name in one of these"),
            (2, "run --hidden 5", "cannot be used with"),
            (2, "--relu", "unexpected argument"),
            (2, "--step-size 3", "give a number from 0.00000001 to 1"),
            (2, "--samples 0", "0 is not in 1..=10000"),
            (2, "--batch-size 8193", "8193 is not in 1..=8192"),
        ] {
            assert_holds(&place.fails(code, &format!("gradcheck {flags}")), told);
        }
    }
}

mod train {
    use super::*;

    #[test]
    fn is_the_default_command() {
        let place = Place::new();
        place.train("--iterations 10 --out a");
        place.ok("train --device cpu --data data --batch-size 10 --iterations 10 --out b");
        assert_eq!(place.result("a"), place.result("b"));
    }

    #[test]
    fn learns_and_says_so_after_every_epoch() {
        let place = Place::new();
        let said = place.train("--learning-rate 0.5 --iterations 100 --out run");
        // After iterations 0, 6, ... 96: as often as on MNIST after 10,000 of batches of 100.
        assert_eq!(said.stderr.matches("train acc, test acc |").count(), 17);
        assert_holds(&said.stderr, "epoch  16  train acc, test acc | 1.0000, 1.0000");
        assert_holds(&said.stderr, "device: CPU");
        assert_holds(&said.stderr, "data: data, 60 images to train, 30 to test, 6x6, 3 classes");
        assert_holds(&said.stderr, "network: 36-50-3, sigmoid and softmax\n");
        assert_holds(&said.stderr, "training: 100 iterations of 10 images, learning rate 0.5\n");
    }

    #[test]
    fn prints_the_results_and_nothing_else_on_stdout() {
        let place = Place::new();
        let said = place.train("--iterations 10 --out run");
        assert!(said.stdout.trim_start().starts_with("accuracy by epoch"), "{}", said.stdout);
        assert_holds(&said.stdout, "test loss");
        assert_holds(&said.stdout, "iterations/s");
        assert!(said.stdout.ends_with("saved in run\n"), "{}", said.stdout);
        assert!(!said.stdout.contains("device:") && !said.stdout.contains("epoch  "), "{}", said.stdout);
        assert!(!said.stderr.contains("test loss"), "{}", said.stderr);
        // There is no terminal, so there is no bar.
        assert!(!said.stderr.contains(['\r', '\u{1b}']), "{:?}", said.stderr);
    }

    #[test]
    fn draws_no_chart_where_there_is_no_epoch() {
        let said = Place::new().train("--iterations 0 --no-save");
        assert!(said.stdout.starts_with("train acc, test acc |"), "{}", said.stdout);
    }

    #[test]
    fn initial_weights_are_spread_as_asked() {
        let place = Place::new();
        place.train("--iterations 0 --out book");
        place.train("--iterations 0 --weight-init normal --out normal");
        assert!(place.model("normal") == place.model("book"));
        let said = place.train("--iterations 0 --weight-init he --out he");
        assert_holds(&said.stderr, "36-50-3, sigmoid and softmax, initial weights by he; 0 iterations");
        place.train("--iterations 0 --weight-init xavier --out xavier");
        // The same draws, by each layer's deviation.
        let [book, he, xavier] = ["book", "he", "xavier"].map(|run| place.model(run).params);
        for (spread, scale) in [(&he, 2.0_f32), (&xavier, 1.0)] {
            for (weights, of_book, inputs) in [(&spread.w1, &book.w1, 36.0), (&spread.w2, &book.w2, 50.0)] {
                let ratio = (scale / inputs).sqrt() / 0.01;
                assert!(weights.iter().zip(of_book).all(|(a, b)| (a / b / ratio - 1.0).abs() < 1e-5));
            }
        }
        let kept = |run: &str| -> Value {
            let run: Value = serde_json::from_slice(&fs::read(place.path(run).join("run.json")).unwrap()).unwrap();
            serde_json::json!([run["settings"]["weight_init"], run["settings"]["weight_init_std"]])
        };
        assert_eq!(kept("he"), serde_json::json!(["he", null]));
        assert_eq!(kept("book")[0], "normal");
        assert!((float(&kept("book")[1]) - 0.01).abs() < 1e-9);
        place.train("--iterations 0 --init he --out again");
        assert_eq!(kept("again"), serde_json::json!([null, null]));
    }

    #[test]
    fn a_run_that_learns_nothing_gets_one_note() {
        let place = Place::new();
        let slow = "--device cpu --data data --batch-size 10 --learning-rate 1e-6 --iterations 400 --no-save";
        let note = "note: after 50 epochs the training accuracy is 0.333, no more than the largest class's share of 0.333; \
                    --activation relu --weight-init he, or a higher --learning-rate, often helps\n";
        for flags in ["", "--quiet"] {
            let said = place.ok(&format!("{slow} {flags} --json"));
            assert_eq!(said.stderr.matches("note: after").count(), 1, "{}", said.stderr);
            assert_holds(&said.stderr, note);
            serde_json::from_str::<Value>(&said.stdout).unwrap();
        }
        let said = place.train("--learning-rate 0.5 --iterations 400 --no-save");
        assert!(!said.stderr.contains("note:"), "{}", said.stderr);
    }

    #[test]
    fn quiet_leaves_only_the_results() {
        let said = Place::new().train("--iterations 10 --no-save --quiet");
        assert_eq!(said.stderr, "");
        assert_holds(&said.stdout, "test loss");
    }

    #[test]
    fn json_holds_what_is_promised() {
        let place = Place::new();
        let run = place.json("--device cpu --data data --batch-size 10 --iterations 100 --out run");
        let expected = ["backend", "cores", "driver", "instructions", "kind", "model", "name", "software"];
        assert_eq!(keys(&run["device"]), expected);
        assert_eq!((&run["device"]["kind"], &run["device"]["software"]), (&"cpu".into(), &false.into()));
        assert!(run["kernels"].is_null(), "{}", run["kernels"]);
        let source = Path::new(run["data"]["source"].as_str().unwrap());
        assert!(source.is_absolute());
        assert_eq!(source.canonicalize().unwrap(), place.path("data").canonicalize().unwrap());
        let data =
            serde_json::json!({ "source": source, "train": TRAIN_IMAGES, "test": TEST_IMAGES, "classes": CLASSES });
        assert_eq!(run["data"], data);
        assert_eq!(run["iterations"], 100);
        let number = |key: &str| float(&run[key]);
        assert_close(number("steps_per_second"), 100.0 / number("train_seconds"));
        assert_close(number("images_per_second"), 10.0 * number("steps_per_second"));
        assert!(number("seconds") >= number("train_seconds") + number("eval_seconds"));
        assert_eq!(keys(&run["final"]), ["test_accuracy", "test_loss", "train_accuracy"]);
        let epochs = run["epochs"].as_array().unwrap();
        assert_eq!(epochs.len(), 17);
        for (number, epoch) in epochs.iter().enumerate() {
            assert_eq!(keys(epoch), ["iteration", "test_accuracy", "train_accuracy"]);
            assert_eq!(epoch["iteration"], 6 * number);
            let accuracy = float(&epoch["train_accuracy"]);
            assert!((0.0..=1.0).contains(&accuracy), "{accuracy}");
        }
        assert_eq!(run["out"], "run");
    }

    #[test]
    fn the_folder_of_a_run_holds_its_results_losses_and_model() {
        let place = Place::new();
        let run = place.json("--device cpu --data data --hidden 7 --iterations 20 --activation relu --out some/run");
        let mut names: Vec<_> = entries(&place.path("some/run"));
        names.sort();
        assert_eq!(
            names,
            ["history.csv", "model.safetensors", "run.json"].map(|name| place.path("some/run").join(name))
        );

        let kept = fs::read_to_string(place.path("some/run/run.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), run);
        let losses = place.losses("some/run");
        assert_eq!(losses.len(), 20);
        assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
        let Model { params, activation, output, .. } = place.model("some/run");
        assert_eq!(params.shape, Shape { input: PIXELS, hidden: 7, classes: CLASSES });
        assert_eq!((activation, output), (Some(Activation::Relu), Some(Output::Softmax)));
    }

    #[test]
    fn no_save_leaves_no_file() {
        let place = Place::new();
        let before = place.everything();
        assert_eq!(place.json("--device cpu --data data --iterations 5 --no-save")["out"], Value::Null);
        assert!(place.everything() == before);
    }

    #[test]
    fn runs_are_kept_by_time_and_device_each_in_its_own_folder() {
        let place = Place::new();
        // Fast enough for two of them to fall into one second.
        for _ in 0..4 {
            let said = place.train("--iterations 1");
            assert_holds(&said.stdout, "saved in runs");
        }
        let runs = entries(&place.path("runs"));
        assert_eq!(runs.len(), 4);
        for run in runs {
            let name = run.file_name().unwrap().to_str().unwrap();
            let form = name.replace(|c: char| c.is_ascii_digit(), "0");
            assert!(form.starts_with("0000-00-00T00-00-00Z-cpu"), "{name}");
            assert_eq!(entries(&run).len(), 3, "{name}");
        }
    }

    #[test]
    fn overwrite_replaces_the_run_in_a_folder() {
        let place = Place::new();
        place.train("--iterations 3 --out run");
        place.train("--iterations 5 --out run --overwrite");
        assert_eq!(place.losses("run").len(), 5);
        // Where there is no run, there is nothing to be asked about.
        fs::create_dir(place.path("empty")).unwrap();
        place.train("--iterations 2 --out empty");
        assert_eq!(place.losses("empty").len(), 2);
    }

    #[test]
    fn one_seed_gives_the_same_files_again_and_another_seed_does_not() {
        let place = Place::new();
        for (run, seed) in [("a", 0), ("b", 0), ("c", 1)] {
            place.train(&format!("--iterations 30 --seed {seed} --out {run}"));
        }
        let files =
            |run: &str| ["model.safetensors", "history.csv"].map(|name| fs::read(place.path(run).join(name)).unwrap());
        assert_eq!(place.result("a"), place.result("b"));
        assert!(files("a") == files("b"), "one seed, but not one content of the files");
        let [(a, a_losses), (c, c_losses)] = ["a", "c"].map(|run| place.result(run));
        assert!(a != c && a_losses != c_losses);
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let place = Place::new();
        for threads in [1, 2] {
            place.train(&format!("--iterations 30 --threads {threads} --out {threads}"));
        }
        assert_eq!(place.result("1"), place.result("2"));
    }

    #[test]
    fn epochs_are_times_through_the_training_set() {
        let place = Place::new();
        assert_eq!(place.json("--device cpu --data data --batch-size 10 --epochs 3 --no-save")["iterations"], 18);
        // A batch larger than the set is a whole epoch.
        let run = place.json("--device cpu --data data --batch-size 100 --epochs 2 --no-save");
        assert_eq!((&run["iterations"], run["epochs"].as_array().unwrap().len()), (&2.into(), 2));
    }

    #[test]
    fn numerical_gradients_train_as_backprop_does() {
        let place = Place::new();
        place.train("--iterations 30 --out backprop");
        place.train("--iterations 30 --gradient numerical --out numerical");
        for (numerical, backprop) in place.losses("numerical").iter().zip(place.losses("backprop")) {
            assert!((numerical - backprop).abs() < 1e-5, "{numerical} and {backprop}");
        }
        assert_ne!(place.model("numerical").params, place.model("backprop").params);
        let settings = |run: &str| {
            let text = fs::read_to_string(place.path(run).join("run.json")).unwrap();
            let settings = serde_json::from_str::<Value>(&text).unwrap()["settings"].clone();
            (settings["gradient"].clone(), settings["step_size"].clone())
        };
        assert_eq!(settings("backprop"), ("backprop".into(), Value::Null));
        assert_eq!(settings("numerical"), ("numerical".into(), 1e-4.into()));
        // A step so coarse that it is another gradient.
        place.train("--iterations 30 --gradient numerical --step-size 1 --out coarse");
        assert_eq!(settings("coarse"), ("numerical".into(), 1.0.into()));
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart(&place.losses("coarse"), &place.losses("backprop")) > 1e-5);
    }

    #[test]
    fn naive_gradients_train_the_reference() {
        let place = Place::new();
        place.train("--iterations 7 --hidden 4 --learning-rate 1 --gradient numerical --out numerical");
        let flags =
            "--data data --batch-size 10 --iterations 7 --hidden 4 --learning-rate 1 --gradient naive --out naive";
        let said = place.ok(flags);
        assert_holds(&said.stderr, "the f64 reference, 1 thread");
        assert_holds(&said.stderr, "--gradient numerical computes the same differences in seconds");
        assert_holds(&said.stderr, "epoch   1");
        let run: Value = serde_json::from_str(&fs::read_to_string(place.path("naive/run.json")).unwrap()).unwrap();
        assert_eq!((&run["device"]["backend"], &run["settings"]["gradient"]), (&"reference".into(), &"naive".into()));
        let numerical: Value =
            serde_json::from_str(&fs::read_to_string(place.path("numerical/run.json")).unwrap()).unwrap();
        assert_eq!(
            (&run["epochs"], run["final"]["test_accuracy"].clone()),
            (&numerical["epochs"], numerical["final"]["test_accuracy"].clone())
        );
        let (naive, numerical) = (place.model("naive").params, place.model("numerical").params);
        for (naive, numerical) in naive.tensors().iter().zip(numerical.tensors()) {
            for (a, b) in naive.values.iter().zip(numerical.values) {
                assert!((a - b).abs() < 1e-5, "{}: {a} and {b}", naive.name);
            }
        }
        // Any network will do, as for no numerical gradient.
        place
            .ok("--data data --iterations 1 --hidden 2 --activation relu --output identity --gradient naive --no-save");
    }

    #[test]
    fn a_gradient_that_can_not_be_had_is_told_before_anything_else() {
        let place = Place::new();
        for (flags, told) in [
            ("--gradient numerical --activation relu", "no numerical gradient for relu with softmax"),
            ("--gradient numerical --output identity", "no numerical gradient for sigmoid with identity"),
            ("--step-size 0.1", "--step-size is for --gradient numerical or naive"),
            ("--gradient backprop --step-size 0.1", "--step-size is for --gradient numerical or naive"),
            ("--gradient numerical --step-size 0", "give a number from 0.00000001 to 1"),
            ("--gradient numerical --step-size 2", "give a number from 0.00000001 to 1"),
            ("--gradient numerical --step-size NaN", "give a number from 0.00000001 to 1"),
            ("--gradient exact", "choose backprop, numerical or naive"),
        ] {
            assert_holds(&place.fails(2, &format!("--data nowhere {flags}")), told);
        }
        let line = place.fails(2, "--data nowhere --gradient naive --device gpu");
        assert_holds(&line, "leave out --device and --threads");
        let line = place.fails(2, "--data nowhere --gradient naive --threads 2");
        assert_holds(&line, "leave out --device and --threads");
    }

    #[test]
    fn sampling_chooses_the_batches() {
        let place = Place::new();
        place.train("--iterations 0 --out start");
        let run = |sampling: &str, seed: u64| {
            let name = format!("{sampling}{seed}");
            let flags = format!("--init start/model.safetensors --iterations 6 --sampling {sampling} --seed {seed}");
            place.train(&format!("{flags} --out {name}"));
            place.losses(&name)
        };
        let (replacement, shuffle) = (run("replacement", 0), run("shuffle", 0));
        assert_ne!(replacement, shuffle);
        assert_ne!(replacement, run("replacement", 1));
        assert_ne!(shuffle, run("shuffle", 1));
        // In file order there is nothing for a seed to choose.
        assert_eq!(run("sequential", 0), run("sequential", 1));
    }

    #[test]
    fn init_goes_on_from_a_saved_model() {
        let place = Place::new();
        place.train("--iterations 0 --hidden 7 --activation relu --output identity --out start");
        assert!(place.losses("start").is_empty());
        let start = "--init start/model.safetensors";
        // The width and the functions are the file's.
        place.train(&format!("{start} --iterations 0 --out none"));
        assert_eq!(place.model("none"), place.model("start"));
        place.train(&format!("{start} --iterations 1 --hidden 7 --out one"));
        assert_ne!(place.model("one").params, place.model("start").params);
        place.train("--iterations 1 --hidden 7 --activation relu --output identity --out direct");
        assert_eq!(place.result("one"), place.result("direct"));
    }

    #[test]
    fn a_flag_may_not_contradict_the_model() {
        let place = Place::new();
        place.train("--iterations 0 --activation relu --out start");
        place.train("--init start/model.safetensors --iterations 1 --activation relu --out run");
        assert_eq!(place.model("run").activation, Some(Activation::Relu));
        let line = place.train_fails(2, "--init start/model.safetensors --activation sigmoid --no-save");
        assert_holds(&line, "--activation sigmoid, but the file says relu; leave out --activation");
        let line = place.fails(2, "eval start --device cpu --data data --output identity");
        assert_holds(&line, "--output identity, but the file says softmax; leave out --output");
    }

    #[test]
    fn plot_draws_both_formats() {
        let place = Place::new();
        place.train("--iterations 20 --no-save --plot plot.svg");
        let svg = fs::read_to_string(place.path("plot.svg")).unwrap();
        assert_holds(&svg, "<svg");
        for text in ["train acc", "test acc", "epochs", "accuracy"] {
            assert_holds(&svg, text);
        }
        assert_holds(
            &place.train_fails(1, "--no-save --plot plot.svg"),
            "plot.svg: is there already; choose another name, or give --overwrite",
        );
        place.train("--iterations 20 --no-save --plot plot.svg --overwrite");
        place.train("--iterations 20 --no-save --plot plot.PNG");
        let png = fs::read(place.path("plot.PNG")).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    }

    #[test]
    fn the_plot_may_go_into_the_folder_of_the_run() {
        let place = Place::new();
        place.train("--iterations 5 --out run --plot run/accuracy.svg");
        assert!(place.path("run/accuracy.svg").is_file());
    }
}

mod data {
    use super::*;

    /// On other systems the cache does not follow the environment.
    #[cfg(unix)]
    #[test]
    fn without_mnist_the_built_in_digits_take_over_and_are_named() {
        let place = Place::new();
        let said = place.ok("--device cpu --offline --iterations 1 --out run --json");
        let note = said.stderr.lines().find(|line| line.starts_with("note: ")).unwrap();
        assert_eq!(note, "note: mnist: it is not in the cache; --verbose says more; going on with the built-in digits");
        let run: Value = serde_json::from_str(&said.stdout).unwrap();
        let data = serde_json::json!({ "source": "built-in", "train": 60_000, "test": 10_000, "classes": 10 });
        assert_eq!(run["data"], data);
        // A run remembers what it was trained on.
        let eval = place.json("eval run --device cpu --offline");
        assert_eq!((&eval["accuracy"], &eval["loss"]), (&run["final"]["test_accuracy"], &run["final"]["test_loss"]));
    }

    #[cfg(unix)]
    #[test]
    fn a_mirror_that_does_not_answer_is_named() {
        let place = Place::new();
        let flags = format!("--device cpu --mirror {DEAD_MIRROR} --iterations 1 --no-save");
        let notes = |said: &Said| {
            said.stderr.lines().filter(|line| line.starts_with("note: ")).map(str::to_owned).collect::<Vec<_>>()
        };
        let start = "note: mnist: it cannot be downloaded (1 mirror: no answer)";
        let said = place.ok(&flags);
        let expected = format!("{start}; --verbose says more; going on with the built-in digits");
        assert_eq!(notes(&said), [expected]);
        assert!(!said.stderr.contains(DEAD_MIRROR), "{}", said.stderr);
        let said = place.ok(&format!("{flags} --verbose"));
        assert_holds(&said.stderr, &format!("mnist: {DEAD_MIRROR}train-images-idx3-ubyte.gz: no answer ("));
        assert_eq!(notes(&said), [format!("{start}; going on with the built-in digits")]);
        // That other data are used is said all the same.
        let said = place.ok(&format!("{flags} --verbose --quiet"));
        assert_eq!(said.stderr, format!("{start}; going on with the built-in digits\n"));
        // Who asks for MNIST gets MNIST or nothing.
        assert_holds(&place.fails(1, &format!("{flags} --data mnist")), DEAD_MIRROR);
    }

    #[test]
    fn mnist_dir_is_where_mnist_is() {
        let place = Place { environment: vec![("MNIST_DIR", "data".to_owned())], ..Place::new() };
        let run = place.json("--device cpu --offline --iterations 1 --no-save");
        assert_eq!((&run["data"]["source"], &run["data"]["train"]), (&"mnist".into(), &TRAIN_IMAGES.into()));
        // What is wrong there is said, and not made up for.
        fs::remove_file(place.path("data").join(TEST_LABELS_FILE)).unwrap();
        assert_holds(&place.fails(1, "--device cpu --offline --iterations 1"), "data: holds no file of test labels");
    }
}

mod eval {
    use super::*;

    #[test]
    fn gives_the_results_that_training_ended_with() {
        let place = Place::new();
        let run = place.json("--device cpu --data data --iterations 40 --out run");
        let last = &run["final"];

        let test = place.json("eval run --device cpu");
        assert_eq!(keys(&test), ["accuracy", "confusion", "images", "loss", "split"]);
        assert_eq!((&test["split"], &test["images"]), (&"test".into(), &TEST_IMAGES.into()));
        assert_eq!((&test["accuracy"], &test["loss"]), (&last["test_accuracy"], &last["test_loss"]));
        let rows = test["confusion"].as_array().unwrap();
        let count = |row: &Value| -> u64 { row.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum() };
        // Each label has a third of the images.
        assert_eq!(rows.iter().map(count).collect::<Vec<_>>(), [10; CLASSES]);
        let right: u64 = (0..CLASSES).map(|class| rows[class][class].as_u64().unwrap()).sum();
        assert_close(float(&test["accuracy"]), right as f64 / TEST_IMAGES as f64);

        let train = place.json("eval run --device cpu --split train");
        assert_eq!((&train["split"], &train["images"]), (&"train".into(), &TRAIN_IMAGES.into()));
        assert_eq!(train["accuracy"], last["train_accuracy"]);
    }

    #[test]
    fn a_run_s_file_is_of_that_run() {
        let place = Place::new();
        place.train("--iterations 40 --transpose --out run");
        let of_run = place.json("eval run --device cpu");
        assert_eq!(place.json("eval run/model.safetensors --device cpu"), of_run);
        assert_eq!(place.json("gradcheck run/model.safetensors --device cpu")["passed"], true);
        let inside =
            place.command("eval model.safetensors --device cpu --json").current_dir(place.path("run")).output();
        assert_eq!(serde_json::from_slice::<Value>(&inside.unwrap().stdout).unwrap(), of_run);
        // Another file beside run.json may be anything, and so may this one elsewhere.
        fs::copy(place.path("run/model.safetensors"), place.path("run/other.safetensors")).unwrap();
        fs::create_dir(place.path("elsewhere")).unwrap();
        fs::copy(place.path("run/model.safetensors"), place.path("elsewhere/model.safetensors")).unwrap();
        for file in ["run/other.safetensors", "elsewhere/model.safetensors"] {
            let line = place.fails(2, &format!("eval {file} --device cpu --offline"));
            assert_holds(&line, &format!("{file} is 36-50-3, but the data has 784 pixels and 10 classes"));
        }
        // What is asked for goes before.
        let line = place.fails(2, "eval run/model.safetensors --device cpu --data synthetic");
        assert_holds(&line, "but the data has 784 pixels");
    }

    #[test]
    fn prints_a_table_for_a_person() {
        let place = Place::new();
        place.train("--iterations 5 --out run");
        let said = place.ok("eval run --device cpu");
        assert_holds(&said.stdout, "label \\ predicted");
        assert!(said.stdout.ends_with("30 images\n"), "{}", said.stdout);
        assert_eq!(place.ok("eval run --device cpu --quiet").stderr, "");
    }

    #[test]
    fn the_functions_of_a_model_without_metadata_are_given_by_flags() {
        let place = Place::new();
        place.train("--iterations 40 --activation relu --output identity --out run");
        let params = place.model("run").params;
        let named = params.tensors().map(|tensor| (tensor.name, tensor.dims.clone(), tensor.values.to_vec()));
        fs::write(place.path("bare.safetensors"), safetensors(Dtype::F32, &named)).unwrap();
        assert_eq!(model::load(&place.path("bare.safetensors")).unwrap().activation, None);

        let eval = |arguments: &str| place.json(&format!("eval {arguments} --device cpu --data data"));
        let right = eval("run");
        assert_eq!(eval("bare.safetensors --activation relu --output identity"), right);
        assert_ne!(eval("bare.safetensors"), right);
    }

    #[test]
    fn what_can_not_be_evaluated_is_an_error() {
        let place = Place::new();
        assert_holds(&place.fails(1, "eval missing --device cpu --data data"), "missing: can't be read");
        assert_holds(&place.fails(1, "eval data --device cpu"), "data/model.safetensors: can't be read");
        assert_holds(&place.fails(2, "eval --device cpu"), "required arguments were not provided");
        place.train("--iterations 1 --out run");
        let line = place.fails(2, "eval run --device cpu --data synthetic");
        assert_holds(&line, "model.safetensors is 36-50-3, but the data has 784 pixels and 10 classes");
    }
}

mod devices {
    use super::*;

    #[test]
    fn the_cpu_is_listed_first() {
        let place = Place::new();
        let devices = place.devices();
        for (index, device) in devices.iter().enumerate() {
            let of_kind: &[&str] = if index == 0 { &["cores", "instructions", "model"] } else { &["pci", "type"] };
            let mut expected = [&["backend", "driver", "index", "kind", "name", "software"], of_kind].concat();
            expected.sort_unstable();
            assert_eq!(keys(device), expected);
            assert_eq!(device["type"] == "software", device["software"] == true, "{device}");
            assert_eq!(device["index"], index);
            assert_eq!(device["kind"], if index == 0 { "cpu" } else { "gpu" });
        }
        let said = place.ok("devices");
        assert!(said.stdout.lines().all(|line| line.chars().count() <= 80), "{}", said.stdout);
        for device in &devices {
            let name = device["model"].as_str().or(device["name"].as_str()).unwrap();
            // A long name goes on in the next line.
            assert_holds(&said.stdout, name.split(' ').next().unwrap());
        }
        assert_holds(&said.stdout, devices[0]["instructions"].as_str().unwrap());
    }

    #[test]
    fn the_machine_is_named() {
        let place = Place::new();
        let list = place.json("devices --device cpu");
        let machine = &list["machine"];
        assert_eq!(machine["os"], std::env::consts::OS);
        assert_eq!((&machine["cpu"], &machine["cores"]), (&list["devices"][0]["model"], &list["devices"][0]["cores"]));
        let said = place.ok("devices --device cpu --verbose").stdout;
        for key in ["cpu", "os_version", "kernel"] {
            assert_holds(&said, machine[key].as_str().unwrap_or_default());
        }
    }

    #[test]
    fn verbose_names_the_kernels_of_each_gpu() {
        let place = Place::new();
        let list: Value =
            serde_json::from_str(&place.ok("devices --verbose --tune --device cpu --json").stdout).unwrap();
        assert_eq!(list["devices"][0].get("kernels"), None);
        let list: Value = serde_json::from_str(&place.ok("devices --verbose --json").stdout).unwrap();
        for gpu in &list["devices"].as_array().unwrap()[1..] {
            assert_eq!(gpu["class"] == "software", gpu["software"] == true, "{gpu}");
            assert!(["tiled", "fused"].map(Value::from).contains(&gpu["kernels"]["narrow"]), "{gpu}");
            assert_eq!(gpu["kernels"]["wide"], "blocked", "{gpu}");
        }
    }

    #[test]
    fn every_listed_device_trains_by_its_index() {
        let place = Place::new();
        for mut device in place.devices() {
            let index = device.as_object_mut().unwrap().remove("index").unwrap();
            let run = place.json(&format!("--device {index} --data data --iterations 3 --no-save"));
            assert_eq!(run["device"], device);
        }
    }

    #[test]
    fn gpu_is_the_first_one_listed_and_auto_takes_no_software_for_one() {
        let place = Place::new();
        let devices = place.devices();
        let Some(gpu) = devices.get(1) else { return };
        let said = place.ok("--device gpu --no-fallback --data data --iterations 3 --no-save --json");
        let run: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!((&run["device"]["name"], &run["device"]["backend"]), (&gpu["name"], &gpu["backend"]));
        assert!(["tiled", "fused", "blocked"].map(Value::from).contains(&run["kernels"]["family"]), "{run}");
        assert!(run["kernels"]["step"].as_array().is_some_and(|step| step.len() >= 2), "{run}");
        assert_eq!(said.stderr.contains("software GPU"), gpu["software"] == true, "{}", said.stderr);
        assert_eq!(said.stderr.contains("--device cpu is faster"), gpu["software"] == true, "{}", said.stderr);

        let auto = place.json("--data data --iterations 3 --no-save");
        assert_eq!(auto["device"]["kind"], if gpu["software"] == true { "cpu" } else { "gpu" });
    }

    #[test]
    fn without_a_gpu_the_cpu_takes_over_and_says_why() {
        let mut places = vec![Place::without_gpu()];
        if cfg!(target_os = "linux") {
            let nowhere = |variable| (variable, "/nonexistent".to_owned());
            let no_drivers = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"].map(nowhere);
            places.push(Place { environment: no_drivers.into(), ..Place::new() });
        }
        for place in places {
            let said = place.ok("--device gpu --data data --iterations 3 --no-save --json");
            let note = said.stderr.lines().find(|line| line.starts_with("note: ")).unwrap();
            assert_holds(note, "no GPU adapter found");
            assert_holds(note, "install");
            assert_holds(note, "going on with the CPU");
            assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap()["device"]["kind"], "cpu");

            let line = place.fails(1, "--device gpu --no-fallback --data data --iterations 3");
            assert_holds(&line, "no GPU adapter found");
            assert_eq!(place.devices().len(), 1);
            assert_holds(&place.ok("devices").stderr, "no GPU adapter found");
            // Who asks for nothing in particular is not bothered.
            assert!(!place.ok("--data data --iterations 3 --no-save").stderr.contains("GPU"));
        }
    }

    #[test]
    fn a_device_that_there_is_not_is_an_error() {
        let place = Place::without_gpu();
        assert_holds(&place.fails(1, "--device 1 --data data"), "there is no device 1;");
        assert_holds(&place.fails(1, "--device 99999999999999999999 --data data"), "99999999999999999999");
        let line = place.fails(1, "--device abacus --data data");
        assert_holds(&line, "no device is named 'abacus'");
        assert_holds(&line, "0 CPU");
        place.train("--iterations 1 --out run");
        assert_holds(&place.fails(1, "eval run --device abacus"), "no device is named 'abacus'");
    }
}

mod bench {
    use super::*;

    /// The least that can be timed.
    const LEAST: &str = "bench --device cpu --hidden 3 --batch-size 5 -r 2";

    #[test]
    fn json_holds_what_is_promised() {
        let place = Place::new();
        let run = place.json("bench --device cpu --threads 1 --workload article -r 2");
        assert_eq!(run["build"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(run["build"]["commit"].is_string());
        let date = run["build"]["date"].as_str().unwrap().replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(date, "0000-00-00T00:00:00Z");
        let density = float(&run["data"]["density"]);
        assert!((0.1..0.3).contains(&density), "{density}");
        assert_eq!((&run["data"]["source"], &run["data"]["images"]), (&"built-in".into(), &60_000.into()));

        assert_eq!((&run["schema"], &run["devices"][0]["name"]), (&2.into(), &"CPU, 1 thread".into()));
        assert_eq!(run["machine"]["cpu"], run["devices"][0]["model"]);

        let [row] = run["rows"].as_array().unwrap().as_slice() else { panic!("not one row: {run}") };
        for (key, value) in [
            ("adapter", "CPU, 1 thread".into()),
            ("backend", "cpu".into()),
            ("driver", "".into()),
            ("kind", "cpu".into()),
            ("software", false.into()),
            ("workload", "article".into()),
            ("step", "training".into()),
            ("hidden", 50.into()),
            ("batch_size", 100.into()),
            ("ok", true.into()),
            ("skipped", Value::Null),
            ("kernels", serde_json::json!([])),
        ] {
            assert_eq!(row[key], value, "{key}");
        }
        let samples: Vec<f64> = row["samples"].as_array().unwrap().iter().map(float).collect();
        assert_eq!(samples.len(), 2);
        let rate = float(&row["steps_per_second"]);
        assert_close(rate, samples.iter().sum::<f64>() / 2.0);
        assert_close(float(&row["median_steps_per_second"]), rate);
        assert_close(float(&row["images_per_second"]), rate * 100.0);
        assert_close(float(&row["microseconds_per_step"]), 1e6 / rate);
        assert_close(float(&row["gflops"]), rate * (4 * 100 * 784 * 50 + 6 * 100 * 50 * 10) as f64 / 1e9);
        let control = &run["control"];
        assert_eq!((&control["workload"], &control["backend"]), (&"article".into(), &"cpu".into()));
        assert_eq!(control["samples"].as_array().unwrap().len(), 2);
        assert!(control["ok"].is_boolean() && control["ratio"].is_number(), "{control}");
        // Another test beside it keeps the machine busy, or none does.
        if cfg!(target_os = "linux") {
            assert_eq!((&row["others"], &control["others"]), (&run["during"]["others"], &run["during"]["others"]));
            assert!(run["during"]["load_average_after"].is_number(), "{run}");
        }
    }

    #[test]
    fn inference_is_of_the_whole_set() {
        let run = Place::new().json("bench --device cpu --workload inference -r 1");
        let row = &run["rows"][0];
        assert_eq!(
            (&row["workload"], &row["batch_size"], &row["ok"]),
            (&"inference".into(), &60_000.into(), &true.into())
        );
        // One repetition scatters by nothing that could be known.
        assert_eq!((&row["deviation"], &run["control"]["ok"]), (&Value::Null, &false.into()));
    }

    #[test]
    fn every_format_is_printed_on_stdout_alone() {
        let place = Place::new();
        let table = place.ok(LEAST);
        for part in ["steps/s", "custom: 784-3-10, batches of 5", "0 CPU", "control: ", "% of their pixels not 0"] {
            assert_holds(&table.stdout, part);
        }
        assert_holds(&table.stderr, "custom: preparing 0 CPU");
        assert!(!table.stderr.contains("steps/s"), "{}", table.stderr);
        let md = place.ok(&format!("{LEAST} --format md --quiet"));
        assert!(md.stdout.contains("\n| workload | network | images | device |"), "{}", md.stdout);
        assert_eq!(md.stderr, "");
        let csv = place.ok(&format!("{LEAST} --format csv"));
        assert!(csv.stdout.starts_with("version,commit,date,") && csv.stdout.lines().count() == 2, "{}", csv.stdout);
        assert_holds(&csv.stderr, "control: ");
        let json = place.ok(&format!("{LEAST} --format json"));
        assert!(serde_json::from_str::<Value>(&json.stdout).unwrap()["rows"].is_array());
        place.ok(&format!("{LEAST} --format json --json"));
    }

    #[test]
    fn a_saved_run_is_compared_with() {
        let place = Place::new();
        let saved = place.json(&format!("{LEAST} --save saved.json"));
        let kept: Value = serde_json::from_slice(&fs::read(place.path("saved.json")).unwrap()).unwrap();
        assert_eq!(kept["build"], saved["build"]);
        assert_eq!(saved["rows"][0]["compared"], Value::Null);

        let told = place.fails(1, &format!("{LEAST} --save saved.json"));
        assert_holds(&told, "saved.json: is there already; choose another name, or give --overwrite");
        let run = place.json(&format!("{LEAST} --compare saved.json --save saved.json --overwrite"));
        let (row, old) = (&run["rows"][0], &saved["rows"][0]);
        let ratio = float(&row["steps_per_second"]) / float(&old["steps_per_second"]);
        assert_close(float(&row["compared"]["ratio"]), ratio);
        assert_eq!(run["compared_with"], saved["build"]);
        let said = place.ok(&format!("{LEAST} --compare saved.json"));
        assert_holds(&said.stdout, "to saved");
        // As another machine saved it, by another name of the same network, and by a later version.
        let mut other = kept;
        other["machine"]["cpu"] = "Abacus 9000".into();
        other["rows"][0]["workload"] = "abacus".into();
        fs::write(place.path("other.json"), other.to_string()).unwrap();
        let said = place.ok(&format!("{LEAST} --compare other.json"));
        assert_holds(&said.stdout, "OTHER MACHINE: the saved run had processor Abacus 9000, here ");
        assert_holds(&said.stdout, "to saved: over the run of ");
        other["schema"] = 3.into();
        fs::write(place.path("later.json"), other.to_string()).unwrap();
        assert_holds(&place.fails(1, "bench --compare later.json"), "later.json was saved by a newer twolayer");
        // What the saved run has no row of stands alone.
        let other = place.json("bench --device cpu --hidden 4 --batch-size 5 -r 1 --compare saved.json");
        assert_eq!(other["rows"][0]["compared"], Value::Null);
    }

    #[test]
    fn files_that_will_not_do_are_found_out_before_anything_is_timed() {
        let place = Place::new();
        fs::write(place.path("other.json"), "{}").unwrap();
        // All devices and workloads would take minutes.
        assert_holds(&place.fails(1, "bench --compare missing.json"), "missing.json can't be read");
        assert_holds(&place.fails(1, "bench --compare other.json"), "other.json is no saved benchmark");
        assert_holds(&place.fails(1, "bench --save missing/file"), "missing/file can't be written");
        assert_holds(&place.fails(1, "bench --save data"), "data can't be written");
    }

    #[test]
    fn a_device_or_a_workload_that_there_is_not_is_an_error() {
        let place = Place::without_gpu();
        assert_holds(&place.fails(1, "bench --device cpu --device abacus"), "no device is named 'abacus'");
        assert_holds(&place.fails(1, "bench --device gpu"), "no GPU adapter found");
        let cases = [
            ("--workload huge", "choose article, wide, large or inference"),
            ("--workload article --hidden 5", "--hidden"),
            ("--workload article --batch-size 5", "--batch-size"),
            ("--hidden 4097", "4096"),
            ("--batch-size 0", "8192"),
            ("-r 0", "1..=100"),
            ("--repetitions 101", "1..=100"),
            ("--format xml", "csv"),
            ("--json --format md", "--json"),
            ("--threads 0", "threads"),
        ];
        for (flags, part) in cases {
            let said = place.run(&format!("bench --device cpu {flags}"));
            assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{flags}");
            assert_holds(&said.stderr, part);
        }
    }

    #[test]
    fn a_device_given_twice_is_timed_once() {
        let place = Place::new();
        let run = place.json(&format!("{LEAST} --device 0 --device cpu"));
        assert_eq!(run["rows"].as_array().unwrap().len(), 1);
    }
}

mod help {
    use super::*;

    const DEVICE_AND_DATA: [&str; 9] = [
        "--device",
        "--no-fallback",
        "--threads",
        "--data",
        "--transpose",
        "--offline",
        "--mirror",
        "--max-memory",
        "--verbose",
    ];
    const TRAIN: [&str; 22] = [
        "--hidden",
        "--batch-size",
        "--learning-rate",
        "--iterations",
        "--epochs",
        "--weight-init",
        "--weight-init-std",
        "--activation",
        "--output",
        "--gradient",
        "--step-size",
        "--sampling",
        "--seed",
        "--init",
        "--out",
        "--no-save",
        "--overwrite",
        "--plot",
        "--quiet",
        "--json",
        "--help",
        "--version",
    ];
    const EVAL: [&str; 6] = ["--split", "--activation", "--output", "--quiet", "--json", "--help"];

    const GRADCHECK: [&str; 21] = [
        "--device",
        "--threads",
        "--data",
        "--transpose",
        "--offline",
        "--mirror",
        "--max-memory",
        "--verbose",
        "--hidden",
        "--batch-size",
        "--iterations",
        "--seed",
        "--step-size",
        "--samples",
        "--activation",
        "--output",
        "--plot",
        "--overwrite",
        "--quiet",
        "--json",
        "--help",
    ];

    const BENCH: [&str; 13] = [
        "--device",
        "--workload",
        "--hidden",
        "--batch-size",
        "--repetitions",
        "--threads",
        "--format",
        "--save",
        "--overwrite",
        "--compare",
        "--quiet",
        "--json",
        "--help",
    ];

    /// The first word of every line that begins so.
    fn listed(help: &str, prefix: &str) -> Vec<String> {
        let lines = help
            .lines()
            .map(str::trim_start)
            .map(|line| ["-h, ", "-V, ", "-r, "].into_iter().fold(line, str::trim_start_matches));
        let words = lines.filter(|line| line.starts_with(prefix)).filter_map(|line| line.split_whitespace().next());
        words.map(str::to_owned).collect()
    }

    fn assert_flags(line: &str, expected: &[&str]) {
        let mut found = listed(&Place::new().ok(line).stdout, "--");
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn lists_what_works_and_nothing_else() {
        assert_flags("--help", &[&DEVICE_AND_DATA[..], &TRAIN].concat());
        assert_flags("train --help", &[&DEVICE_AND_DATA[..], &TRAIN[..TRAIN.len() - 1]].concat());
        assert_flags("eval --help", &[&DEVICE_AND_DATA[..], &EVAL].concat());
        assert_flags("gradcheck --help", &GRADCHECK);
        assert_flags("bench --help", &BENCH);
        assert_flags("devices --help", &["--device", "--verbose", "--tune", "--json", "--help"]);
        let help = Place::new().ok("-h").stdout;
        let (_, commands) = help.split_once("Commands:\n").unwrap();
        let (commands, _) = commands.split_once("\n\n").unwrap();
        assert_eq!(listed(commands, ""), ["train", "eval", "gradcheck", "bench", "devices", "data", "help"]);
    }

    #[test]
    fn names_the_version() {
        let expected = concat!("twolayer ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(Place::new().ok("--version").stdout, expected);
    }
}

mod bad_flags {
    use super::*;

    /// Words on the command line, and what the error says.
    const USAGE: [(&str, &str); 34] = [
        ("--hidden 0", "hidden"),
        ("--hidden 4097", "4096"),
        ("--batch-size 0", "batch"),
        ("--batch-size 8193", "8192"),
        ("--batch-size -1", "--batch-size"),
        ("--learning-rate nan", "--learning-rate"),
        ("--learning-rate inf", "give a finite number above 0"),
        ("--learning-rate 1e39", "give a finite number above 0"),
        ("--learning-rate 0", "give a finite number above 0"),
        ("--learning-rate 1e-50", "give a finite number above 0"),
        ("--learning-rate -1", "give a finite number above 0"),
        ("--weight-init-std -1", "--weight-init-std"),
        ("--weight-init-std nan", "--weight-init-std"),
        ("--weight-init-std 1e38", "--weight-init-std"),
        ("--weight-init glorot", "choose normal, xavier or he"),
        ("--weight-init he --weight-init-std 0.01", "--weight-init-std is for --weight-init normal alone; he takes"),
        ("--weight-init xavier --weight-init-std 1", "--weight-init normal alone; xavier takes"),
        ("--weight-init he --init x", "cannot be used with"),
        ("--iterations 5 --epochs 1", "--epochs"),
        ("--iterations many", "--iterations"),
        ("--iterations -5", "--iterations"),
        ("--threads 0", "--threads"),
        ("--threads 1025", "1024"),
        ("--seed 18446744073709551616", "--seed"),
        ("--activation tanh", "choose sigmoid or relu"),
        ("--output argmax", "choose softmax or identity"),
        ("--sampling none", "choose replacement, shuffle or sequential"),
        ("--no-save --out run", "--out"),
        ("--no-save --overwrite", "--overwrite"),
        ("--iterations", "--iterations"),
        ("--iterations 5 --iterations 6", "--iterations"),
        ("--gradient exact", "--gradient"),
        ("devices", "devices"),
        ("dance", "dance"),
    ];

    #[test]
    fn end_with_the_exit_code_of_usage_and_name_the_flag() {
        let place = Place::new();
        for (flags, part) in USAGE {
            assert_holds(&place.train_fails(2, flags), part);
        }
        assert_holds(&place.fails(2, "eval run --split both"), "--split");
        assert_holds(&place.fails(2, "devices --offline"), "--offline");
    }

    #[test]
    fn are_found_before_any_data_is_read() {
        let place = Place::new();
        for (flags, part) in USAGE {
            assert_holds(&place.fails(2, &format!("--device cpu --data missing {flags}")), part);
        }
    }

    #[test]
    fn a_plot_that_can_not_be_written_is_found_before_training() {
        let place = Place::new();
        for name in ["plot", "plot.pdf", "svg", "plot.svg.gz"] {
            let line = place.train_fails(2, &format!("--iterations 1 --plot {name}"));
            assert_holds(&line, &format!("{name}: a plot is an .svg or .png file"));
        }
        let line = place.train_fails(1, "--iterations 1 --plot missing/plot.svg");
        assert_holds(&line, "missing/plot.svg: the plot cannot be written");
        fs::create_dir(place.path("folder.svg")).unwrap();
        assert_holds(
            &place.train_fails(1, "--iterations 1 --plot folder.svg"),
            "folder.svg: the plot cannot be written",
        );
    }

    #[test]
    fn out_must_be_a_folder_that_takes_a_run() {
        let place = Place::new();
        fs::write(place.path("file"), "mine").unwrap();
        assert_holds(&place.train_fails(1, "--out file"), "file is a file, not a folder");
        assert_holds(&place.train_fails(1, "--out file --overwrite"), "file is a file, not a folder");
        assert_holds(&place.train_fails(1, "--out file/run"), "file/run can't be written to");
        fs::write(place.path("runs"), "mine").unwrap();
        assert_holds(&place.train_fails(1, ""), "can't be written to");
    }

    #[test]
    fn a_run_is_not_overwritten_unasked() {
        let place = Place::new();
        place.train("--iterations 3 --out run");
        let line = place.train_fails(1, "--iterations 5 --out run");
        assert_holds(&line, "run already holds a run; choose another --out, or add --overwrite");
        // One of its files is enough.
        for file in ["run.json", "model.safetensors"] {
            fs::remove_file(place.path("run").join(file)).unwrap();
            place.train_fails(1, "--iterations 5 --out run");
        }
    }
}

/// Each damage is met in a fresh folder of data.
mod bad_data {
    use super::*;

    type Damage = fn(&mut Vec<u8>);

    /// What is said of data of which one file was damaged.
    fn complaint(file: &str, damage: Damage) -> String {
        let place = Place::new();
        let path = place.path("data").join(file);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        place.train_fails(1, "--iterations 1")
    }

    #[test]
    fn a_damaged_file_is_named_with_what_is_wrong() {
        let cases: [(&str, Damage, &str); 11] = [
            (TRAIN_IMAGES_FILE, |bytes| bytes.truncate(116), "ends after 100 of the 2160 bytes that its header says"),
            (TRAIN_IMAGES_FILE, |bytes| bytes.truncate(10), "ends within its header"),
            (TRAIN_IMAGES_FILE, Vec::clear, "ends within its header"),
            (TRAIN_IMAGES_FILE, |bytes| bytes.push(0), "goes on after the 2160 bytes that its header says"),
            (
                TRAIN_IMAGES_FILE,
                |bytes| bytes[2] = 0x0d,
                "holds 32-bit floats in 3 dimensions (60 x 6 x 6), but images are",
            ),
            (TRAIN_IMAGES_FILE, |bytes| bytes[3] = 1, "holds labels where images are expected"),
            (TRAIN_IMAGES_FILE, |bytes| bytes[4..8].fill(0), "holds no images"),
            (TRAIN_IMAGES_FILE, |bytes| bytes[4..8].fill(0xff), "ends after 2160 of the 154618822620 bytes"),
            (TRAIN_IMAGES_FILE, |bytes| bytes[8..12].fill(0xff), "has images of 4294967295x6 pixels"),
            (TRAIN_IMAGES_FILE, |bytes| bytes[11] = 0, "has images of 0x6 pixels"),
            (TRAIN_LABELS_FILE, |bytes| bytes[7] += 1, "ends after 60 of the 61 bytes that its header says"),
        ];
        for (file, damage, part) in cases {
            let line = complaint(file, damage);
            assert!(line.starts_with(&format!("error: data/{file}: {part}")), "{line}");
        }
    }

    #[test]
    fn files_that_do_not_belong_together_are_named() {
        let one_less: Damage = |bytes| {
            bytes[7] -= 1;
            bytes.pop();
        };
        let line = complaint(TRAIN_LABELS_FILE, one_less);
        assert_holds(&line, "data/train-images-idx3-ubyte: 60 images but 59 labels");
        assert_holds(&complaint(TEST_LABELS_FILE, one_less), "data/t10k-images-idx3-ubyte: 30 images but 29 labels");
        let line = complaint(TEST_LABELS_FILE, |bytes| bytes[8] = CLASSES as u8);
        assert_holds(&line, "test label 0 (counted from 0) is 3, but the training labels end at 2");
        assert_holds(&complaint(TRAIN_LABELS_FILE, |bytes| bytes[8] = 255), "the largest training label is 255");
        assert_holds(&complaint(TRAIN_LABELS_FILE, |bytes| bytes[8..].fill(0)), "the largest training label is 0");
    }

    #[test]
    fn a_gzip_file_that_is_none_or_is_cut_is_named() {
        let place = Place::new();
        let raw = place.path("data").join(TRAIN_IMAGES_FILE);
        let compressed = place.path("data").join(format!("{TRAIN_IMAGES_FILE}.gz"));
        let content = fs::read(&raw).unwrap();
        fs::remove_file(raw).unwrap();
        fs::write(&compressed, &content).unwrap();
        let line = place.train_fails(1, "");
        assert_holds(&line, "data/train-images-idx3-ubyte.gz: is named .gz but holds no gzip data");

        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        std::io::Write::write_all(&mut encoder, &content).unwrap();
        let gzip = encoder.finish().unwrap();
        // Within its header, its content and its checksum.
        for cut in [5, gzip.len() / 2, gzip.len() - 3] {
            fs::write(&compressed, &gzip[..cut]).unwrap();
            assert_holds(&place.train_fails(1, ""), "data/train-images-idx3-ubyte.gz: ");
        }
        fs::write(&compressed, &gzip).unwrap();
        place.train("--iterations 1 --no-save");
    }

    #[test]
    fn a_folder_that_lacks_a_file_or_is_missing_is_named() {
        let place = Place::new();
        let line = place.fails(1, "--device cpu --data missing");
        assert_holds(&line, "missing: no such folder, and no set of that name");
        let line = place.fails(1, &format!("--device cpu --data data/{TRAIN_IMAGES_FILE}"));
        assert_holds(&line, "cannot be opened as a folder");
        fs::remove_file(place.path("data").join(TEST_LABELS_FILE)).unwrap();
        let line = place.train_fails(1, "");
        assert_holds(&line, "data: holds no file of test labels");
        assert_holds(&line, TEST_LABELS_FILE);
    }
}

/// A tensor for a file: its name, its dimensions and its values.
type NamedTensor = (&'static str, Vec<usize>, Vec<f32>);

/// A safetensors file of these tensors, without metadata.
fn safetensors(dtype: Dtype, tensors: &[NamedTensor]) -> Vec<u8> {
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

mod bad_init {
    use super::*;

    const HIDDEN: usize = 4;

    /// Four tensors of zeros that make a model for the small data.
    fn zeros() -> [NamedTensor; 4] {
        let zeros = |name, dims: &[usize]| (name, dims.to_vec(), vec![0.0; dims.iter().product()]);
        [
            zeros("W1", &[PIXELS, HIDDEN]),
            zeros("b1", &[HIDDEN]),
            zeros("W2", &[HIDDEN, CLASSES]),
            zeros("b2", &[CLASSES]),
        ]
    }

    /// What is said of an --init file with this content.
    fn complaint(code: i32, content: &[u8], flags: &str) -> String {
        let place = Place::new();
        fs::write(place.path("init"), content).unwrap();
        place.train_fails(code, &format!("--iterations 1 --init init {flags}"))
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_by_its_place() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (place, (name, ..)) in zeros().iter().enumerate() {
                let mut tensors = zeros();
                tensors[place].2[2] = value;
                let line = complaint(1, &safetensors(Dtype::F32, &tensors), "");
                assert_holds(&line, &format!("init: tensor {name} holds {value} at index 2"));
            }
        }
    }

    #[test]
    fn another_dtype_is_named() {
        assert_holds(
            &complaint(1, &safetensors(Dtype::F64, &zeros()), ""),
            "init: tensor W1 is F64; convert it to F32",
        );
    }

    #[test]
    fn tensors_that_make_no_network_are_named() {
        let with = |place: usize, name: &'static str, dims: &[usize]| {
            let mut tensors = zeros();
            tensors[place] = (name, dims.to_vec(), vec![0.0; dims.iter().product()]);
            complaint(1, &safetensors(Dtype::F32, &tensors), "")
        };
        assert_holds(&with(0, "W1", &[PIXELS * HIDDEN]), "init: tensor W1 has shape [144]");
        assert_holds(&with(1, "b1", &[HIDDEN + 1]), "init: tensor b1 has shape [5]");
        assert_holds(&with(2, "W2", &[HIDDEN + 1, CLASSES]), "init: tensor W2 has shape [5, 3]");
        assert_holds(&with(3, "b2", &[1, CLASSES]), "init: tensor b2 has shape [1, 3]");
        assert_holds(&with(3, "bias", &[CLASSES]), "init: has no tensor b2");
    }

    #[test]
    fn a_file_that_is_cut_or_of_another_kind_is_named() {
        let content = safetensors(Dtype::F32, &zeros());
        for content in [&content[..content.len() - 1], &content[..20], &[], b"PK\x03\x04 and so on"] {
            assert_holds(&complaint(1, content, ""), "init: is no whole safetensors file");
        }
    }

    #[test]
    fn a_path_that_is_neither_a_file_nor_a_run_is_named() {
        let place = Place::new();
        for (path, file) in [("missing", "missing"), ("data", "data/model.safetensors")] {
            let line = place.train_fails(1, &format!("--init {path}"));
            assert_holds(&line, &format!("{file}: can't be read"));
        }
    }

    #[test]
    fn a_run_is_taken_as_its_file_is() {
        let place = Place::new();
        place.train("--hidden 7 --iterations 20 --out first");
        place.train("--iterations 20 --init first --out of_run");
        place.train("--iterations 20 --init first/model.safetensors --out of_file");
        assert!(place.result("of_run") == place.result("of_file"));
    }

    #[test]
    fn a_model_of_another_shape_is_refused() {
        let content = safetensors(Dtype::F32, &zeros());
        let line = complaint(2, &content, "--hidden 5");
        assert_holds(&line, "--hidden 5, but the file says 4; leave out --hidden");
        let place = Place::new();
        fs::write(place.path("init"), content).unwrap();
        let line = place.fails(2, "--device cpu --data synthetic --init init");
        assert_holds(&line, "--init is 36-4-3, but the data needs 784-4-10");
    }

    #[test]
    fn an_unknown_function_in_its_metadata_is_named() {
        let shape = Shape { input: PIXELS, hidden: HIDDEN, classes: CLASSES };
        let net = Net { shape, activation: Activation::Relu, output: Output::Softmax };
        let mut content = Vec::new();
        model::write(&mut content, &net, &Params::zeros(shape), &Description::default()).unwrap();
        let relu = content.windows(4).position(|bytes| bytes == b"relu").unwrap();
        content[relu..relu + 4].copy_from_slice(b"tanh");
        assert_holds(&complaint(1, &content, ""), "init: its metadata: 'tanh' is no activation");
    }
}

mod ends_early {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_loss_that_is_not_finite_ends_the_run_with_the_last_good_weights() {
        let place = Place::new();
        let flags = "--device cpu --data data --activation relu --output identity --learning-rate 10 --iterations 500";
        let said = place.run(&format!("{flags} --out run --json"));
        assert_eq!(said.code, Some(1));
        let shown: Value = serde_json::from_str(&said.stdout).unwrap();
        let losses = place.losses("run");
        let (last, good) = losses.split_last().unwrap();
        assert!(!last.is_finite() && good.iter().all(|loss| loss.is_finite()), "{losses:?}");
        let error = said.stderr.lines().last().unwrap();
        assert_holds(error, &format!("error: the loss was no finite number at iteration {};", good.len()));
        assert_holds(error, "the last weights with a finite loss are in run");
        assert_holds(error, "--learning-rate");
        // To load a model is to find its values finite.
        place.model("run");
        assert!(place.json("eval run --device cpu")["loss"].is_number());
        let run: Value = serde_json::from_slice(&fs::read(place.path("run/run.json")).unwrap()).unwrap();
        assert!(run["final"]["test_loss"].is_number(), "{run}");
        assert_eq!(shown, run);

        let line = place.fails(1, &format!("{flags} --no-save"));
        assert_holds(&line, "nothing was kept (--no-save)");
    }

    #[test]
    fn results_are_seen_even_where_a_file_can_not_be_written() {
        let place = Place::new();
        // A folder where the results' file should go.
        fs::create_dir_all(place.path("run/run.json")).unwrap();
        let said = place.run("--device cpu --data data --iterations 20 --out run --overwrite --plot plot.svg");
        assert_eq!(said.code, Some(1), "{}", said.stderr);
        assert_holds(&said.stdout, "train acc, test acc |");
        assert!(!said.stdout.contains("saved in"), "{}", said.stdout);
        let error = said.stderr.lines().last().unwrap();
        assert_holds(error, "run/run.json can't be written");
        assert_holds(error, "; the run is in run-2 instead");
        assert_eq!(place.losses("run-2").len(), 20);
        assert!(place.path("plot.svg").is_file());
    }

    #[test]
    fn a_first_loss_that_is_not_finite_leaves_the_initial_weights() {
        let place = Place::new();
        let shape = Shape { input: PIXELS, hidden: 4, classes: CLASSES };
        let net = Net { shape, activation: Activation::Relu, output: Output::Identity };
        let params = Params { b2: vec![f32::MAX; CLASSES], ..Params::zeros(shape) };
        model::save(&place.path("huge"), &net, &params, &Description::default()).unwrap();
        let said = place.run("--device cpu --data data --init huge --iterations 5 --out run");
        assert_eq!(said.code, Some(1));
        let error = said.stderr.lines().last().unwrap();
        assert_holds(error, "error: the loss was no finite number at iteration 0;");
        assert_holds(error, "initial weights");
        assert_eq!(place.losses("run").len(), 1);
        assert_eq!(place.model("run").params, params);
    }

    /// `head` closes its end like this.
    #[test]
    fn a_reader_that_goes_away_ends_no_run() {
        let place = Place::new();
        let start = |out: &str| {
            let mut command = place.command(&format!("--device cpu --data data --iterations 200 --out {out}"));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut child = start("stderr");
        drop(child.stderr.take());
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
        assert_eq!(place.losses("stderr").len(), 200);

        let mut child = start("stdout");
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(!String::from_utf8(output.stderr).unwrap().contains("error"));
        assert_eq!(place.losses("stdout").len(), 200);
    }

    #[cfg(unix)]
    #[test]
    fn ctrl_c_saves_what_there_is() {
        use std::io::{BufRead, BufReader, Read};

        let place = Place::new();
        // Were it not interrupted, it would end after a while.
        let mut command =
            place.command("--device cpu --data data --batch-size 1 --iterations 1000000 --out run --json");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("epoch ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended before its first epoch");
        }
        Command::new("kill").args(["-INT", &child.id().to_string()]).assert().success();
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{rest}");
        let error = rest.lines().rev().nth(1).unwrap();
        assert!(error.starts_with("error: interrupted;") && error.ends_with(" in run"), "{error}");

        let run: Value = serde_json::from_slice(&output.stdout).unwrap();
        let done = run["iterations"].as_u64().unwrap();
        assert!((1..1_000_000).contains(&done));
        assert_eq!(place.losses("run").len() as u64, done);
        let eval = place.json("eval run --device cpu");
        assert_eq!(eval["accuracy"], run["final"]["test_accuracy"]);
    }
}
