//! Where each component should run: the bench's own recommendation, else its best step.

use bench_report::{Recommendation, Step};

use crate::assessment::{Component, OperatingPoint};
use crate::requests::{self, Latency};
use crate::source::{Source, escape};
use crate::sweep::completed;

/// A chosen step with the reason for the choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Index into the report's `steps`.
    pub step: usize,
    /// The recommendation it follows, by its index.
    pub recommendation: Option<usize>,
    /// Why this one.
    pub reason: String,
}

/// Chooses the operating point of a bench's report; `None` where no step ran to its end, or a
/// search held no level.
pub fn choose(source: &Source) -> Option<Choice> {
    if source.component() == Some(Component::Websocket) {
        return highest_level_held(source);
    }
    recommended(source).or_else(|| best_step(source))
}

/// The best of the recommended settings: a pool's before one without a pool, because whoever
/// asks for an operating point asks for a pool size.
fn recommended(source: &Source) -> Option<Choice> {
    let all = source.report.summary.recommendations.iter().enumerate();
    let (index, recommendation, step) = all
        .filter(|(_, r)| r.value.is_some())
        .filter_map(|(i, r)| Some((i, r, representative(source, r)?)))
        .max_by(|(_, a, i), (_, b, j)| {
            let pooled = |r: &Recommendation| r.parameter == "pool_size";
            let speed = |i: usize| source.report.steps[i].throughput_per_s();
            let order = pooled(a).cmp(&pooled(b));
            order.then(speed(*i).total_cmp(&speed(*j)))
        })?;
    Some(Choice {
        step,
        recommendation: Some(index),
        reason: recommendation.reason.clone(),
    })
}

/// The repeat with the median throughput, of those that ran to their end.
fn representative(source: &Source, recommendation: &Recommendation) -> Option<usize> {
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
    repeats.get(repeats.len() / 2).copied()
}

fn best_step(source: &Source) -> Option<Choice> {
    let measured = source.report.steps.iter().enumerate();
    let (step, _) = measured
        .filter(|(_, s)| completed(s) && s.throughput_per_s() > 0.0)
        .max_by(|(_, a), (_, b)| a.throughput_per_s().total_cmp(&b.throughput_per_s()))?;
    Some(Choice {
        step,
        recommendation: None,
        reason: "the step with the highest throughput; the bench recommends no setting".to_owned(),
    })
}

fn highest_level_held(source: &Source) -> Option<Choice> {
    let report = &source.report;
    let bound = report.summary.limit.as_ref().map_or(f64::MAX, |l| l.value);
    let level = |s: &Step| s.parameter("connections").unwrap_or(0.0);
    let levels = report.steps.iter().enumerate();
    let held = levels
        .filter(|(_, s)| completed(s) && !s.operations.is_empty())
        .filter(|(_, s)| level(s) <= bound);
    let (step, _) = held.max_by(|(_, a), (_, b)| level(a).total_cmp(&level(b)))?;
    Some(Choice {
        step,
        recommendation: None,
        reason: "the highest level that was held".to_owned(),
    })
}

/// Spells a choice out with its figures.
pub fn describe(source: &Source, choice: &Choice) -> Option<OperatingPoint> {
    let index = choice.step;
    let step = source.report.steps.get(index)?;
    let p95 = requests::slowest(step, |h| h.percentiles_ns.p95);
    let p99 = requests::slowest(step, |h| h.percentiles_ns.p99);
    let recommendation = choice
        .recommendation
        .and_then(|i| source.report.summary.recommendations.get(i));
    let mut evidence = Vec::new();
    for (name, _) in requests::of(step) {
        evidence.extend(source.evidence(
            format!("throughput of {name}"),
            &format!(
                "/steps/{index}/operations/{}/throughput_per_s",
                escape(name)
            ),
        ));
    }
    evidence.extend(source.outcomes(index));
    for (which, slowest) in [("p95", &p95), ("p99", &p99)] {
        evidence.extend(slowest.as_ref().and_then(|s| {
            source.evidence(
                format!("{which} of {}, the slowest operation", s.operation),
                &percentile_pointer(index, s, which),
            )
        }));
    }
    Some(OperatingPoint {
        step: index,
        setting: setting(step),
        reason: choice.reason.clone(),
        low: recommendation.and_then(|r| r.low),
        high: recommendation.and_then(|r| r.high),
        throughput_per_s: requests::throughput_per_s(step),
        p95_ns: p95.map(|s| s.ns),
        p99_ns: p99.map(|s| s.ns),
        at_least: [("p95", p95), ("p99", p99)]
            .into_iter()
            .filter(|(_, slowest)| slowest.is_some_and(|s| s.at_least))
            .map(|(which, _)| which.to_owned())
            .collect(),
        error_ratio: requests::error_ratio(step),
        evidence,
    })
}

/// Pointer to a percentile of a step's operation.
pub fn percentile_pointer(step: usize, slowest: &Latency<'_>, which: &str) -> String {
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
