//! Latency of reads with a back-end behind the cache, hits and misses together, and the load that the
//! back-end is spared.

use bench_cli::table::{self, Table};
use bench_report::names::{FigureName, steps};
use bench_report::{Latency, Operation, QuantileKind, Report, Step};
use statistics::mean;

use super::cache_work::{BACKEND_PHASE, HITS};
use crate::cli::BackendFlag;
use crate::results::group::{ClientGroup, groups};
use crate::run::workload::Variants;

/// Adds the figures of a finished step about its back-end. A mean or a percentile that requests
/// without an answer would change is left out.
pub(super) fn conclude(step: &mut Step) {
    let hits = HITS
        .into_iter()
        .filter_map(|name| step.operations.get(name));
    let hits: Vec<&Operation> = hits.collect();
    let misses = step.operations.get("miss");
    let reads = hits.iter().copied().chain(misses);
    let Ok(latency) = Latency::from_operations(reads) else {
        return;
    };
    let p99 = latency.quantile(0.99);
    let p99 = p99.filter(|estimate| estimate.kind != QuantileKind::AtLeast);
    let finished = latency.finished();
    let is_whole = latency.unfinished() == 0 && !finished.is_empty();
    let mean_ns = is_whole.then(|| finished.mean());
    let called = misses.map_or(0, |miss| miss.succeeded + miss.failures());
    let found = hits.iter().map(|hit| hit.succeeded).sum::<u64>();
    let saved = (found + called > 0).then(|| found as f64 / (found + called) as f64);
    let backend = misses.and_then(|miss| miss.phases.get(BACKEND_PHASE));
    let figures = [
        (steps::EFFECTIVE_MEAN_NS, mean_ns),
        (steps::EFFECTIVE_P99_NS, p99.map(|p99| p99.ns as f64)),
        (steps::BACKEND_MEAN_NS, backend.map(|phase| phase.mean_ns)),
        (
            steps::BACKEND_CALLS_PER_S,
            (misses.is_some() || !hits.is_empty())
                .then(|| misses.map_or(0.0, |miss| miss.throughput_per_s)),
        ),
        (steps::BACKEND_SAVED_RATIO, saved),
    ];
    for (name, value) in figures {
        if let Some(value) = value {
            step.figure(name, value);
        }
    }
}

/// Returns the table of the reads with the back-end `backend`; empty if no step has them.
pub(super) fn text(report: &Report, variants: &Variants, backend: BackendFlag) -> String {
    let groups = groups(report, variants);
    let told: Vec<&ClientGroup<'_>> = groups
        .iter()
        .filter(|group| !group.figures(steps::BACKEND_SAVED_RATIO).is_empty())
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["", "mean", "p99", "back-end", "calls", "saved"]);
    for group in told {
        let figure = |name: FigureName, show: &dyn Fn(f64) -> String| {
            mean(&group.figures(name)).map_or_else(|| "–".to_owned(), show)
        };
        let duration = |ns: f64| table::duration_ns(ns as u64);
        table.row(&[
            group.name(),
            figure(steps::EFFECTIVE_MEAN_NS, &duration),
            figure(steps::EFFECTIVE_P99_NS, &duration),
            figure(steps::BACKEND_MEAN_NS, &duration),
            figure(steps::BACKEND_CALLS_PER_S, &table::rate),
            figure(steps::BACKEND_SAVED_RATIO, &table::ratio),
        ]);
    }
    format!("\nReads with a back-end of {backend} behind the cache:\n{table}")
        + &table::paragraph(
            "mean, p99: latency of hits and misses together; back-end: mean time that a miss \
             waited for it; saved: reads that did not call it. All are means over the repeats.",
            0,
        )
}
