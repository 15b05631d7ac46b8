//! Helpers of the tests: a real server, the program, and checks that nothing of a run remains on
//! the server.
#![allow(dead_code)] // Each test file uses its part.

use std::collections::BTreeMap;
use std::process::Command;

use bench_report::{Report, Step};
use test_support::TestDirectory;

mod server;

#[allow(unused_imports)] // Each test file uses its part.
pub(crate) use server::{PASSWORD, Talk, postgres};

/// Path at which a command from [`sweep`] writes its report, relative to the directory of the test.
pub(crate) const REPORT: &str = "run/db-pool-bench.sweep.json";
/// Returns the command `db-pool-bench SCENARIO` with the flags in `args`, which are separated by
/// white space, to be run in `place`. Reports go to `run`.
pub(crate) fn bench(place: &TestDirectory, scenario: &str, args: &str) -> Command {
    let mut command = place.command(
        env!("CARGO_BIN_EXE_db-pool-bench"),
        &[scenario, "--run-dir", "run"],
    );
    command.args(args.split_whitespace());
    command
}

/// Returns the command `db-pool-bench sweep` with the flags in `args`, which are separated by white
/// space, to be run in `place`.
pub(crate) fn sweep(place: &TestDirectory, args: &str) -> Command {
    bench(place, "sweep", args)
}

/// Result of a scenario that ran to its end.
pub(crate) struct Ran {
    pub(crate) report: Report,
    pub(crate) code: i32,
    /// Text on stdout, followed by the text on stderr.
    pub(crate) said: String,
}

/// Runs `scenario` to its end on the server at `url`. Panics if there is no report, or if the
/// password is in the report or the printed text.
pub(crate) fn complete(url: &str, scenario: &str, args: &str) -> Ran {
    let place = TestDirectory::new();
    let output = bench(&place, scenario, args)
        .env("DATABASE_URL", url)
        .output()
        .unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains(PASSWORD), "the password was printed: {said}");
    let file = format!("run/db-pool-bench.{scenario}.json");
    let text = std::fs::read_to_string(place.path().join(&file)).expect(&said);
    assert!(!text.contains(PASSWORD), "the password is in the report");
    Ran {
        report: place.report(&file),
        code: output.status.code().unwrap(),
        said,
    }
}

/// Returns the shares of the users' time in `step`, from 0 to 1, by the name of the part; empty if
/// the step has none. Panics if the shares do not add up to 1.
pub(crate) fn time_parts(step: &Step) -> BTreeMap<&str, f64> {
    let figures = step.figures.iter();
    let parts: BTreeMap<&str, f64> = figures
        .filter_map(|(name, share)| {
            let part = name.strip_prefix("time.")?.strip_suffix("_ratio")?;
            Some((part, *share))
        })
        .collect();
    let all: f64 = parts.values().sum();
    assert!(parts.is_empty() || (all - 1.0).abs() < 1e-6, "{parts:?}");
    parts
}

/// Reads the report that a command from [`sweep`] wrote in `place`.
pub(crate) fn report(place: &TestDirectory) -> Report {
    place.report(REPORT)
}
