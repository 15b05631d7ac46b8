//! Tests against coordinated omission, the most important of all: a server that stalls must show in
//! the response times of all requests that came due meanwhile, not only in those few that the
//! server was executing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Histogram, Operation, Step, StepEnd};
use common::{postgres, report, sweep};
use test_support::{RunningProgram, TestDirectory};
use testbed::Postgres;

/// Rate of the open loop, in requests per second. Fewer requests come due during the stop than may
/// be in flight at once.
const RATE_PER_S: u64 = 800;
const SECONDS: u64 = 10;
const STOP: Duration = Duration::from_secs(1);
const CONNECTIONS: u64 = 8;

/// Runs one step of the workload `point-select` with the additional flags `args`, and calls
/// `meanwhile` when the measured part begins. Returns the step, which must complete, and the result
/// of `meanwhile`.
fn run<T>(server: &Postgres, args: &str, meanwhile: impl FnOnce() -> T) -> (Step, T) {
    let place = TestDirectory::new();
    let args = format!(
        "--workload point-select --driver deadpool --pool-sizes {CONNECTIONS} --repeats 1 {args}"
    );
    let mut running = RunningProgram::start(sweep(&place, &args).env("DATABASE_URL", server.url()));
    running.wait_for("phase: measure");
    let result = meanwhile();
    let end = running.end();
    assert_eq!(end.code, Some(0), "{}", end.said);
    let step = report(&place).steps.remove(0);
    assert_eq!(step.end, StepEnd::Completed, "{}", end.said);
    (step, result)
}

/// Returns the highest rate, in requests per second, that the connections can serve: the rate at
/// which a queue that has built up is served.
fn capacity_per_s(server: &Postgres) -> f64 {
    let args = format!("--users {} --warmup 300ms --duration 1s", 4 * CONNECTIONS);
    run(server, &args, || ()).0.throughput_per_s()
}

/// Runs an open loop and stops the server for one second in the middle. Returns the step, and the
/// length of the stop in nanoseconds.
fn run_with_a_stop(server: &Postgres) -> (Step, f64) {
    let args =
        format!("--rate {RATE_PER_S} --pacing constant --warmup 500ms --duration {SECONDS}s");
    run(server, &args, || {
        std::thread::sleep(Duration::from_millis(SECONDS * 1_000 / 2));
        server.pause();
        let paused_ns = monotonic_ns();
        std::thread::sleep(STOP);
        let stood_ns = monotonic_ns() - paused_ns;
        server.resume();
        stood_ns as f64
    })
}

fn mean(histogram: Option<&Histogram>) -> f64 {
    histogram.unwrap().mean_ns
}

fn assert_phases_add_up(select: &Operation) {
    let parts = mean(select.pacing_lag.as_ref())
        + mean(select.backlog.as_ref())
        + mean(select.call.as_ref());
    let whole = mean(select.response.as_ref());
    assert!(
        (parts / whole - 1.0).abs() < 0.005,
        "pacing lag + backlog + call: {parts} of {whole}"
    );
    let parts = mean(select.checkout.as_ref()) + mean(select.service.as_ref());
    let whole = mean(select.call.as_ref());
    assert!(
        (parts / whole - 1.0).abs() < 0.005,
        "checkout + service: {parts} of {whole}"
    );
}

/// Describes waits that the stop of `stood_ns` nanoseconds does not explain; returns `None` if
/// there are none. A request that comes due at a time x into the stop waits for the rest of the
/// stop and for the requests before it: stop − x·(1 − rate ÷ capacity). That is at least half of
/// the stop up to x = ½·stop ÷ (1 − rate ÷ capacity). `capacity` is in requests per second.
fn slow_beyond_the_stop(select: &Operation, stood_ns: f64, capacity: f64) -> Option<String> {
    let at_once = 0.5 * stood_ns / 1e9 / SECONDS as f64;
    let expected = at_once / (1.0 - RATE_PER_S as f64 / capacity);
    let response = select.response.as_ref().unwrap();
    let felt = response
        .decode()
        .unwrap()
        .count_between(stood_ns as u64 / 2, u64::MAX) as f64
        / select.attempted as f64;
    println!("{felt} of responses took half the stop, expected {expected}");
    assert!(
        felt >= at_once - 0.01,
        "{felt} of responses took half the stop"
    );
    (felt > expected + 0.01).then(|| {
        format!("{felt} of responses took half the stop, not {expected} (at {capacity}/s)")
    })
}

/// Describes a service time whose 99th percentile is too long; returns `None` if it is less than a
/// tenth of that of the response time, because the stop caught only a few requests in the server.
fn shown_in_service(select: &Operation) -> Option<String> {
    let p99 = |h: &Option<Histogram>| h.as_ref().unwrap().percentiles_ns.p99;
    let (felt, in_service) = (p99(&select.response), p99(&select.service));
    println!("service p99 {in_service} ns, response p99 {felt} ns");
    (in_service >= felt / 10).then(|| format!("service p99 {in_service} ns of {felt} ns"))
}

#[test]
fn a_server_that_stands_still_for_a_second_shows_in_everyone_who_was_due_in_it() {
    let server = postgres(&[]);
    let mut faults = Vec::new();
    // Other programs on this machine can make more requests wait, but not fewer.
    for _ in 0..3 {
        let capacity = capacity_per_s(&server);
        let (step, stood_ns) = run_with_a_stop(&server);
        let select = &step.operations["select"];
        assert_eq!(select.attempted, RATE_PER_S * SECONDS, "none is lost");
        assert_eq!(
            (select.succeeded, select.censored),
            (select.attempted, 0),
            "{:?}",
            select.errors
        );
        let longest = select.response.as_ref().unwrap().percentiles_ns.p999 as f64;
        assert!(
            longest >= 0.9 * stood_ns,
            "p99.9 of {longest} ns hides a stop of {stood_ns} ns"
        );
        assert_phases_add_up(select);
        let fault = slow_beyond_the_stop(select, stood_ns, capacity);
        match fault.or_else(|| shown_in_service(select)) {
            None => return,
            Some(fault) => faults.push(fault),
        }
    }
    panic!("in each of three rounds: {faults:?}");
}
