//! Tells the benchmark which commit it is built from.

use std::path::Path;
use std::process::Command;

/// What a build depends on: a change here makes a commit dirty.
const SOURCES: [&str; 3] = ["src", "shaders", "Cargo.toml"];

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // It grows with every commit and every checkout. Cargo would run this always for a file that there is not.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rustc-env=TWOLAYER_COMMIT={}", commit().as_deref().unwrap_or("unknown"));
}

/// The short commit, marked where the sources are not the commit's; none outside a repository of this package.
fn commit() -> Option<String> {
    // A package that was unpacked within some other repository is not of that one's commit.
    git(&["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&[&["status", "--porcelain", "--"][..], &SOURCES].concat())?;
    Some(if changes.is_empty() { commit } else { commit + "-dirty" })
}

/// What git prints; none where there is no git, or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.trim().to_owned())
}
