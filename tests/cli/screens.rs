//! The output fits a terminal of 80 columns, the default without a terminal.

use crate::place::*;

const COLUMNS: usize = 80;

fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= COLUMNS, "wider than {COLUMNS} columns: {line}");
    }
}

#[test]
fn results_fit() {
    let place = Place::new();
    // A run that learns gets no note. A note is one line of any length.
    let said = place.train("--learning-rate 0.5 --iterations 100 --out run");
    assert_fits(&said.stdout);
    assert_fits(&said.stderr);
    place.train("--optimizer adam --hidden 7 --iterations 10 --out other/a-run-with-a-name-that-is-longer-than-others");
    for line in [
        "eval run --device cpu",
        "show run",
        "compare run other/a-run-with-a-name-that-is-longer-than-others",
        "explain run --index 3 --device cpu",
        "export run net.onnx",
        "export run net.c",
        "export run net.safetensors",
        "gradcheck run --samples 2",
        "gradcheck --data data --batch-size 10 --hidden 4 --iterations 1 --samples 2 --step-size 0.000123456",
        "data info --data data",
    ] {
        assert_fits(&place.ok(line).stdout);
    }
    assert_holds(&place.ok("gradcheck run --samples 2 --device cpu").stdout, "naive in f32 shows a method that fails");
}

#[test]
fn a_count_of_one_has_no_plural() {
    let place = Place::new();
    let said = place.ok("--device cpu --data data --batch-size 1 --iterations 1 --no-save");
    assert_holds(&said.stderr, "training: 1 iteration of 1 image, learning rate 0.1");
    assert_holds(&said.stdout, "1 iteration of 1 image in ");
}

#[test]
fn help_fits_and_is_in_groups() {
    let place = Place { environment: vec![("COLUMNS", COLUMNS.to_string())], ..Place::new() };
    for command in [
        "",
        "train",
        "eval",
        "show",
        "explain",
        "export",
        "runs",
        "compare",
        "gradcheck",
        "bench",
        "devices",
        "data",
        "data info",
        "data fetch",
        "data generate",
        "data show",
        "data import",
    ] {
        assert_fits(&place.ok(&format!("{command} --help")).stdout);
    }
    let help = place.ok("train --help").stdout;
    let groups: Vec<&str> = help.lines().filter(|line| line.ends_with(':') && !line.starts_with(' ')).collect();
    assert_eq!(groups, ["Options:", "Device:", "Data:", "Network:", "Training:", "Output:"]);
    let help = place.ok("--help").stdout;
    assert_holds(&help, "Train a network (the default command)");
    // A command with a saved network has its data as the default.
    for (command, says) in
        [("train", false), ("eval", true), ("explain", true), ("gradcheck", true), ("data info", false)]
    {
        let help = place.ok(&format!("{command} --help")).stdout;
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.contains("[default: the data of RUN, else auto]"), says, "{command}");
    }
}
