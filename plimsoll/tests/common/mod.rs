//! Helpers of the suite's tests: the programs, an isolated directory, and reports.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use test_support::{TestDirectory, copy_program};

/// Arguments of the shortest run of the suite, which writes into the directory `run`.
pub(crate) const RUN: [&str; 7] = [
    "run",
    "--profile",
    "smoke",
    "--only",
    "redis-bench",
    "--run-dir",
    "run",
];

/// Names of the programs that the suite starts.
const TOOLS: [&str; 5] = [
    "db-pool-bench",
    "redis-bench",
    "ws-bench",
    "sysmon",
    "bottleneck-analyzer",
];

/// Returns the path of one of the built programs. Panics if it was not built.
pub(crate) fn binary(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_plimsoll")).parent().unwrap();
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins",
        path.display()
    );
    path
}

/// Returns the command that runs the program `name` with `args` in `place`.
pub(crate) fn tool(place: &TestDirectory, name: &str, args: &[&str]) -> Command {
    place.command(binary(name), args)
}

/// Returns the text that a tool printed: stderr, then stdout.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stderr) + &text(&output.stdout)
}

/// Installs the suite in `place`, with the shell script `script` instead of the tool `replaced`;
/// without that tool if there is no script. Returns the path of `plimsoll`.
pub(crate) fn suite_with(place: &TestDirectory, replaced: &str, script: Option<&str>) -> PathBuf {
    let bin = place.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in TOOLS.into_iter().filter(|name| *name != replaced) {
        symlink(binary(name), bin.join(name)).unwrap();
    }
    if let Some(script) = script {
        let program = bin.join(replaced);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // A program searches the others in the directory of its real path, so a link would not work.
    let plimsoll = bin.join("plimsoll");
    copy_program(&binary("plimsoll"), &plimsoll);
    plimsoll
}

/// Reads the report `stem.json` in `directory`. Panics if there is no valid report.
pub(crate) fn report(directory: &Path, stem: &str) -> bench_report::Report {
    bench_report::store::load(&directory.join(format!("{stem}.json"))).unwrap()
}

/// Reads all reports in `directory`, in no particular order, without the analyzer's assessment;
/// empty if there is no such directory. Panics if a report is invalid.
pub(crate) fn reports(directory: &Path) -> Vec<bench_report::Report> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .filter(|path| !path.ends_with("assessment.json"))
        .map(|path| bench_report::store::load(&path).unwrap())
        .collect()
}
