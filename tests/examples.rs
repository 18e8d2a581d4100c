//! Every example runs, and says what its own first lines promise.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use twolayer::data::{Dataset, Splits, digits, save_dir};
use twolayer::{Classifier, model};

/// Runs an example that ends well; what it printed. Cargo builds the examples beside the tests.
fn run(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("examples");
    let program: PathBuf = built.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is not built; run all of `cargo test`, or cargo build --examples",
        program.display()
    );
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let (said, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{name}: {said}{error}");
    said
}

/// Saves so many digits to train and 50 to test in `set`.
fn save_digits(folder: &Path, train: usize) -> Splits {
    let digits = |count, seed| {
        let (images, labels) = digits::draw(count, seed);
        Dataset::new(images, labels, digits::SIDE, digits::SIDE).unwrap()
    };
    let sets = Splits::new(digits(train, 1), digits(50, 2)).unwrap();
    save_dir(&folder.join("set"), &sets).unwrap();
    sets
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}

#[test]
fn train_saves_a_network_that_answers() {
    let folder = TempDir::new().unwrap();
    let sets = save_digits(folder.path(), 300);
    let said = run("train", folder.path(), &["set", "digits.safetensors", "3"]);
    assert_holds(&said, &["300 images to train, 50 to test", "test: accuracy 0.", "saved in digits.safetensors"]);
    let path = folder.path().join("digits.safetensors");
    let evaluation = Classifier::load(&path).unwrap().evaluate(&sets.test).unwrap();
    assert_holds(&said, &[&format!("test: accuracy {:.4}", evaluation.accuracy())]);
    assert!(model::load(&path).unwrap().activation.is_some());
}

#[test]
fn your_own_data_is_learned() {
    let folder = TempDir::new().unwrap();
    let said = run("your_own_data", folder.path(), &[]);
    assert_holds(&said, &["480 images to train, 120 to test", "stripes across", "stripes upright", "stripes aslant"]);
    let accuracy: f64 = said.lines().next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(accuracy > 0.9, "{said}");
}

#[test]
fn two_devices_end_at_nearly_the_same_weights() {
    let folder = TempDir::new().unwrap();
    let said = run("two_devices", folder.path(), &[]);
    let differences: Vec<f64> = said
        .lines()
        .filter(|line| line.starts_with("  of "))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(differences.len(), 5, "{said}");
    assert!(differences.iter().all(|difference| *difference < 1e-4), "{said}");
    assert_holds(&run("two_devices", folder.path(), &["cpu", "cpu"]), &["of W1      0.0e0"]);
}

#[test]
fn one_step_is_the_reference_s() {
    let folder = TempDir::new().unwrap();
    let said = run("one_step", folder.path(), &[]);
    assert_holds(&said, &["device: ", "  da1  ", "  b2   ", "all of it is the reference's"]);
}

/// The book's comparisons: each optimiser or each kind of initial weights ends at a lower loss than the one before. (Adam passes
/// AdaGrad later.)
#[cfg(unix)]
#[test]
fn scripts_compare_as_the_book_does() {
    let folder = TempDir::new().unwrap();
    save_digits(folder.path(), 2000);
    for (script, names) in
        [("optimizers", &["sgd", "momentum", "adagrad", "adam"][..]), ("initial-weights", &["normal", "xavier", "he"])]
    {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{script}.sh"));
        let mut command = Command::new("sh");
        command.arg(&script).args(["out", "--data", "set", "--device", "cpu"]).current_dir(folder.path());
        let output = command.env("TWOLAYER", env!("CARGO_BIN_EXE_twolayer")).env("ITERATIONS", "300").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let loss = |name: &&str| -> f64 {
            let run = std::fs::read_to_string(folder.path().join("out").join(name).join("history.csv")).unwrap();
            let last = run.lines().rev().take(100).map(|line| line.split_once(',').unwrap().1.parse::<f64>().unwrap());
            last.sum::<f64>() / 100.0
        };
        let losses: Vec<f64> = names.iter().map(loss).collect();
        assert!(losses[..3].is_sorted_by(|a, b| a > b), "{losses:?}");
        assert!(losses[3..].iter().all(|loss| *loss < losses[1]), "{losses:?}");
        let plot = std::fs::read_to_string(folder.path().join("out/loss.svg")).unwrap();
        for name in names {
            assert!(said.contains(name) && plot.contains(&format!(">\n{name}\n<")), "{name}: {said}");
        }
    }
}
