//! Tests of a signal in any phase of a search: within three seconds there must be a valid report,
//! and no process or file may be left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use bench_report::{LimitOwner, Status, StepEnd};
use common::{limit, limit_of, report, server};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory, ending_bound};
use tokio_tungstenite::tungstenite::accept;

fn interrupted(signal: Signal, phase: &str, args: &[&str]) -> TestDirectory {
    let place = TestDirectory::new();
    let mut running = RunningProgram::start(limit_of(&place, args).args(["--start", "50"]));
    running.wait_for(&format!("phase: {phase}"));
    running.signal(signal);
    let ended = running.end();
    ended.assert_interrupted(phase);
    let said = &ended.said;
    assert!(!said.contains("internal error"), "{phase}: {said}");
    let report = report(&place);
    assert_eq!(report.status, Status::Interrupted, "{phase}: {said}");
    assert!(
        place.left_behind().is_empty(),
        "{phase}: {:?}",
        place.left_behind()
    );
    place
}

#[test]
fn in_every_phase_the_report_is_saved_and_no_server_is_left() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let slow = ["--duration", "5s", "--max", "100"];
        interrupted(signal, "start", &slow);
        let connecting = ["--spawn-rate", "10", "--max", "100"];
        interrupted(signal, "connect", &connecting);
        let warming = ["--warmup", "5s", "--max", "100"];
        interrupted(signal, "warm-up", &warming);
        interrupted(
            signal,
            "measure",
            &["--warmup", "200ms", "--duration", "5s"],
        );
        let place = interrupted(signal, "measure", &slow);
        let report = report(&place);
        assert_eq!(report.steps.len(), 1);
        assert_eq!(report.steps[0].end, StepEnd::Interrupted);
        assert_eq!(limit(&report).1, LimitOwner::Unknown);
    }
}

/// Checks a signal while the report is saved. It may come after everything is done; the report is
/// then complete.
#[test]
fn while_the_report_is_saved_it_is_finished_or_marked() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = TestDirectory::new();
        let mut running = RunningProgram::start(&mut limit_of(
            &place,
            &["--duration", "200ms", "--max", "20"],
        ));
        running.wait_for("phase: save");
        running.signal(signal);
        let Ended { code, took, said } = running.end();
        assert!(took < ending_bound(), "{took:?}: {said}");
        let wanted = match report(&place).status {
            Status::Complete => Some(0),
            Status::Interrupted => Some(130),
            other => panic!("{other:?}: {said}"),
        };
        assert_eq!(code, wanted, "{said}");
        assert_eq!(report(&place).steps[0].end, StepEnd::Completed, "{said}");
        assert_eq!(place.left_behind(), [""; 0]);
    }
}

/// Checks that a signal ends the drain of a server that hangs, which would last until the time-out
/// of 60 s.
#[test]
fn a_server_that_stands_still_does_not_keep_us() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let args = [
        "--duration",
        "300ms",
        "--max",
        "50",
        "--timeout",
        "60s",
        "--talkers",
        "5",
    ];
    let mut running = RunningProgram::start(limit_of(&place, &args).args(["--url", server.url()]));
    running.wait_for("phase: measure");
    server.pause();
    thread::sleep(Duration::from_millis(600));
    running.signal(Signal::SIGTERM);
    let ended = running.end();
    server.resume();
    ended.assert_interrupted("the server stands still");
    let report = report(&place);
    let echo = &report.steps[0].operations["echo"];
    assert_eq!(echo.censored, 5, "what was under way is not forgotten");
}

/// Starts a server that echoes `echoes` messages over all connections together and then stays
/// silent. Returns its URL.
fn falls_silent_after(echoes: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let left = Arc::new(AtomicI64::new(echoes));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let left = Arc::clone(&left);
            thread::spawn(move || {
                let Ok(mut socket) = accept(stream) else {
                    return;
                };
                while let Ok(message) = socket.read() {
                    let speaks = message.is_binary() && left.fetch_sub(1, Ordering::Relaxed) > 0;
                    if speaks && socket.send(message).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// Checks a signal during the drain. The server echoes six messages: that of the probe, and ten per
/// second for 500 ms. The check of all connections then waits for its time-out of 60 s.
#[test]
fn in_the_drain_too() {
    let url = falls_silent_after(6);
    let place = TestDirectory::new();
    let args = [
        "--rate",
        "10",
        "--duration",
        "500ms",
        "--max",
        "20",
        "--timeout",
        "60s",
    ];
    let mut running = RunningProgram::start(limit_of(&place, &args).args(["--url", &url]));
    running.wait_for("phase: drain");
    running.signal(Signal::SIGINT);
    let ended = running.end();
    ended.assert_interrupted("phase: drain");
    let report = report(&place);
    assert_eq!(report.status, Status::Interrupted);
    let said = &ended.said;
    assert_eq!(report.steps[0].operations["echo"].succeeded, 5, "{said}");
}

#[test]
fn steps_that_were_finished_are_kept() {
    let place = TestDirectory::new();
    let args = [
        "--duration",
        "300ms",
        "--max",
        "100k",
        "--start",
        "20",
        "--factor",
        "1.5",
    ];
    let mut running = RunningProgram::start(&mut limit_of(&place, &args));
    running.wait_for("30 connections: held");
    running.signal(Signal::SIGINT);
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(130), "{said}");
    let report = report(&place);
    let done = report
        .steps
        .iter()
        .filter(|step| step.end == StepEnd::Completed);
    assert!(done.count() >= 2, "{said}");
    assert!(limit(&report).0 >= 30);
}

#[test]
fn a_bench_that_is_killed_leaves_no_server() {
    let place = TestDirectory::new();
    let mut running =
        RunningProgram::start(&mut limit_of(&place, &["--duration", "10s", "--max", "50"]));
    running.wait_for("phase: measure");
    running.signal(Signal::SIGKILL);
    let Ended { code, .. } = running.end();
    assert_eq!(code, None);
    let started = std::time::Instant::now();
    while !place.left_behind().is_empty() {
        assert!(
            started.elapsed() < common::HANG,
            "{:?}",
            place.left_behind()
        );
        thread::sleep(Duration::from_millis(20));
    }
}
