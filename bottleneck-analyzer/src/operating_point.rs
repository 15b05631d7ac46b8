//! Description of the operating point of a bench with its figures.

use bench_report::Step;

use crate::assessment::{EvidenceItem, OperatingPoint, RepeatSpread, WorstInterval};
use crate::bench_facts::BenchFacts;
use crate::json_pointer::escape;
use crate::requests::{self, PercentileFn};
use crate::series_reading::measured_intervals;
use crate::source_report::SourceReport;
use crate::sweep::describe_setting;

/// Describes the operating point of a bench; `None` without one. Percentiles are those of the worst
/// repeat, the throughput is that of the chosen step, and other figures cover all completed
/// repeats.
pub(crate) fn describe(bench: &BenchFacts<'_>) -> Option<OperatingPoint> {
    let (choice, source) = (bench.choice.as_ref()?, bench.source);
    let (index, step) = bench.operating_step()?;
    let p95 = requests::slowest_of(bench.operating_repeats(), |h| h.percentiles_ns.p95);
    let p99 = requests::slowest_of(bench.operating_repeats(), |h| h.percentiles_ns.p99);
    let recommendation = bench.recommendation();
    Some(OperatingPoint {
        step: index,
        setting: describe_setting(step),
        reason: choice.reason.clone(),
        low: recommendation.and_then(|r| r.low),
        high: recommendation.and_then(|r| r.high),
        throughput_per_s: requests::throughput_per_s(step),
        p95_ns: p95.map(|(_, s)| s.ns),
        p99_ns: p99.map(|(_, s)| s.ns),
        at_least: [("p95", p95), ("p99", p99)]
            .into_iter()
            .filter(|(_, slowest)| slowest.is_some_and(|(_, s)| s.at_least))
            .map(|(which, _)| which.to_owned())
            .collect(),
        max_ns: bench
            .operating_repeats()
            .filter_map(|(_, step)| requests::longest_ns(step))
            .max(),
        error_ratio: requests::error_ratio_of(bench.operating_repeats().map(|(_, s)| s)),
        spread: spread(bench),
        worst_interval: worst_interval(bench),
        evidence: evidence(source, bench),
    })
}

fn evidence(source: &SourceReport, bench: &BenchFacts<'_>) -> Vec<EvidenceItem> {
    let mut evidence = Vec::new();
    for (index, step) in bench.operating_repeats() {
        for (name, _) in requests::request_operations(step) {
            let pointer = format!(
                "/steps/{index}/operations/{}/throughput_per_s",
                escape(name)
            );
            evidence.extend(source.evidence(format!("throughput of {name}"), &pointer));
        }
        evidence.extend(source.outcomes(index));
        let percentiles: [(&str, PercentileFn); 2] = [
            ("p95", |h| h.percentiles_ns.p95),
            ("p99", |h| h.percentiles_ns.p99),
        ];
        for (which, pick) in percentiles {
            evidence.extend(requests::slowest(step, pick).and_then(|s| {
                let label = s.label(which);
                source.evidence(label, &s.pointer(index, which))
            }));
        }
    }
    evidence
}

/// Returns the ranges of the figures over all completed repeats; `None` for a single repeat.
fn spread(bench: &BenchFacts<'_>) -> Option<RepeatSpread> {
    let steps: Vec<&Step> = bench.operating_repeats().map(|(_, step)| step).collect();
    let percentiles = |pick: PercentileFn| {
        let times = steps.iter().filter_map(|s| requests::slowest(s, pick));
        let times: Vec<u64> = times.map(|l| l.ns).collect();
        Some([*times.iter().min()?, *times.iter().max()?])
    };
    let rates: Vec<f64> = steps
        .iter()
        .map(|s| requests::throughput_per_s(s))
        .collect();
    (steps.len() > 1).then(|| RepeatSpread {
        repeats: steps.len() as u64,
        shown_repeat: shown_repeat(bench, &rates),
        throughput_per_s: [
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            rates.iter().copied().fold(0.0, f64::max),
        ],
        p95_ns: percentiles(|h| h.percentiles_ns.p95),
        p99_ns: percentiles(|h| h.percentiles_ns.p99),
    })
}

/// Tells which repeat is shown: `repeat 2, the median`. `rates` are the throughputs of all repeats. `None`
/// without an operating point.
fn shown_repeat(bench: &BenchFacts<'_>, rates: &[f64]) -> Option<String> {
    let (_, step) = bench.operating_step()?;
    let shown = requests::throughput_per_s(step);
    let slower = rates.iter().filter(|rate| **rate < shown).count();
    let place = match (slower, rates.len()) {
        (slower, all) if slower == (all - 1) / 2 => "the median",
        (slower, all) if slower + 1 == all => "the fastest",
        _ => "not the median",
    };
    Some(format!("repeat {}, {place}", step.repeat + 1))
}

/// Returns the interval with the lowest throughput in the measured parts of all repeats; `None` if
/// the report has no timeline of the throughput there.
fn worst_interval(bench: &BenchFacts<'_>) -> Option<WorstInterval> {
    let of_run = |name: &str| {
        let mut all = bench.source.report.series.iter();
        all.find(move |s| s.name == name && s.labels.is_empty())
    };
    let throughput = of_run("throughput_per_s")?;
    let p99 = of_run("latency.p99_ns");
    let intervals = bench.operating_repeats().flat_map(|(_, step)| {
        let measured = measured_intervals(throughput, step.window).into_iter();
        measured.filter_map(move |(index, span, _)| {
            Some(WorstInterval {
                repeat: step.repeat,
                at_ns: span.start.saturating_sub(step.window.measure_start_ns),
                length_ns: span.end - span.start,
                throughput_per_s: throughput.min.get(index).copied().flatten()?,
                p99_ns: p99.and_then(|p99| {
                    let place = p99.at_ns.iter().position(|at| *at == span.end)?;
                    p99.max.get(place).copied().flatten()
                }),
            })
        })
    });
    intervals.min_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s))
}
