//! Tail of an operation: which phase the slowest hundredth of its calls is spent in, as far as the histograms
//! of the phases prove it.
//!
//! Each phase has a histogram of its own, so which lengths belong to the same call is not known. A bound is:
//! at most one of a thousand calls spends more than p99.9 of a phase in that phase, so at most one of ten of
//! the slowest hundredth does. For the others, what the other phases cannot hold must be in the one left.

use bench_report::{Histogram, Operation, Step};

use super::phases::PhaseFn;
use crate::assessment::{TailModel, TailPhase};
use crate::figures::duration_ns;
use crate::json_pointer::escape;
use crate::requests;
use crate::source_report::SourceReport;

/// Smallest number of calls at which p99 of a phase is shown: ten of them are slower.
const LEAST_CALLS: u64 = 1_000;
/// Smallest number of calls at which p99.9 bounds a phase.
const LEAST_FOR_BOUND: u64 = 10_000;
/// Smallest share of p99, from 0 to 1, that must be in a phase for the tail to be that phase's.
const MOST_OF_IT: f64 = 0.5;

/// Phases in the order in which a call passes them, with the names that people read.
const PHASES: [(&str, &str, PhaseFn); 4] = [
    ("pacing_lag", "the generator's own delay", |o| {
        o.pacing_lag.as_ref()
    }),
    ("backlog", "the backlog", |o| o.backlog.as_ref()),
    ("checkout", "taking a connection", |o| o.checkout.as_ref()),
    ("service", "service", |o| o.service.as_ref()),
];

/// Computes the tail of the operation that took the most time in step `index`. `None` if it has fewer than a
/// thousand calls or fewer than two phases.
pub(super) fn of_step(source: &SourceReport, index: usize, step: &Step) -> Option<TailModel> {
    let time = |(_, operation): &(&String, &Operation)| {
        requests::latency(operation).map_or(0.0, |(_, h)| h.mean_ns * h.count as f64)
    };
    let most = step
        .operations
        .iter()
        .max_by(|a, b| time(a).total_cmp(&time(b)));
    let (name, operation) = most?;
    let (field, whole) = requests::latency(operation)?;
    let is_response = operation.response.is_some();
    let timed = PHASES.iter().filter_map(|(key, title, phase)| {
        // Before the call there is nothing to divide if only calls were timed.
        let is_before = ["pacing_lag", "backlog"].contains(key);
        let histogram = phase(operation).filter(|_| is_response || !is_before)?;
        Some((*key, *title, histogram))
    });
    let timed: Vec<(&str, &str, &Histogram)> = timed.collect();
    if whole.count < LEAST_CALLS || timed.len() < 2 {
        return None;
    }
    let pointer = |field: &str, level: &str| {
        format!(
            "/steps/{index}/operations/{}/{field}/percentiles_ns/{level}",
            escape(name)
        )
    };
    let of_whole = source.evidence(format!("p99 of {name}"), &pointer(field, "p99"));
    let of_phases = timed.iter().filter_map(|(key, title, _)| {
        source.evidence(format!("p99 of {title}"), &pointer(key, "p99"))
    });
    Some(TailModel {
        operation: name.clone(),
        median_ns: whole.percentiles_ns.p50 as f64,
        p99_ns: whole.percentiles_ns.p99 as f64,
        phases: timed.iter().map(|(key, _, h)| phase_of(key, h)).collect(),
        statement: statement(name, whole, &timed),
        evidence: of_whole.into_iter().chain(of_phases).collect(),
    })
}

fn phase_of(name: &str, histogram: &Histogram) -> TailPhase {
    TailPhase {
        name: name.to_owned(),
        median_ns: histogram.percentiles_ns.p50 as f64,
        p99_ns: histogram.percentiles_ns.p99 as f64,
    }
}

/// Returns what the percentiles prove about the slowest hundredth of the calls.
fn statement(name: &str, whole: &Histogram, timed: &[(&str, &str, &Histogram)]) -> String {
    let p99 = whole.percentiles_ns.p99 as f64;
    let lead = format!(
        "One of a hundred calls of {name} takes more than {}",
        duration_ns(p99)
    );
    if whole.count < LEAST_FOR_BOUND {
        return format!(
            "{lead}. Which phase these are spent in is not known: that takes {LEAST_FOR_BOUND} calls, and {} \
             were timed.",
            whole.count
        );
    }
    for (key, title, _) in timed {
        let others = timed.iter().filter(|(other, ..)| other != key);
        let bound: f64 = others
            .clone()
            .map(|(.., h)| h.percentiles_ns.p999 as f64)
            .sum();
        // Each other phase exceeds its bound in at most one of ten of these calls.
        let exceeding = others.count();
        if p99 - bound >= MOST_OF_IT * p99 {
            return format!(
                "{lead}; in at least {} of ten of these, {} or more of that is {title}.",
                10 - exceeding.min(9),
                duration_ns(p99 - bound)
            );
        }
    }
    format!(
        "{lead}. In which phase is not proven: more than one has long calls of its own, and which belong \
         to the same call was not recorded. What the server does in these is known as means only."
    )
}
