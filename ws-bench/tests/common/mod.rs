//! Parts that the tests share: the binary, its servers, and the reports that it writes.
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

/// An echo server of our own with these further arguments.
pub(crate) fn server(args: &[&str]) -> WebSocketServer {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    WebSocketServer::start(binary(), &args).unwrap()
}

/// `ws-bench` in `place`.
pub(crate) fn bench(place: &TestDirectory, args: &[&str]) -> Command {
    place.command(binary(), args)
}

/// `ws-bench limit` with a report in `run`, and no latency that would break a step only because
/// this machine is slow.
pub(crate) fn limit_of(place: &TestDirectory, args: &[&str]) -> Command {
    let mut command = bench(
        place,
        &["limit", "--run-dir", "run", "--latency-bound", "30s"],
    );
    command.args(args);
    command
}

/// Place where [`limit_of`] leaves its report.
pub(crate) const REPORT: &str = "run/ws-bench.limit.json";

/// The report that [`limit_of`] left.
pub(crate) fn report(place: &TestDirectory) -> Report {
    place.report(REPORT)
}

/// Runs to the end; fails where the program panicked.
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

/// The step of so many connections that ran last.
pub(crate) fn step_of(report: &Report, connections: u64) -> &Step {
    let wanted = Some(connections as f64);
    let found = |step: &&Step| step.parameter("connections") == wanted;
    report.steps.iter().rev().find(found).unwrap()
}

pub(crate) fn held(step: &Step) -> bool {
    step.end == StepEnd::Completed
}

/// Returns what limited, as value, owner and reason.
pub(crate) fn limit(report: &Report) -> (u64, LimitOwner, &str) {
    let limit = report.summary.limit.as_ref().unwrap();
    assert_eq!(limit.parameter, "connections");
    (limit.value as u64, limit.owner, &limit.reason)
}

/// Errors of one operation over all steps.
pub(crate) fn errors(report: &Report, operation: &str, kind: &str) -> u64 {
    let of = |step: &Step| step.operations.get(operation)?.errors.get(kind).copied();
    report.steps.iter().filter_map(of).sum()
}
