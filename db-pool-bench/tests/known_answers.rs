//! A server that serves exactly k requests at once, however many connections ask: the sweep must
//! find k, within two of its sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/places.rs"]
mod places;

mod common;

use std::time::Duration;

use common::{complete, postgres};
use places::Places;

/// What a request takes at its place: far more than the machine needs for it.
const SERVICE: Duration = Duration::from_millis(50);

/// Sweeps `sizes` on a server with `k` places.
fn assert_found(k: usize, sizes: &[u64]) {
    let server = postgres(&[]);
    let places = Places::before(&server, k, SERVICE);
    let list: Vec<String> = sizes.iter().map(u64::to_string).collect();
    let args = format!(
        "--driver deadpool --pool-sizes {} --workload point-select --repeats 3 --warmup 200ms \
         --duration 1500ms",
        list.join(",")
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
    let within = sizes
        .iter()
        .filter(|&&size| (low..=high).contains(&(size as f64)))
        .count();
    assert!(within <= 2, "{low} to {high} is too wide: {}", ran.said);
    // Little's law asks for as many: k places, each taken for the service time.
    let best = ran.report.summary.figures["best_throughput_per_s"];
    assert!(
        best <= 1.05 * k as f64 / SERVICE.as_secs_f64(),
        "no more than k are served at once: {best}"
    );
}

/// All at once: a place is a time to wait, and takes no processor.
#[test]
fn three_seven_and_sixteen_places_are_found() {
    std::thread::scope(|scope| {
        scope.spawn(|| assert_found(3, &[1, 2, 3, 4, 6]));
        scope.spawn(|| assert_found(7, &[3, 5, 7, 9, 12]));
        scope.spawn(|| assert_found(16, &[8, 12, 16, 20, 24]));
    });
}
