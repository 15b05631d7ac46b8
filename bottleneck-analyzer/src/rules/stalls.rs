//! Rule `stalls`: times in which the target answered hardly any call of any user.
//!
//! Fires if the throughput of a repeat is below a fifth of its median for 200 ms or more, and no stall of the
//! generator itself explains that. Reads the series `throughput_per_s` and `generator.worst_stall_ns`. It is
//! a problem if stalls take a tenth of the step or exceed the latency objective, and a symptom if a finding
//! explains it.
//!
//! The time that a call loses on average is, in a closed loop, the stalled share of the time × the response
//! time. In an open loop it is Σ length² ÷ (2 × measured time), because an arrival during a stall waits for
//! half of the stall on average.

use bench_report::{Load, Series, Step};

use crate::assessment::{
    ComponentKind, Confidence, EvidenceItem, Finding, FindingId, FindingKind, ImpactOf, Rule,
};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;
use crate::series_reading::{PointSpan, measured_intervals};

const RULE: Rule = Rule::Stalls;
/// Throughput of an interval ÷ median throughput of its step, below which the target counts as
/// stalled.
const STILL_RATIO: f64 = 0.20;
/// Smallest number of calls in a median interval; with fewer, an interval without calls may be a
/// coincidence.
const LEAST_CALLS: f64 = 10.0;
/// Smallest number of intervals from which the median of a step is computed. A step of one second has ten, of
/// which one may extend beyond the measured part.
const FEWEST: usize = 9;
/// Smallest length of a stall, in nanoseconds; shorter ones are common and do not count.
const SHORTEST_NS: u64 = 200_000_000;
/// Smallest ratio of the longest stall of the generator ÷ longest stall of the calls at which the
/// generator is the cause.
const OWN_RATIO: f64 = 0.5;
/// Rule that sees the same pause because Redis did not answer its polls. Its finding is merged into
/// the finding of this rule.
const ASKED: Rule = Rule::RedisStall;
/// Smallest share of the step's measured time at which stalls are a problem.
const PROBLEM_RATIO: f64 = 0.10;

/// Stalls of the target in one step, with their evidence.
struct StepStalls<'a> {
    step: &'a Step,
    /// Lengths of the stalls of 200 ms or more in order of time, in nanoseconds; empty if there was
    /// none.
    lengths: Vec<u64>,
    /// Throughput in the longest stall, or the lowest throughput without a stall, and the longest
    /// stall of the generator, as evidence.
    evidence: Vec<EvidenceItem>,
}

impl StepStalls<'_> {
    /// Returns the share of the measured time in which the target was stalled, from 0 to 1.
    fn part(&self) -> f64 {
        let total: u64 = self.lengths.iter().sum();
        total as f64 / (self.step.window.measured_s() * 1e9)
    }
}

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let benches = facts.benches.iter();
    for bench in benches.filter(|b| b.component != ComponentKind::Websocket) {
        judge(bench, out);
    }
}

fn judge(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let Some(series) = throughput(bench) else {
        return;
    };
    let steps: Vec<StepStalls<'_>> = bench
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
        let to_find_out = "a generator on a machine of its own";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    let asked = remove_finding(&bench.finding_id(ASKED), out);
    out.add_finding(finding(bench, (worst, longest, steps.len()), asked, out));
}

/// Removes the finding `id` from `out` and returns it, so that it can be merged into another one;
/// `None` if there is no such finding.
fn remove_finding(id: &FindingId, out: &mut Conclusions) -> Option<Finding> {
    let place = out.findings.iter().position(|f| f.id == *id)?;
    Some(out.findings.swap_remove(place))
}

/// Returns the mean time that a call lost to stalls in step `index`, in nanoseconds; `None` without
/// stalls, and if the throughput was not recorded closely enough.
pub(super) fn lost_in(bench: &BenchFacts<'_>, index: usize) -> Option<f64> {
    let series = throughput(bench)?;
    let stalls = stalls_of(bench, series, index).filter(|s| !s.lengths.is_empty())?;
    Some(lost_ns(bench, &stalls))
}

/// Returns the series of the bench's throughput, with its index in the report; `None` if it has
/// none.
fn throughput<'a>(bench: &BenchFacts<'a>) -> Option<(usize, &'a Series)> {
    let mut series = bench.source.report.series.iter().enumerate();
    series.find(|(_, s)| s.name == "throughput_per_s" && s.labels.is_empty())
}

fn finding(
    bench: &BenchFacts<'_>,
    (worst, longest, repeats): (&StepStalls<'_>, u64, usize),
    asked: Option<Finding>,
    out: &Conclusions,
) -> FindingDraft {
    let part = worst.part();
    let lost = lost_ns(bench, worst);
    let bound = bench.objectives().latency;
    let breaks = bound.is_some_and(|(_, ns)| longest as f64 > ns);
    let parent = cause(bench, out).or_else(|| asked.as_ref()?.parent.clone());
    let why = match (&parent, &asked) {
        (Some(_), _) => String::new(),
        (None, Some(asked)) => asked.detail.clone(),
        (None, None) => hint(longest).to_owned(),
    };
    let kind = match (&parent, part >= PROBLEM_RATIO || breaks) {
        (Some(_), _) => FindingKind::Symptom,
        (None, true) => FindingKind::Problem,
        (None, false) => FindingKind::Information,
    };
    let draft = describe(bench, (worst, longest, repeats), kind, &why)
        .breaks_objective(breaks)
        .evidence(worst.evidence.iter().cloned())
        .evidence(asked.into_iter().flat_map(|f| f.evidence))
        .parent(parent);
    match bench.time_model.as_ref().filter(|m| m.whole_ns > 0.0) {
        Some(model) => draft.saves(lost.min(model.whole_ns), model.whole_ns),
        None => draft.impact(part, ImpactOf::Capacity),
    }
}

/// Builds the finding about the stalls of the step `worst`, without impact and parent. `longest` is
/// the longest of them in nanoseconds, `repeats` the number of repeats, and `why` ends the
/// explanation.
fn describe(
    bench: &BenchFacts<'_>,
    (worst, longest, repeats): (&StepStalls<'_>, u64, usize),
    kind: FindingKind,
    why: &str,
) -> FindingDraft {
    let part = worst.part();
    bench.finding(RULE, kind)
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
                why
            ),
        )
        .confidence(Confidence::High)
        .advice(
            &[
                "see what happened on the target at that time: its log, checkpoints, saves, the hypervisor",
                "sysmon beside it shows processes that stopped, steal and throttling",
            ],
            "no calls that wait for it",
            "what stands still for all at once is not the calls' own doing",
        )
}

/// Returns the mean time that a call lost to the stalls of `worst`, in nanoseconds. The comment at
/// the top of this file has the formula.
fn lost_ns(bench: &BenchFacts<'_>, worst: &StepStalls<'_>) -> f64 {
    let whole = bench.time_model.as_ref().map_or(0.0, |m| m.whole_ns);
    match worst.step.load {
        Load::Closed { .. } | Load::Unknown => worst.part() * whole,
        Load::Open { .. } => {
            let measured_ns = worst.step.window.measured_s() * 1e9;
            let squares: f64 = worst.lengths.iter().map(|l| (*l as f64).powi(2)).sum();
            squares / (2.0 * measured_ns)
        }
    }
}

/// Returns a sentence about the usual cause of a stall of `longest` nanoseconds.
fn hint(longest: u64) -> &'static str {
    match longest {
        0..=300_000_000 => "Some 200 ms are those of a lost packet that is sent again.",
        800_000_000..=1_200_000_000 => {
            "One second is that of deadlock_timeout, or of a connection that is asked for again."
        }
        _ => "Its cause is not in the report.",
    }
}

/// Returns the id of a problem of the bench that can explain stalls; `None` if none was found.
fn cause(bench: &BenchFacts<'_>, out: &Conclusions) -> Option<FindingId> {
    let id = bench.id();
    let rules = [
        Rule::LockWaits,
        Rule::Deadlocks,
        Rule::Throttled,
        Rule::CommitWaits,
        Rule::ReadWaits,
        Rule::RedisPaused,
    ];
    let of = |rule: Rule| {
        let mut found = out
            .findings
            .iter()
            .filter(|f| f.is_about(&id) && f.is_sure());
        found.find(|f| f.kind == FindingKind::Problem && f.rule() == rule)
    };
    let found: Option<&Finding> = rules.into_iter().find_map(of);
    found.map(|f| f.id.clone())
}

/// Finds the stalls of step `index` in a series and its index; `None` if the step has too few
/// intervals, or too few calls in them, to tell.
fn stalls_of<'a>(
    bench: &BenchFacts<'a>,
    (place, series): (usize, &Series),
    index: usize,
) -> Option<StepStalls<'a>> {
    let step = bench.source.report.steps.get(index)?;
    let points = measured_intervals(series, step.window);
    let rates: Vec<f64> = points.iter().map(|(_, _, rate)| *rate).collect();
    let median = statistics::median(&rates)?;
    let span_s = step.window.measured_s() / points.len() as f64;
    if points.len() < FEWEST || median * span_s < LEAST_CALLS {
        return None;
    }
    let (lengths, longest) = stalled(&points, STILL_RATIO * median)?;
    let pointer = format!("/series/{place}/mean/{longest}");
    let label = if lengths.is_empty() {
        "lowest throughput"
    } else {
        "throughput at the end of the longest stall"
    };
    let mut evidence: Vec<EvidenceItem> =
        bench.source.evidence(label, &pointer).into_iter().collect();
    let own = format!("/steps/{index}/generator/worst_stall_ns");
    evidence.extend(
        bench
            .source
            .evidence("longest stall of the generator", &own),
    );
    Some(StepStalls {
        step,
        lengths,
        evidence,
    })
}

/// Returns the lengths of the stalls of 200 ms or more, in nanoseconds, and the index of the last
/// point of the longest one. A stall is a run of points whose rate is below `least`. Without a
/// stall the index is that of the first point; `None` if there are no points.
fn stalled(points: &[PointSpan], least: f64) -> Option<(Vec<u64>, usize)> {
    let (first, span, _) = points.first()?;
    let mut lengths = Vec::new();
    let mut longest = (0, *first);
    let mut since: Option<u64> = None;
    let mut before = span.start;
    for (i, span, rate) in points {
        if *rate < least {
            let length = span.end - *since.get_or_insert(before);
            longest = longest.max((length, *i));
        } else if let Some(start) = since.take() {
            lengths.push(before - start);
        }
        before = span.end;
    }
    lengths.extend(since.map(|start| before - start));
    lengths.retain(|length| *length >= SHORTEST_NS);
    Some((lengths, longest.1))
}
