//! `--help` and `--version`.

use crate::place::*;

const DEVICE: [&str; 4] = ["--device", "--no-fallback", "--threads", "--plan"];
const DATA: [&str; 6] = ["--data", "--transpose", "--offline", "--mirror", "--max-memory", "--verbose"];
const TRAIN: [&str; 34] = [
    "--average-every",
    "--hidden",
    "--batch-size",
    "--optimizer",
    "--learning-rate",
    "--lr-schedule",
    "--warmup",
    "--momentum",
    "--weight-decay",
    "--iterations",
    "--epochs",
    "--validation",
    "--early-stop",
    "--target-accuracy",
    "--weight-init",
    "--weight-init-std",
    "--activation",
    "--output",
    "--gradient",
    "--step-size",
    "--sampling",
    "--seed",
    "--init",
    "--resume",
    "--config",
    "--out",
    "--no-save",
    "--overwrite",
    "--checkpoint-every",
    "--plot",
    "--quiet",
    "--json",
    "--help",
    "--version",
];
/// Without -o, --out: the lines that begin with a short form are not listed.
const EVAL: [&str; 8] =
    ["--split", "--worst", "--overwrite", "--activation", "--output", "--quiet", "--json", "--help"];

const PREDICT: [&str; 11] = [
    "--raw",
    "--max",
    "--transpose",
    "--show",
    "--at-least",
    "--format",
    "--activation",
    "--output",
    "--quiet",
    "--json",
    "--help",
];

const EXPORT: [&str; 6] = ["--input", "--activation", "--output", "--overwrite", "--json", "--help"];

const SHOW: [&str; 8] =
    ["--weights", "--units", "--columns", "--overwrite", "--activation", "--output", "--json", "--help"];

const EXPLAIN: [&str; 11] = [
    "--raw",
    "--index",
    "--label",
    "--units",
    "--split",
    "--activation",
    "--output",
    "--quiet",
    "--json",
    "--full",
    "--help",
];

const GRADCHECK: [&str; 16] = [
    "--plan",
    "--device",
    "--threads",
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

const DEVICES: [&str; 11] = [
    "--device",
    "--verbose",
    "--tune",
    "--save-plan",
    "--overwrite",
    "--plan",
    "--kernels",
    "--hidden",
    "--batch-size",
    "--json",
    "--help",
];

const BENCH: [&str; 14] = [
    "--plan",
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
    assert_flags("--help", &[&DEVICE[..], &DATA, &TRAIN].concat());
    assert_flags("train --help", &[&DEVICE[..], &DATA, &TRAIN[..TRAIN.len() - 1]].concat());
    assert_flags("eval --help", &[&DEVICE[..], &DATA, &EVAL].concat());
    assert_flags("predict --help", &[&DEVICE[..], &PREDICT].concat());
    assert_flags("show --help", &SHOW);
    assert_flags("explain --help", &[&DEVICE[..], &DATA, &EXPLAIN].concat());
    assert_flags("export --help", &EXPORT);
    assert_flags("runs --help", &["--json", "--help"]);
    assert_flags("compare --help", &["--plot", "--value", "--overwrite", "--json", "--help"]);
    assert_flags("gradcheck --help", &[&DATA[..], &GRADCHECK].concat());
    assert_flags("bench --help", &BENCH);
    assert_flags("devices --help", &DEVICES);
    let help = Place::new().ok("-h").stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    assert_eq!(
        listed(commands, ""),
        [
            "train",
            "eval",
            "predict",
            "show",
            "explain",
            "export",
            "runs",
            "compare",
            "gradcheck",
            "bench",
            "devices",
            "data",
            "help"
        ]
    );
}

#[test]
fn names_the_version() {
    let expected = concat!("twolayer ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(Place::new().ok("--version").stdout, expected);
}
