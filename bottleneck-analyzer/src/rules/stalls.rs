//! Times at which nothing came back: all users stood still at once.

use bench_report::{Load, Series, Step};

use crate::assessment::{Component, Confidence, Evidence, Finding, FindingKind, ImpactOf};
use crate::conclusions::{Conclusions, Draft};
use crate::facts::{Bench, Facts};
use crate::figures::{duration_ns, plain, share};
use crate::requests;

const RULE: &str = "stalls";
/// Throughput of a window ÷ the median of its step below which it stands still.
const STILL_RATIO: f64 = 0.20;
/// Calls that a window must hold as a rule, so that none is no accident.
const LEAST_CALLS: f64 = 10.0;
/// A pause that the systems between make now and then.
const SHORTEST_NS: u64 = 200_000_000;
/// A stall of the generator ÷ that of the calls from which the generator is the reason.
const OWN_RATIO: f64 = 0.5;
const PROBLEM_RATIO: f64 = 0.10;

/// The stalls of one step.
struct Stalls<'a> {
    step: &'a Step,
    /// Their lengths, in nanoseconds.
    lengths: Vec<u64>,
    /// A point of the throughput inside the longest.
    evidence: Vec<Evidence>,
}

pub(super) fn look(facts: &Facts<'_>, out: &mut Conclusions) {
    let benches = facts.benches.iter();
    for bench in benches.filter(|b| b.component != Component::Websocket) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &Bench<'_>, facts: &Facts<'_>, out: &mut Conclusions) {
    let series = bench.source.report.series.iter().enumerate();
    let Some(series) = series
        .into_iter()
        .find(|(_, s)| s.name == "throughput_per_s" && s.labels.is_empty())
    else {
        return;
    };
    let steps: Vec<Stalls<'_>> = bench
        .repeats
        .iter()
        .filter_map(|index| stalls_of(bench, series, *index))
        .collect();
    let Some(worst) = steps.iter().max_by_key(|s| s.lengths.iter().sum::<u64>()) else {
        return;
    };
    let Some(longest) = worst.lengths.iter().max().copied() else {
        let statement = "no stall: calls came back all the time";
        out.rule_out(RULE, bench.component, statement, worst.evidence.clone());
        return;
    };
    let own = worst.step.generator.worst_stall_ns;
    if own as f64 >= OWN_RATIO * longest as f64 {
        let question = format!(
            "what made calls stand still for {}: the generator itself stood still for {}",
            duration_ns(longest as f64),
            duration_ns(own as f64)
        );
        let would_tell = "a generator on a machine of its own";
        return out.cannot_judge(RULE, bench.component, question, would_tell);
    }
    out.find(finding(bench, facts, worst, longest, steps.len(), out));
}

fn finding(
    bench: &Bench<'_>,
    facts: &Facts<'_>,
    worst: &Stalls<'_>,
    longest: u64,
    repeats: usize,
    out: &Conclusions,
) -> Draft {
    let total: u64 = worst.lengths.iter().sum();
    let part = total as f64 / (worst.step.window.measured_s() * 1e9);
    let lost = lost_ns(bench, worst, part);
    let bound = requests::objective(bench.component, &facts.thresholds.objectives);
    let breaks = bound.is_some_and(|(_, _, ms)| longest as f64 > ms * 1e6);
    let parent = cause(bench, out);
    let kind = match (&parent, part >= PROBLEM_RATIO || breaks) {
        (Some(_), _) => FindingKind::Symptom,
        (None, true) => FindingKind::Problem,
        (None, false) => FindingKind::Information,
    };
    let draft = Draft::new(RULE, &bench.id(), bench.component, kind)
        .thing("stood still")
        .says(
            format!(
                "The target stood still {} time(s), for {} at the longest",
                plain(worst.lengths.len() as f64),
                duration_ns(longest as f64)
            ),
            format!(
                "In the worst of {repeats} repeats ({}, repeat {}) next to nothing came back for {} of the \
                 time, from all users at once, and the generator itself went on. {}",
                worst.step.name,
                worst.step.repeat + 1,
                share(part),
                hint(longest)
            ),
        )
        .confidence(Confidence::High)
        .breaks_objective(breaks)
        .evidence(worst.evidence.iter().cloned())
        .parent(parent)
        .advice(
            &[
                "see what happened on the target at that time: its log, checkpoints, saves, the hypervisor",
                "sysmon beside it shows processes that stopped, steal and throttling",
            ],
            "no calls that wait for it",
            "what stands still for all at once is not the calls' own doing",
        );
    match bench.time_model.as_ref().filter(|m| m.whole_ns > 0.0) {
        Some(model) => draft.saves(lost.min(model.whole_ns), model.whole_ns),
        None => draft.impact(part, ImpactOf::Capacity),
    }
}

/// Mean time of a call that the stalls took: all users of a closed load lose their length; of an
/// open load those who came meanwhile lose half of it on average.
fn lost_ns(bench: &Bench<'_>, worst: &Stalls<'_>, part: f64) -> f64 {
    let whole = bench.time_model.as_ref().map_or(0.0, |m| m.whole_ns);
    match worst.step.load {
        Load::Closed { .. } => part * whole,
        Load::Open { .. } => {
            let measured_ns = worst.step.window.measured_s() * 1e9;
            let squares: f64 = worst.lengths.iter().map(|l| (*l as f64).powi(2)).sum();
            squares / (2.0 * measured_ns)
        }
    }
}

/// Known reason for such lengths.
fn hint(longest: u64) -> &'static str {
    match longest {
        0..=300_000_000 => "Some 200 ms are those of a lost packet that is sent again.",
        800_000_000..=1_200_000_000 => {
            "One second is that of deadlock_timeout, or of a connection that is asked for again."
        }
        _ => "Its cause is not in the report.",
    }
}

/// A problem of the bench that holds calls up.
fn cause(bench: &Bench<'_>, out: &Conclusions) -> Option<String> {
    let id = bench.id();
    let rules = [
        "lock_waits",
        "deadlocks",
        "throttled",
        "commit_waits",
        "read_waits",
    ];
    let of = |rule: &str| {
        let mut found = out
            .findings
            .iter()
            .filter(|f| f.is_about(&id) && f.is_sure());
        found.find(|f| f.kind == FindingKind::Problem && f.id.split(':').next() == Some(rule))
    };
    let found: Option<&Finding> = rules.into_iter().find_map(of);
    found.map(|f| f.id.clone())
}

/// `None` where windows hold too few calls to tell a stall from an accident.
fn stalls_of<'a>(
    bench: &Bench<'a>,
    (place, series): (usize, &Series),
    index: usize,
) -> Option<Stalls<'a>> {
    let step = bench.source.report.steps.get(index)?;
    let window = step.window;
    let inside = |at: &u64| (window.measure_start_ns..=window.measure_end_ns).contains(at);
    let points: Vec<(usize, u64, f64)> = series
        .at_ns
        .iter()
        .zip(&series.mean)
        .enumerate()
        .filter(|(_, (at, _))| inside(at))
        .filter_map(|(i, (at, mean))| Some((i, *at, (*mean)?)))
        .collect();
    let rates: Vec<f64> = points.iter().map(|(_, _, rate)| *rate).collect();
    let median = statistics::median(&rates)?;
    let span_s = window.measured_s() / points.len() as f64;
    if points.len() < 10 || median * span_s < LEAST_CALLS {
        return None;
    }
    let still = |rate: f64| rate < STILL_RATIO * median;
    let mut lengths = Vec::new();
    let mut longest = (0, points.first()?.0);
    let mut since: Option<u64> = None;
    let mut before = window.measure_start_ns;
    for (i, at, rate) in &points {
        if still(*rate) {
            let length = at - *since.get_or_insert(before);
            longest = longest.max((length, *i));
        } else if let Some(start) = since.take() {
            lengths.push(before - start);
        }
        before = *at;
    }
    lengths.extend(since.map(|start| before - start));
    lengths.retain(|length| *length >= SHORTEST_NS);
    let pointer = format!("/series/{place}/mean/{}", longest.1);
    let label = if lengths.is_empty() {
        "lowest throughput"
    } else {
        "throughput at the end of the longest stall"
    };
    let mut evidence: Vec<Evidence> = bench.source.evidence(label, &pointer).into_iter().collect();
    let own = format!("/steps/{index}/generator/worst_stall_ns");
    evidence.extend(
        bench
            .source
            .evidence("longest stall of the generator", &own),
    );
    Some(Stalls {
        step,
        lengths,
        evidence,
    })
}
