//! Tests of a generator that is slow or stopped: the report must name the generator as the owner of
//! the limit, never the server.

use std::thread;
use std::time::Duration;

use bench_report::{LimitOwner, StepEnd};
use nix::sys::signal::Signal;
use test_support::{Ended, RunningProgram, TestDirectory};

use crate::SHORT;
use crate::common::{self, bench, finish, limit, limit_of, report, said, server, step_of};

/// Checks that a step in which the bench itself was stopped for longer than its latency bound is
/// run again, and that the server does not become the owner of the limit.
#[test]
fn a_generator_that_stood_still_acquits_the_server() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let args = [
        "limit",
        "--run-dir",
        "run",
        "--url",
        server.url(),
        "--max",
        "20",
        "--start",
        "20",
        "--rate",
        "200",
        "--duration",
        "2s",
        "--latency-bound",
        "500ms",
    ];
    let mut running = RunningProgram::start(&mut bench(&place, &args));
    running.wait_for("phase: measure");
    thread::sleep(Duration::from_millis(200));
    let said = stopped_for_a_second(running);
    let report = report(&place);
    let first = &report.steps[0];
    assert!(first.generator.worst_stall_ns > 1_000_000_000, "{said}");
    let StepEnd::Stopped { reason, .. } = &first.end else {
        panic!("{:?}: {said}", first.end);
    };
    assert!(
        reason.contains("the generator itself stood still"),
        "{reason}"
    );
    assert_eq!(report.steps[1].name, first.name, "it is tried again");
    let (_, owner, reason) = limit(&report);
    assert_ne!(owner, LimitOwner::Target, "{reason}");
}

/// Stops the program for longer than a second, lets it go on to its end, and returns what it said.
fn stopped_for_a_second(running: RunningProgram) -> String {
    running.signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_millis(1_200));
    running.signal(Signal::SIGCONT);
    let Ended { code, said, .. } = running.end();
    assert_eq!(code, Some(0), "{said}");
    said
}

/// Checks that a stop while connections are opened, which is longer than every time-out, makes no
/// limit of the server's.
#[test]
fn a_generator_that_stood_still_while_it_connected_acquits_the_server() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let args = [
        "--url",
        server.url(),
        "--max",
        "400",
        "--start",
        "400",
        "--spawn-rate",
        "200",
        "--timeout",
        "500ms",
        "--duration",
        "300ms",
    ];
    let mut running = RunningProgram::start(&mut limit_of(&place, &args));
    running.wait_for("phase: connect");
    thread::sleep(Duration::from_millis(500));
    let said = stopped_for_a_second(running);
    let report = report(&place);
    let connect = &report.steps[0].operations["connect"];
    assert!(connect.errors.is_empty(), "{:?}: {said}", connect.errors);
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (400, LimitOwner::Bound), "{reason}: {said}");
}

#[test]
fn the_busiest_thread_of_the_generator_is_told() {
    let place = TestDirectory::new();
    for runtime in ["per-core", "shared"] {
        let args = ["--max", "50", "--start", "50", "--runtime", runtime];
        let output = finish(limit_of(&place, SHORT).args(args));
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let report = report(&place);
        let generator = &step_of(&report, 50).generator;
        let busiest = generator.busiest_thread_ratio;
        assert!(!cfg!(target_os = "linux") || busiest.is_some_and(|ratio| ratio > 0.0));
    }
}

/// Checks that the generator is named as the owner if its only thread is full and no server could
/// keep the bound. The thread never sleeps, so on a machine of any speed it is at work, or waits
/// for a CPU, all the time.
#[test]
#[cfg(target_os = "linux")]
fn a_generator_whose_only_thread_is_full_accuses_itself() {
    let server = server(&[]);
    let place = TestDirectory::new();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let allowed = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = allowed.unwrap().trim().split([',', '-']).next().unwrap();
    // The generator spins for half a millisecond before each message, but a message is due every quarter of a
    // millisecond.
    let args = [
        "limit",
        "--run-dir",
        "run",
        "--url",
        server.url(),
        "--start",
        "20",
        "--max",
        "20",
        "--rate",
        "4000",
        "--spin",
        "--duration",
        "1s",
        "--latency-bound",
        "1ns",
    ];
    let mut command = std::process::Command::new("taskset");
    command.args(["-c", first]).arg(common::binary()).args(args);
    let output = finish(command.current_dir(place.path()));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = report(&place);
    let generator = &report.steps[0].generator;
    assert_eq!(generator.threads, 1);
    assert!(generator.starved(0.9).is_some(), "{generator:?}");
    let (value, owner, reason) = limit(&report);
    assert_eq!((value, owner), (0, LimitOwner::Generator), "{reason}");
    assert!(
        reason.contains("the target may not be the slow one"),
        "{reason}"
    );
}
