//! What the suite's tests share: the binaries, a place where nothing else lives, and a look at
//! what was left behind.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::Place;

/// One of the suite's binaries.
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

/// One of the suite's tools in `place`.
pub(crate) fn tool(place: &Place, name: &str, args: &[&str]) -> Command {
    place.command(binary(name), args)
}

/// The report in `directory` of that name.
pub(crate) fn report(directory: &Path, stem: &str) -> bench_report::Report {
    bench_report::store::load(&directory.join(format!("{stem}.json"))).unwrap()
}

/// Every report in `directory`, all of which must be valid; none where there is no directory.
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
