//! Tests with a server that serves exactly k requests at once, however many connections send
//! requests: the sweep must recommend an interval that contains k and at most two of the swept
//! sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/places.rs"]
mod places;

mod common;

use std::time::Duration;

use common::{complete, postgres};
use places::Places;
use testbed::Postgres;

/// Least service time of a request.
const SERVICE: Duration = Duration::from_millis(50);
const FAR_MORE: u32 = 25;
/// Number of requests that each place serves in a step.
const ROUNDS: u32 = 30;

/// Returns the mean time that this machine needs for a request at present, measured with a place
/// whose service time is 0.
fn turnaround(server: &Postgres) -> Duration {
    let places = Places::before(server, 1, Duration::ZERO);
    let args = "--driver deadpool --pool-sizes 1 --users 1 --workload point-select --repeats 1 \
                --warmup 200ms --duration 500ms";
    let ran = complete(&places.url, "sweep", args);
    assert_eq!(ran.code, 0, "{}", ran.said);
    let call = ran.report.steps[0].operations.values().next().unwrap();
    Duration::from_nanos(call.latency().unwrap().mean_ns as u64)
}

/// Sweeps the pool sizes `sizes` on a server with `k` places, and asserts that the recommended
/// interval contains `k`.
fn assert_found(k: usize, sizes: &[u64]) {
    let server = postgres(&[]);
    let service = SERVICE.max(turnaround(&server) * FAR_MORE);
    let places = Places::before(&server, k, service);
    let list: Vec<String> = sizes.iter().map(u64::to_string).collect();
    let args = format!(
        "--driver deadpool --pool-sizes {} --workload point-select --repeats 3 \
         --warmup 200ms --duration {}ms",
        list.join(","),
        (service * ROUNDS).as_millis()
    );
    let ran = complete(&places.url, "sweep", &args);
    assert_eq!(ran.code, 0, "{}", ran.said);
    let found = &ran.report.summary.recommendations[0];
    let (low, high) = (found.low.unwrap(), found.high.unwrap());
    assert!(
        low <= k as f64 && k as f64 <= high,
        "{k} is not in {low} to {high}: {}",
        ran.said
    );
    // Little's law: k places, each taken for the service time.
    let best = ran.report.summary.figures["best_throughput_per_s"];
    assert!(
        best <= 1.05 * k as f64 / service.as_secs_f64(),
        "no more than k are served at once: {best}"
    );
    let within = sizes
        .iter()
        .filter(|&&size| (low..=high).contains(&(size as f64)))
        .count();
    assert!(within <= 2, "{low} to {high} is too wide: {}", ran.said);
}

/// All three sweeps run at once, because a place only waits and needs no processor.
#[test]
fn three_seven_and_sixteen_places_are_found() {
    std::thread::scope(|scope| {
        scope.spawn(|| assert_found(3, &[1, 2, 3, 4, 6]));
        scope.spawn(|| assert_found(7, &[3, 5, 7, 9, 12]));
        scope.spawn(|| assert_found(16, &[8, 12, 16, 20, 24]));
    });
}
