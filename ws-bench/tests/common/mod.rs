//! Common parts of the tests of `ws-bench`: the program, its servers, and its reports.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use bench_report::{LimitOwner, Report, Step, StepEnd};
use test_support::TestDirectory;
use testbed::WebSocketServer;

/// Time after which a program counts as hung: longer than anything takes that ends by itself.
pub(crate) const HANG: Duration = Duration::from_secs(30);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ws-bench"))
}

/// Starts `ws-bench serve`, by default an echo server, on a free port, with `args` as further
/// arguments.
/// Panics if it does not start.
pub(crate) fn server(args: &[&str]) -> WebSocketServer {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    WebSocketServer::start(binary(), &args).unwrap()
}

/// Returns the command `ws-bench` with `args`, to be run in `place`; it is not started.
pub(crate) fn bench(place: &TestDirectory, args: &[&str]) -> Command {
    place.command(binary(), args)
}

/// Returns the command `ws-bench limit` with `args`, to be run in `place`; it is not started. It
/// writes its report into `run`, and its latency bound is one that a slow machine does not break.
pub(crate) fn limit_of(place: &TestDirectory, args: &[&str]) -> Command {
    let mut command = bench(
        place,
        &["limit", "--run-dir", "run", "--latency-bound", "30s"],
    );
    command.args(args);
    command
}

/// Path, relative to the test's directory, at which the command of [`limit_of`] writes its report.
pub(crate) const REPORT: &str = "run/ws-bench.limit.json";

/// Reads the report that the command of [`limit_of`] wrote in `place`. Panics if it cannot be read.
pub(crate) fn report(place: &TestDirectory) -> Report {
    place.report(REPORT)
}

/// Runs the command to its end and returns its output, whatever the exit code. Panics if the
/// program panicked.
pub(crate) fn finish(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = said(&output);
    assert!(!said.contains("internal error"), "{said}");
    output
}

pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    )
}

/// Returns the last step with `connections` connections; panics if there is none.
pub(crate) fn step_of(report: &Report, connections: u64) -> &Step {
    let wanted = Some(connections as f64);
    let found = |step: &&Step| step.parameter("connections") == wanted;
    report.steps.iter().rev().find(found).unwrap()
}

pub(crate) fn held(step: &Step) -> bool {
    step.end == StepEnd::Completed
}

/// Returns the limit of a report: number of connections, owner and reason. Panics if it has none.
pub(crate) fn limit(report: &Report) -> (u64, LimitOwner, &str) {
    let limit = report.summary.limit.as_ref().unwrap();
    assert_eq!(limit.parameter, "connections");
    (limit.value as u64, limit.owner, &limit.reason)
}

/// Returns the number of failures of the kind `kind` of the operation `operation`, over all steps.
pub(crate) fn errors(report: &Report, operation: &str, kind: &str) -> u64 {
    let of = |step: &Step| step.operations.get(operation)?.errors.get(kind).copied();
    report.steps.iter().filter_map(of).sum()
}
