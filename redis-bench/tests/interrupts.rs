//! A signal at any phase ends the run in order: within 3 s, a valid report, nothing left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use bench_report::{Status, WarningCode};
use common::{bench, report};
use nix::sys::signal::Signal;
use test_support::{Ended, PATIENCE, Place, Running, ending_bound};

const PHASES: [&str; 7] = [
    "start", "connect", "prepare", "warm-up", "measure", "drain", "save",
];

/// Long enough for every phase to be met, but for `drain` and `save`, which end by themselves.
fn args(phase: &str) -> Vec<&'static str> {
    let brief = matches!(phase, "drain" | "save");
    let duration = if brief { "300ms" } else { "20s" };
    vec![
        "cache",
        "--keys",
        "20k",
        "--repeats",
        if brief { "1" } else { "3" },
        "--warmup",
        "500ms",
        "--duration",
        duration,
        "--run-dir",
        "run",
    ]
}

fn signal_of(n: usize) -> Signal {
    [Signal::SIGINT, Signal::SIGTERM][n % 2]
}

#[test]
fn a_signal_in_any_phase_leaves_a_report_and_no_key() {
    let redis = common::redis();
    for (n, phase) in PHASES.into_iter().enumerate() {
        let place = Place::new();
        let mut running = Running::start(bench(&place, &args(phase)).env("REDIS_URL", redis.url()));
        running.wait_for(&format!("phase: {phase}"));
        dwell(phase);
        running.signal(signal_of(n));
        end(running, &place, phase);
        assert_eq!(common::keys(&redis), Vec::<String>::new(), "{phase}");
    }
}

#[test]
fn a_signal_in_any_phase_leaves_no_throwaway_server() {
    for (n, phase) in PHASES.into_iter().enumerate() {
        let place = Place::new();
        let mut running = Running::start(&mut bench(&place, &args(phase)));
        running.wait_for(&format!("phase: {phase}"));
        dwell(phase);
        running.signal(signal_of(n + 1));
        end(running, &place, phase);
        assert_eq!(place.left_behind_after(PATIENCE), [""; 0], "{phase}");
    }
}

/// Phases of load are interrupted in their midst, so that there is something to report.
fn dwell(phase: &str) {
    if matches!(phase, "warm-up" | "measure") {
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn end(running: Running, place: &Place, phase: &str) {
    let Ended { code, took, said } = running.end();
    assert!(took <= ending_bound(), "{phase}: {took:?}\n{said}");
    let report = report(place, "cache");
    // A signal during the last moments may find everything done.
    let late = matches!(phase, "drain" | "save") && report.status == Status::Complete;
    let wanted = if late { Some(0) } else { Some(130) };
    assert_eq!(code, wanted, "{phase}: {said}");
    assert!(
        late || report.status == Status::Interrupted,
        "{phase}: {:?}",
        report.status
    );
    assert!(
        !said.contains("panicked") && !said.contains("warning: "),
        "{said}"
    );
    if phase == "measure" {
        assert!(report.steps[0].operations.values().any(|o| o.succeeded > 0));
    }
}

#[test]
fn where_the_server_stands_still_what_is_left_is_told() {
    let redis = common::redis();
    let place = Place::new();
    let mut running = Running::start(bench(&place, &args("measure")).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    redis.pause();
    running.signal(Signal::SIGINT);
    let Ended { code, took, said } = running.end();
    redis.resume();
    assert!(took <= ending_bound(), "{took:?}\n{said}");
    assert_eq!(code, Some(130), "{said}");
    let report = report(&place, "cache");
    assert_eq!(report.status, Status::Interrupted);
    let left = report
        .warnings
        .iter()
        .find(|w| w.code == WarningCode::LeftBehind)
        .unwrap();
    let command = left.message.split("with: ").nth(1).unwrap();
    let done = std::process::Command::new("sh")
        .args(["-c", command])
        .output();
    if done.is_ok_and(|output| output.status.success() && installed("redis-cli")) {
        assert_eq!(common::keys(&redis), Vec::<String>::new(), "{command}");
    }
}

fn installed(program: &str) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .output()
        .is_ok()
}

#[test]
fn a_server_that_never_answers_keeps_nobody_from_leaving() {
    let redis = common::redis();
    redis.pause();
    let place = Place::new();
    let mut running = Running::start(bench(&place, &args("connect")).env("REDIS_URL", redis.url()));
    running.wait_for("phase: connect");
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::SIGTERM);
    let Ended { code, took, said } = running.end();
    redis.resume();
    assert_eq!(code, Some(130), "{said}");
    assert!(took <= ending_bound(), "{took:?}\n{said}");
    assert_eq!(report(&place, "cache").status, Status::Interrupted);
}
