//! Errors on the command line are found before anything is read or computed.

use std::fs;

use crate::place::*;

/// Words on the command line, and a part of the error.
const USAGE: [(&str, &str); 43] = [
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
    ("--weight-init he --weight-init-std 0.01", "--weight-init-std is only for --weight-init normal; he computes"),
    ("--weight-init xavier --weight-init-std 1", "is only for --weight-init normal; xavier computes"),
    ("--weight-init he --init x", "cannot be used with"),
    ("--iterations 5 --epochs 1", "--epochs"),
    ("--iterations many", "--iterations"),
    ("--iterations -5", "--iterations"),
    ("--threads 0", "--threads"),
    ("--threads 1025", "1024"),
    ("--seed 18446744073709551616", "--seed"),
    ("--activation unknown", "choose sigmoid, relu or tanh"),
    ("--output argmax", "choose softmax or identity"),
    ("--sampling none", "choose replacement, shuffle or sequential"),
    ("--optimizer rmsprop", "choose sgd, momentum, adagrad, adam or adamw"),
    ("--lr-schedule slow", "choose constant, cosine, step or linear"),
    ("--warmup -1", "invalid value '-1' for '--warmup <N>'"),
    ("--momentum 0.5", "--momentum is for --optimizer momentum; give that too"),
    ("--optimizer adam --momentum 0.5", "--momentum is for --optimizer momentum"),
    ("--optimizer momentum --momentum 1", "give a number from 0 to below 1"),
    ("--weight-decay -1", "give a finite number, 0 or more"),
    ("--weight-decay inf", "give a finite number, 0 or more"),
    ("--gradient naive --optimizer adam", "--gradient naive trains by sgd without weight decay"),
    ("--no-save --out run", "--out"),
    ("--no-save --overwrite", "--overwrite"),
    ("--iterations", "--iterations"),
    ("--iterations 5 --iterations 6", "--iterations"),
    ("--gradient exact", "--gradient"),
    ("devices", "devices"),
    ("dance", "dance"),
];

#[test]
fn usage_errors_have_their_exit_code_and_name_the_flag() {
    let place = Place::new();
    for (flags, part) in USAGE {
        assert_holds(&place.train_fails(2, flags), part);
    }
    assert_holds(&place.fails(2, "eval run --split both"), "--split");
    assert_holds(&place.fails(2, "devices --offline"), "--offline");
}

#[test]
fn usage_errors_are_found_before_any_data_is_read() {
    let place = Place::new();
    for (flags, part) in USAGE {
        assert_holds(&place.fails(2, &format!("--device cpu --data missing {flags}")), part);
    }
}

#[test]
fn a_plot_that_cannot_be_written_is_found_before_training() {
    let place = Place::new();
    for name in ["plot", "plot.pdf", "svg", "plot.svg.gz"] {
        let line = place.train_fails(2, &format!("--iterations 1 --plot {name}"));
        assert_holds(&line, &format!("{name}: a plot is an .svg or .png file"));
    }
    let line = place.train_fails(1, "--iterations 1 --plot missing/plot.svg");
    assert_holds(&line, "missing/plot.svg: the plot cannot be written");
    fs::create_dir(place.path("folder.svg")).unwrap();
    assert_holds(&place.train_fails(1, "--iterations 1 --plot folder.svg"), "folder.svg: the plot cannot be written");
}

#[test]
fn out_must_be_a_folder_that_can_be_written() {
    let place = Place::new();
    fs::write(place.path("file"), "mine").unwrap();
    assert_holds(&place.train_fails(1, "--out file"), "file is a file, not a folder");
    assert_holds(&place.train_fails(1, "--out file --overwrite"), "file is a file, not a folder");
    assert_holds(&place.train_fails(1, "--out file/run"), "file/run cannot be written to");
    fs::write(place.path("runs"), "mine").unwrap();
    assert_holds(&place.train_fails(1, ""), "cannot be written to");
}

#[test]
fn a_run_is_not_overwritten_without_the_flag() {
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
