//! Common parts of the tests: the program, its servers, and its reports.
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

/// Longer than anything takes that ends by itself.
pub(crate) const HANG: Duration = Duration::from_secs(30);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ws-bench"))
}

/// Starts an echo server of this program, with these further arguments.
pub(crate) fn server(args: &[&str]) -> WebSocketServer {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    WebSocketServer::start(binary(), &args).unwrap()
}

/// Returns the command `ws-bench` with `args`, to be run in `place`.
pub(crate) fn bench(place: &TestDirectory, args: &[&str]) -> Command {
    place.command(binary(), args)
}

/// Returns the command `ws-bench limit` with a report in `run`, and with a latency bound that a slow machine
/// does not break.
pub(crate) fn limit_of(place: &TestDirectory, args: &[&str]) -> Command {
    let mut command = bench(
        place,
        &["limit", "--run-dir", "run", "--latency-bound", "30s"],
    );
    command.args(args);
    command
}

/// Path at which [`limit_of`] writes its report.
pub(crate) const REPORT: &str = "run/ws-bench.limit.json";

/// Reads the report that [`limit_of`] wrote.
pub(crate) fn report(place: &TestDirectory) -> Report {
    place.report(REPORT)
}

/// Runs the program to its end. Fails if it panicked.
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

/// Returns the last step with `connections` connections.
pub(crate) fn step_of(report: &Report, connections: u64) -> &Step {
    let wanted = Some(connections as f64);
    let found = |step: &&Step| step.parameter("connections") == wanted;
    report.steps.iter().rev().find(found).unwrap()
}

pub(crate) fn held(step: &Step) -> bool {
    step.end == StepEnd::Completed
}

/// Returns the limit of a report: value, owner and reason.
pub(crate) fn limit(report: &Report) -> (u64, LimitOwner, &str) {
    let limit = report.summary.limit.as_ref().unwrap();
    assert_eq!(limit.parameter, "connections");
    (limit.value as u64, limit.owner, &limit.reason)
}

/// Returns the number of failures of a kind of one operation, over all steps.
pub(crate) fn errors(report: &Report, operation: &str, kind: &str) -> u64 {
    let of = |step: &Step| step.operations.get(operation)?.errors.get(kind).copied();
    report.steps.iter().filter_map(of).sum()
}
