//! Tests of the scenario `throughput`: planted rates, losses, late and doubled answers must come out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp
)]

#[path = "../common/mod.rs"]
mod common;
mod faulty_echo;

use std::process::Output;
use std::time::Duration;

use bench_report::names::{FigureName, steps};
use bench_report::{Load, Report, Status, Step};
use common::{bench, finish, said, server};
use faulty_echo::{Fault, faulty_echo};
use test_support::TestDirectory;

/// Runs the scenario against `url` with `flags`, separated by spaces. Returns its report and its
/// output.
fn throughput(url: &str, flags: &str) -> (Report, Output) {
    let place = TestDirectory::new();
    let mut command = bench(&place, &["throughput", "--run-dir", "run", "--url", url]);
    let output = finish(command.args(flags.split(' ')));
    (place.report("run/ws-bench.throughput.json"), output)
}

fn count(step: &Step, name: FigureName) -> u64 {
    step.value(name).unwrap() as u64
}

#[test]
fn a_planted_rate_and_size_come_out_in_both_directions() {
    let server = server(&[]);
    let flags = "--connections 5,20 --rate 500 --message-size 64 --duration 2s --warmup 200ms";
    let (report, output) = throughput(server.url(), flags);
    assert_eq!(report.status, Status::Complete, "{}", said(&output));
    assert_eq!(report.steps.len(), 2);
    for step in &report.steps {
        let echo = &step.operations["echo"];
        assert_eq!(echo.attempted, 1_000, "every message of the planted rate");
        assert_eq!((echo.succeeded, echo.failures()), (1_000, 0));
        assert!(!step.operations.contains_key("connect"));
        let (sent, received) = (
            count(step, steps::MESSAGES_SENT),
            count(step, steps::MESSAGES_RECEIVED),
        );
        assert_eq!(count(step, steps::BYTES_SENT), 64 * sent);
        assert_eq!(count(step, steps::BYTES_RECEIVED), 64 * received);
        // A connection is read at its first message after each bound of the measured part.
        let most_off = 2 * step.parameter("connections").unwrap() as u64;
        assert!(sent.abs_diff(1_000) <= most_off, "{sent} sent");
        assert!(received.abs_diff(1_000) <= most_off, "{received} received");
        for name in [
            steps::LOST_MESSAGES,
            steps::LATE_ANSWERS,
            steps::DUPLICATE_ANSWERS,
            steps::UNMATCHED_MESSAGES,
        ] {
            assert_eq!(count(step, name), 0, "{name}");
        }
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("messages/s") && text.contains("client memory"),
        "{text}"
    );
}

#[test]
fn a_closed_loop_keeps_as_many_messages_under_way_as_it_is_told() {
    let server = server(&[]);
    let flags = "--connections 3 --in-flight 4 --message-size 16..1KiB --duration 500ms --warmup 0";
    let (report, output) = throughput(server.url(), flags);
    assert_eq!(report.status, Status::Complete, "{}", said(&output));
    let step = &report.steps[0];
    // Each message under way has a user who waits for it.
    assert!(matches!(step.load, Load::Closed { users: 12, .. }));
    assert_eq!(step.parameter("in_flight"), Some(4.0));
    let echo = &step.operations["echo"];
    assert!(echo.succeeded >= 12 && echo.failures() == 0, "{echo:?}");
    assert_eq!(count(step, steps::DUPLICATE_ANSWERS), 0);
    let mean = count(step, steps::BYTES_SENT) / count(step, steps::MESSAGES_SENT);
    assert!((16..=1_024).contains(&mean), "{mean} bytes");
}

#[test]
fn every_hundredth_message_sent_twice_is_told_as_that() {
    let url = faulty_echo(Fault::Twice(100));
    let flags = "--connections 4 --in-flight 8 --rate 2000 --duration 2s --warmup 0";
    let (report, output) = throughput(&url, flags);
    let step = &report.steps[0];
    let echo = &step.operations["echo"];
    assert_eq!((echo.attempted, echo.succeeded), (4_000, 4_000));
    // The last message of each connection may be doubled after the connection has been measured.
    let doubled = count(step, steps::DUPLICATE_ANSWERS);
    assert!((36..=40).contains(&doubled), "{doubled} doubled");
    assert_eq!(count(step, steps::LOST_MESSAGES), 0);
    assert_eq!(count(step, steps::UNMATCHED_MESSAGES), 0);
    assert_eq!(output.status.code(), Some(0), "an answer was right");
    let text = said(&output);
    assert!(text.contains("answered twice"), "{text}");
}

#[test]
fn answers_that_never_come_are_lost_and_those_that_come_after_the_time_out_are_late() {
    let flags = "--connections 2 --in-flight 100 --rate 500 --duration 1s --warmup 0 --timeout 300ms \
                 --stop-on errors>50%";
    let (report, output) = throughput(&faulty_echo(Fault::Never(50)), flags);
    let step = &report.steps[0];
    let echo = &step.operations["echo"];
    assert_eq!(echo.attempted, 500, "{}", said(&output));
    assert_eq!(echo.errors.get("timeout.echo"), Some(&10));
    assert_eq!(count(step, steps::LOST_MESSAGES), 10);
    assert_eq!(count(step, steps::LATE_ANSWERS), 0);

    let (report, _) = throughput(
        &faulty_echo(Fault::After(50, Duration::from_millis(700))),
        flags,
    );
    let step = &report.steps[0];
    assert_eq!(
        step.operations["echo"].errors.get("timeout.echo"),
        Some(&10)
    );
    let (lost, late) = (
        count(step, steps::LOST_MESSAGES),
        count(step, steps::LATE_ANSWERS),
    );
    assert_eq!(lost + late, 10);
    assert!(late >= 1, "those that were due while others were awaited");
}

#[test]
fn messages_that_nobody_asked_for_are_counted_and_are_no_answers() {
    let flags = "--connections 2 --rate 200 --duration 1s --warmup 0";
    let (report, output) = throughput(&faulty_echo(Fault::Pushes(10)), flags);
    let step = &report.steps[0];
    assert_eq!(step.operations["echo"].succeeded, 200, "{}", said(&output));
    assert!((18..=20).contains(&count(step, steps::UNMATCHED_MESSAGES)));
    assert_eq!(count(step, steps::DUPLICATE_ANSWERS), 0);
}

#[test]
fn a_bound_that_is_broken_ends_with_exit_code_3() {
    let url = faulty_echo(Fault::Never(2));
    let flags = "--connections 2 --in-flight 50 --rate 200 --duration 5s --warmup 0 --timeout 200ms \
                 --stop-on errors>10%";
    let (report, output) = throughput(&url, flags);
    assert_eq!(report.status, Status::Stopped);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

#[test]
fn the_highest_rate_is_found_below_that_which_the_server_cannot_pass() {
    // One answer takes 4 ms at least, whatever the connection: 250 per second at most.
    let url = faulty_echo(Fault::Slow(Duration::from_millis(4)));
    let flags = "--connections 4 --find-rate p90<100ms --duration 1s --warmup 0";
    let (report, output) = throughput(&url, flags);
    let [found] = report.summary.found_rates.as_slice() else {
        panic!("{}", said(&output));
    };
    let broken = found.broken_per_s.unwrap();
    assert!(broken <= 800.0, "{found:?}");
    assert!(
        found.held_per_s.is_none_or(|held| held < 400.0),
        "{found:?}"
    );
    assert!(report.steps.len() >= 2);
}

#[test]
fn workers_share_the_connections_and_count_what_one_process_would() {
    let server = server(&[]);
    let flags = "--connections 6 --workers 2 --rate 300 --duration 1s --warmup 0";
    let (report, output) = throughput(server.url(), flags);
    assert_eq!(report.status, Status::Complete, "{}", said(&output));
    let step = &report.steps[0];
    assert_eq!(step.operations["echo"].succeeded, 300);
    assert_eq!(count(step, steps::OPEN_CONNECTIONS), 6);
    assert!(count(step, steps::MESSAGES_SENT).abs_diff(300) <= 12);
}
