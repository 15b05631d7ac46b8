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
/// Number of requests that each place serves in a step of the first sweep.
const ROUNDS: u32 = 30;
/// Factor by which the steps of the second sweep are longer.
const LONGER: u32 = 4;

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

/// Asserts that the interval recommended for a server with `k` places contains `k`, and at most two
/// of `sizes`.
///
/// Repeats that scatter, as on a machine that does other work, make the interval wide, and the
/// report says that longer steps narrow it: where the first sweep tells too little, one with longer
/// steps must be enough.
fn assert_found(k: usize, sizes: &[u64]) {
    let server = postgres(&[]);
    let service = SERVICE.max(turnaround(&server) * FAR_MORE);
    let places = Places::before(&server, k, service);
    let found = within(&places, (k, service), ROUNDS, sizes);
    if found.len() > 2 {
        let found = within(&places, (k, service), ROUNDS * LONGER, sizes);
        assert!(found.len() <= 2, "too wide for {k} places: {found:?}");
    }
}

/// Sweeps the pool sizes `sizes` on a server with `k` places that each serve `rounds` requests in a
/// step, asserts that the recommended interval contains `k`, and returns the sizes in it. `of` is
/// `k` with the time that a place serves a request.
fn within(places: &Places, of: (usize, Duration), rounds: u32, sizes: &[u64]) -> Vec<u64> {
    let (k, service) = of;
    let list: Vec<String> = sizes.iter().map(u64::to_string).collect();
    let args = format!(
        "--driver deadpool --pool-sizes {} --workload point-select --repeats 3 \
         --warmup 200ms --duration {}ms",
        list.join(","),
        (service * rounds).as_millis()
    );
    let ran = complete(&places.url, "sweep", &args);
    assert_eq!(ran.code, 0, "{}", ran.said);
    let found = &ran.report.summary.recommendations[0];
    // Without an upper end every larger size is in the interval.
    let (low, high) = (found.low.unwrap(), found.high.unwrap_or(f64::INFINITY));
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
    let is_within = |size: &&u64| (low..=high).contains(&(**size as f64));
    sizes.iter().filter(is_within).copied().collect()
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
