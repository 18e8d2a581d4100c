//! Signals: one, two, or a killed process, and the files that remain.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use libc::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, c_int};
use serde_json::Value;
use twolayer::net::Params;

use crate::place::*;

/// A run of several hours.
const LONG: &str = "--device cpu --data data --batch-size 1 --iterations 1000000000 --out run";

/// A running command.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        reset_signals(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Waits for a line of stderr with this start.
    fn says(&mut self, start: &str) {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended before it said {start}");
        }
    }

    fn signal(&self, signal: c_int) {
        send(self.child.id(), signal);
    }

    /// Waits for the end.
    fn ends(mut self) -> Said {
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        Said { code: output.status.code(), stdout: String::from_utf8(output.stdout).unwrap(), stderr }
    }
}

/// Resets signals that are ignored by the process that runs the tests. A child process inherits them.
#[allow(unsafe_code, reason = "the standard library has no signals")]
fn reset_signals(command: &mut Command) {
    let reset = || {
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
            // SAFETY: the signal exists, and this process does not handle it.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec it only calls signal, which is allowed there.
    unsafe { command.pre_exec(reset) };
}

#[allow(unsafe_code, reason = "the standard library has no signals")]
fn send(process: u32, signal: c_int) {
    // SAFETY: kill touches no memory.
    assert_eq!(unsafe { libc::kill(process.cast_signed(), signal) }, 0);
}

/// A shell with this script. In it, `$0` is the command and `$@` its arguments.
fn shell(place: &Place, script: &str, line: &str) -> Command {
    let command = place.command(line);
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(&place.folder).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

fn hidden_files(folder: &Path) -> Vec<PathBuf> {
    let is_hidden = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('.');
    entries(folder).into_iter().filter(is_hidden).collect()
}

/// The message of an interrupted run after this number of iterations.
fn kept(iterations: u64) -> String {
    let plural = if iterations == 1 { "" } else { "s" };
    format!("the weights after {iterations} iteration{plural} are in run\n")
}

/// Checks that `run` holds all files of an interrupted run. Returns the number of its iterations.
fn interrupted_run(place: &Place) -> u64 {
    let run = place.run_json("run");
    assert_eq!(run["end"], "interrupted");
    let iterations = run["iterations"].as_u64().unwrap();
    assert_eq!(place.losses("run").len() as u64, iterations);
    place.model("run");
    assert_eq!(hidden_files(&place.path("run")), [""; 0].map(PathBuf::from));
    iterations
}

#[test]
fn two_signals_at_once_are_one() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let place = Place::new();
        let mut run = Running::start(place.command(LONG));
        run.says("epoch ");
        run.signal(signal);
        sleep(Duration::from_millis(20));
        run.signal(signal);
        let said = run.ends();
        assert_eq!(said.code, Some(130), "{}", said.stderr);
        let iterations = interrupted_run(&place);
        assert_holds(&said.stderr, &format!("error: interrupted; {}", kept(iterations)));
    }
}

#[test]
fn the_last_line_is_a_command_that_continues_the_run() {
    let place = Place::new();
    fs::rename(place.path("data"), place.path("my data")).unwrap();
    let mut command =
        place.command("--device cpu --threads 1 --batch-size 1 --learning-rate 0.5 --iterations 1000000000");
    command.args(["--data", "my data", "--out", "it's mine"]);
    let mut run = Running::start(command);
    run.says("epoch ");
    run.signal(SIGINT);
    let said = run.ends();
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    let last = said.stderr.lines().last().unwrap();
    let command = last.strip_prefix("go on with it: ").unwrap();
    assert_holds(command, " --resume 'it'\\''s mine' --threads 1");
    let done = place.losses("it's mine").len();
    let mut run = Running::start(shell(&place, &format!("exec {command}"), ""));
    run.says(&format!("resuming it's mine after {done} iteration"));
    // The first evaluation may be one that the signal came before. Steps lie between two.
    run.says("epoch ");
    run.says("epoch ");
    run.signal(SIGTERM);
    assert_eq!(run.ends().code, Some(130));
    let losses = place.losses("it's mine").len();
    assert!(losses > done, "{losses} losses after {done}");
    // Without files there is no such command.
    let mut run = Running::start(place.command("--device cpu --data synthetic --iterations 1000000000 --no-save"));
    run.says("epoch ");
    run.signal(SIGINT);
    assert_holds(&run.ends().stderr, "error: interrupted; nothing was kept (--no-save)\n");
}

#[test]
fn a_second_signal_saves_the_last_evaluation() {
    let place = Place::new();
    // An iteration and its evaluation take seconds.
    let slow =
        "--device cpu --threads 1 --data synthetic --hidden 4096 --batch-size 8192 --iterations 1000 --out run --json";
    let mut run = Running::start(place.command(slow));
    run.says("network");
    sleep(Duration::from_millis(300));
    run.signal(SIGINT);
    run.says("stopping");
    sleep(Duration::from_millis(1100));
    // On a fast machine the run has already ended.
    if run.child.try_wait().unwrap().is_none() {
        run.signal(SIGINT);
    }
    let said = run.ends();
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    let iterations = interrupted_run(&place);
    assert_holds(&said.stderr, &kept(iterations));
    let run: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(run["iterations"], iterations);
    if iterations == 0 {
        let params = place.model("run").params;
        assert!(params == Params::init(params.shape, 0.01, 0));
        assert_eq!((&run["final"], run["epochs"].as_array().unwrap().len()), (&Value::Null, 0));
    }
}

#[test]
fn an_ignored_signal_stays_ignored() {
    for (script, signal) in [
        (r#"trap "" HUP; exec "$0" "$@""#, SIGHUP),
        (r#"trap "" TERM; exec "$0" "$@""#, SIGTERM),
        (r#"trap "" INT; exec "$0" "$@""#, SIGINT),
    ] {
        let place = Place::new();
        let line = "--device cpu --data data --batch-size 1 --iterations 30000 --out run";
        let mut run = Running::start(shell(&place, script, line));
        run.says("epoch ");
        run.signal(signal);
        let said = run.ends();
        assert_eq!(said.code, Some(0), "{script}: {}", said.stderr);
        assert_eq!(place.losses("run").len(), 30_000, "{script}");
    }
}

#[test]
fn a_background_job_of_a_script_obeys_kill() {
    let place = Place::new();
    // The shell starts the job with SIGINT and SIGQUIT ignored.
    let mut script = Running::start(shell(&place, r#""$0" "$@" & echo "job $!" >&2; wait "$!""#, LONG));
    let mut line = String::new();
    script.stderr.read_line(&mut line).unwrap();
    let job = line.trim_end().strip_prefix("job ").unwrap().parse().unwrap();
    script.says("epoch ");
    send(job, SIGINT);
    let said = script.ends();
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    interrupted_run(&place);
}

#[test]
fn an_interrupted_set_leaves_nothing() {
    let place = Place::new();
    let generate = Running::start(place.command("data generate set --count 30000000 --quiet"));
    while fs::read_dir(place.path("set")).map_or(0, Iterator::count) == 0 {
        sleep(Duration::from_millis(10));
    }
    generate.signal(SIGTERM);
    let said = generate.ends();
    assert_eq!((said.code, said.stderr.as_str()), (Some(130), "interrupted; nothing was kept\n"));
    assert!(!place.path("set").exists());
}

#[test]
fn an_interruption_before_the_network_exists_leaves_nothing() {
    let place = Place::new();
    fs::remove_dir_all(place.path("data")).unwrap();
    // The command waits for a writer of the pipe.
    fs::create_dir(place.path("data")).unwrap();
    let pipe = place.path("data").join(TRAIN_LABELS_FILE);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(place.path("data").join(TRAIN_IMAGES_FILE), "").unwrap();
    let mut run = Running::start(place.command("--device cpu --data data --out a/run"));
    run.says("device: ");
    run.signal(SIGINT);
    let said = run.ends();
    assert_eq!(said.code, Some(130));
    assert_eq!(said.stderr, "stopping as soon as there is a network to save\ninterrupted; nothing was kept\n");
    assert!(!place.path("a").exists());
}

#[test]
fn an_interruption_while_the_digits_are_drawn_waits_for_the_network() {
    let place = Place::new();
    let mut run = Running::start(place.command("--device cpu --data synthetic --iterations 1000000000 --out run"));
    run.says("device: ");
    run.signal(SIGHUP);
    let said = run.ends();
    assert_eq!(said.code, Some(130), "{}", said.stderr);
    // On a slow machine the network does not exist in time.
    if said.stderr.contains(" are in run\n") {
        interrupted_run(&place);
    } else {
        assert!(!place.path("run").exists());
    }
}

#[test]
fn old_temporary_files_are_removed_but_not_those_in_use() {
    let place = Place::new();
    fs::create_dir(place.path("run")).unwrap();
    let [left, used] =
        [".twolayer-0123456789ab.tmp", ".twolayer-ba9876543210.tmp"].map(|name| place.path("run").join(name));
    fs::write(&left, "half").unwrap();
    let file = File::create(&used).unwrap();
    file.lock().unwrap();
    place.train("--iterations 1 --out run");
    assert_eq!(hidden_files(&place.path("run")), [used]);
}

#[test]
fn the_temporary_file_of_a_killed_process_is_removed_by_the_next_one() {
    let place = Place::new();
    let mut generate = Running::start(place.command("data generate set --count 30000000 --quiet"));
    while hidden_files_of(&place).is_empty() {
        sleep(Duration::from_millis(10));
    }
    generate.child.kill().unwrap();
    generate.ends();
    assert_eq!(hidden_files_of(&place).len(), 1);
    place.ok("data generate set --count 30 --quiet");
    assert_eq!(hidden_files_of(&place), [""; 0].map(PathBuf::from));
}

fn hidden_files_of(place: &Place) -> Vec<PathBuf> {
    if place.path("set").exists() { hidden_files(&place.path("set")) } else { Vec::new() }
}
