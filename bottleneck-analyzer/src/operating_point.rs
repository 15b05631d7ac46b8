//! The operating point of each component: the bench's own recommendation, else its best step.

use bench_report::{Recommendation, Step};

use crate::assessment::{ComponentKind, EvidenceItem, OperatingPoint, RepeatSpread, WorstInterval};
use crate::facts::BenchFacts;
use crate::requests::{self, OperationPercentile, PercentileFn};
use crate::source::{SourceReport, escape};
use crate::sweep::completed;

/// A chosen step with the reason for the choice.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenStep {
    /// Index into the report's `steps`.
    pub step: usize,
    /// The recommendation it follows, by its index.
    pub recommendation: Option<usize>,
    /// Reason for the choice.
    pub reason: String,
}

/// Chooses the operating point of a bench's report; `None` where no step ran to its end, or a
/// search held no level.
pub fn choose(source: &SourceReport) -> Option<ChosenStep> {
    if source.component() == Some(ComponentKind::Websocket) {
        return highest_level_held(source);
    }
    recommended(source).or_else(|| best_step(source))
}

/// The best of the recommended settings: a pool's before one without a pool, because whoever
/// asks for an operating point asks for a pool size. The fastest repeat speaks for each, so that a
/// fault in another repeat is judged and does not make another setting the one that is.
fn recommended(source: &SourceReport) -> Option<ChosenStep> {
    let all = source.report.summary.recommendations.iter().enumerate();
    let (index, recommendation, step) = all
        .filter(|(_, r)| r.value.is_some())
        .filter_map(|(i, r)| {
            let repeats = repeats_of(source, r);
            Some((i, r, (middle(&repeats)?, *repeats.last()?)))
        })
        .max_by(|(_, a, i), (_, b, j)| {
            let pooled = |r: &Recommendation| r.parameter == "pool_size";
            let speed = |i: usize| source.report.steps[i].throughput_per_s();
            let order = pooled(a).cmp(&pooled(b));
            order.then(speed(i.1).total_cmp(&speed(j.1)))
        })?;
    Some(ChosenStep {
        step: step.0,
        recommendation: Some(index),
        reason: recommendation.reason.clone(),
    })
}

/// The repeat with the median throughput; of two in the middle the slower one.
fn middle(repeats: &[usize]) -> Option<usize> {
    repeats.get(repeats.len().checked_sub(1)? / 2).copied()
}

/// The repeats of a recommended setting that ran to their end, the slowest first.
fn repeats_of(source: &SourceReport, recommendation: &Recommendation) -> Vec<usize> {
    let steps = &source.report.steps;
    let named = recommendation.steps.iter().copied();
    let mut repeats: Vec<usize> = named.filter(|i| *i < steps.len()).collect();
    if repeats.is_empty() {
        let subject = |step: &Step| {
            let mut texts = step.parameters.values().map(ToString::to_string);
            texts.any(|t| t == recommendation.subject)
        };
        let at_value =
            |step: &Step| step.parameter(&recommendation.parameter) == recommendation.value;
        repeats = (0..steps.len())
            .filter(|i| subject(&steps[*i]) && at_value(&steps[*i]))
            .collect();
    }
    repeats.retain(|i| completed(&steps[*i]));
    repeats.sort_by(|a, b| {
        let speed = |i: &usize| steps[*i].throughput_per_s();
        speed(a).total_cmp(&speed(b))
    });
    repeats
}

fn best_step(source: &SourceReport) -> Option<ChosenStep> {
    let measured = source.report.steps.iter().enumerate();
    let (step, _) = measured
        .filter(|(_, s)| completed(s) && s.throughput_per_s() > 0.0)
        .max_by(|(_, a), (_, b)| a.throughput_per_s().total_cmp(&b.throughput_per_s()))?;
    Some(ChosenStep {
        step,
        recommendation: None,
        reason: "the step with the highest throughput; the bench recommends no setting".to_owned(),
    })
}

/// The steps with the settings of step `index` that ran to their end; `index` is one of them.
pub fn repeats(source: &SourceReport, index: usize) -> Vec<usize> {
    let steps = &source.report.steps;
    let Some(chosen) = steps.get(index) else {
        return Vec::new();
    };
    let same = |step: &Step| completed(step) && step.parameters == chosen.parameters;
    (0..steps.len())
        .filter(|i| *i == index || same(&steps[*i]))
        .collect()
}

fn highest_level_held(source: &SourceReport) -> Option<ChosenStep> {
    let report = &source.report;
    let bound = report.summary.limit.as_ref().map_or(f64::MAX, |l| l.value);
    let level = |s: &Step| s.parameter("connections").unwrap_or(0.0);
    let levels = report.steps.iter().enumerate();
    let held = levels
        .filter(|(_, s)| completed(s) && !s.operations.is_empty())
        .filter(|(_, s)| level(s) <= bound);
    let (step, _) = held.max_by(|(_, a), (_, b)| level(a).total_cmp(&level(b)))?;
    Some(ChosenStep {
        step,
        recommendation: None,
        reason: "the highest level that was held".to_owned(),
    })
}

/// Spells the operating point of a bench out with its figures: all repeats count, and the worst of
/// them speaks for latency.
pub fn describe(bench: &BenchFacts<'_>) -> Option<OperatingPoint> {
    let (choice, source) = (bench.choice.as_ref()?, bench.source);
    let (index, step) = bench.operating()?;
    let p95 = bench.slowest(|h| h.percentiles_ns.p95);
    let p99 = bench.slowest(|h| h.percentiles_ns.p99);
    let recommendation = bench.recommendation();
    Some(OperatingPoint {
        step: index,
        setting: setting(step),
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
        for (name, _) in requests::of(step) {
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
                source.evidence(label, &percentile_pointer(index, &s, which))
            }));
        }
    }
    evidence
}

/// Spread of the repeats of the operating point; `None` for a single one.
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
        throughput_per_s: [
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            rates.iter().copied().fold(0.0, f64::max),
        ],
        p95_ns: percentiles(|h| h.percentiles_ns.p95),
        p99_ns: percentiles(|h| h.percentiles_ns.p99),
    })
}

/// The interval of the repeats' measured parts in which the least was answered.
fn worst_interval(bench: &BenchFacts<'_>) -> Option<WorstInterval> {
    let of_run = |name: &str| {
        let mut all = bench.source.report.series.iter();
        all.find(move |s| s.name == name && s.labels.is_empty())
    };
    let throughput = of_run("throughput_per_s")?;
    let p99 = of_run("latency.p99_ns");
    let intervals = bench.operating_repeats().flat_map(|(_, step)| {
        let begins = throughput.at_ns.iter().zip(throughput.at_ns.iter().skip(1));
        let points = begins.zip(throughput.min.iter().skip(1));
        let window = step.window;
        points.filter_map(move |((&from, &until), least)| {
            let inside = from >= window.measure_start_ns && until <= window.measure_end_ns;
            let inside = inside && from < until;
            let least = (*least).filter(|_| inside)?;
            Some(WorstInterval {
                repeat: step.repeat,
                at_ns: from - window.measure_start_ns,
                length_ns: until - from,
                throughput_per_s: least,
                p99_ns: p99.and_then(|p99| {
                    let place = p99.at_ns.iter().position(|at| *at == until)?;
                    p99.max.get(place).copied().flatten()
                }),
            })
        })
    });
    intervals.min_by(|a, b| a.throughput_per_s.total_cmp(&b.throughput_per_s))
}

/// Pointer to a percentile of a step's operation.
pub fn percentile_pointer(step: usize, slowest: &OperationPercentile<'_>, which: &str) -> String {
    format!(
        "/steps/{step}/operations/{}/{}/percentiles_ns/{which}",
        escape(slowest.operation),
        slowest.field
    )
}

/// A step's settings in words, names first: `deadpool, read-heavy, pool size 8, users 32`. A time
/// is told with its name, and only where there is one.
pub fn setting(step: &Step) -> String {
    let number = |value: &bench_report::Parameter| value.as_f64().is_some();
    let names = step.parameters.iter().filter(|(_, v)| !number(v));
    let numbers = step.parameters.iter().filter(|(_, v)| number(v));
    let told = |(key, value): (&String, &bench_report::Parameter)| {
        let text = value.to_string();
        match text.as_str() {
            "0" | "0s" => None,
            time if time.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(format!("{} {time}", key.replace('_', " ")))
            }
            _ => Some(text),
        }
    };
    let words = names
        .filter_map(told)
        .chain(numbers.map(|(k, v)| format!("{} {v}", k.replace('_', " "))));
    words.collect::<Vec<_>>().join(", ")
}
