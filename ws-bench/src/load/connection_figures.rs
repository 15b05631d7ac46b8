//! Figures of a step about its connections: open, checked, lost, established.

use bench_report::names::steps;
use bench_report::{Operation, Step};

/// Adds to `step` the figures of its connections: `open` at its end, those that `check` found lost,
/// the rate and the phases of connecting, and the memory `rss_bytes` of the load's processes.
pub(crate) fn add(step: &mut Step, check: Option<&Operation>, open: u64, rss_bytes: Option<u64>) {
    step.figure(steps::OPEN_CONNECTIONS, open as f64);
    if let Some(bytes) = rss_bytes {
        step.figure(steps::CLIENT_RSS_BYTES, bytes as f64);
    }
    if let Some(check) = check {
        // A check that a signal cut off tells nothing about its connection.
        let checked = check.attempted - check.censored;
        let lost = checked - check.succeeded;
        step.figure(steps::CHECKED_CONNECTIONS, checked as f64);
        step.figure(steps::LOST_CONNECTIONS, lost as f64);
        for (kind, count) in &check.errors {
            step.member(steps::LOST_BY_KIND, kind, *count as f64);
        }
    }
    let Some(connect) = step.operations.get("connect").cloned() else {
        return;
    };
    step.figure(steps::ESTABLISHED_PER_S, connect.throughput_per_s);
    for (phase, times) in &connect.phases {
        let percentiles = times.percentiles_ns;
        for (label, ns) in [
            ("p50", percentiles.p50),
            ("p95", percentiles.p95),
            ("p99", percentiles.p99),
        ] {
            step.member(steps::CONNECT_PHASES, format!("{phase}_{label}"), ns as f64);
        }
    }
}
