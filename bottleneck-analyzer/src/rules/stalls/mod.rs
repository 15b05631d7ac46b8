//! Rule `stalls`: times in which the target answered hardly any call of any user, or was slow for all of them.
//!
//! Fires if the throughput of a repeat is below half of that of its neighbours for 200 ms or more, and no stall
//! of the generator itself explains that; the target stood still if no more than a tenth came back. Reads the
//! series `throughput_per_s`, `generator.worst_stall_ns` and, for what was present only then, the recording of the
//! machine and the server's counts. It is a problem if stalls take a tenth of the step or exceed the latency
//! objective, and a symptom if a finding explains it.
//!
//! The time that a call loses on average is, in a closed loop, the stalled share of the time × the response
//! time. In an open loop it is Σ length² ÷ (2 × measured time), because an arrival during a stall waits for
//! half of the stall on average.

mod known_lengths;
mod outside_programs;
mod present_then;
mod step_stalls;

use bench_report::{Load, Series};

use crate::assessment::{
    ComputedFigure, Confidence, Finding, FindingId, FindingKind, ImpactOf, Rule,
};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, duration_ns, share};
use crate::finding_draft::FindingDraft;
use crate::rules::cpu_others;
use crate::run_facts::RunFacts;
use present_then::PresentThen;
use step_stalls::StepStalls;

const RULE: Rule = Rule::Stalls;
/// Smallest ratio of the longest stall of the generator ÷ longest stall of the calls at which the
/// generator is the cause.
const OWN_RATIO: f64 = 0.5;
/// Rule that sees the same pause because Redis did not answer its polls. Its finding is merged into
/// the finding of this rule.
const ASKED: Rule = Rule::RedisStall;
/// Smallest share of the step's measured time at which stalls are a problem.
const PROBLEM_RATIO: f64 = 0.10;
/// Largest number of figures that are named because they were present in a stall only.
const MOST_NAMED: usize = 3;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    let benches = facts.benches.iter();
    for bench in benches.filter(|b| !b.component.holds_connections()) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let Some(series) = throughput(bench) else {
        return;
    };
    let steps: Vec<StepStalls<'_>> = bench
        .repeats
        .iter()
        .filter_map(|index| StepStalls::of_step(bench, series, *index))
        .collect();
    let Some(worst) = steps.iter().max_by_key(|s| s.total_ns()) else {
        return;
    };
    let Some(longest) = worst.longest().map(|stall| stall.length_ns) else {
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
    out.add_finding(finding(bench, facts, (worst, &steps), asked, out));
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
    let stalls = StepStalls::of_step(bench, series, index).filter(|s| !s.stalls.is_empty())?;
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
    facts: &RunFacts<'_>,
    (worst, steps): (&StepStalls<'_>, &[StepStalls<'_>]),
    asked: Option<Finding>,
    out: &Conclusions,
) -> FindingDraft {
    let part = worst.part();
    let lost = lost_ns(bench, worst);
    let longest = worst.longest().map_or(0, |stall| stall.length_ns);
    let bound = bench.objectives().latency;
    let breaks = bound.is_some_and(|(_, ns)| longest as f64 > ns);
    let known = cause(bench, out).or_else(|| asked.as_ref()?.parent.clone());
    let steady = steps.iter().filter(|step| step.stalls.is_empty());
    let steady: Vec<usize> = steady.map(|step| step.index).collect();
    let mut present = outside_programs::in_stall(bench, facts, worst);
    present.extend(present_then::of_stall(bench, facts, worst, &steady));
    let by_outsiders = outsiders(bench, out, &present);
    let why = match (&known, &asked) {
        (Some(_), _) => String::new(),
        (None, Some(asked)) => asked.detail.clone(),
        (None, None) => reason(bench, facts, worst, (&present, by_outsiders.is_some())),
    };
    let parent = known.or(by_outsiders);
    let kind = match (&parent, part >= PROBLEM_RATIO || breaks) {
        (Some(_), _) => FindingKind::Symptom,
        (None, true) => FindingKind::Problem,
        (None, false) => FindingKind::Information,
    };
    let seen_then = present.iter().filter_map(|one| one.evidence.clone());
    let draft = describe(bench, (worst, steps), kind, &why)
        .breaks_objective(breaks)
        .evidence(worst.evidence.iter().cloned())
        .computes(asked.iter().flat_map(|f| f.computed.clone()))
        .computes(present.iter().flat_map(|one| one.computed.clone()))
        .evidence(asked.into_iter().flat_map(|f| f.evidence))
        .evidence(seen_then.take(MOST_NAMED))
        .parent(parent);
    match bench.time_model.as_ref().filter(|m| m.whole_ns > 0.0) {
        Some(model) => draft.saves(lost.min(model.whole_ns), model.whole_ns),
        None => draft.impact(part, ImpactOf::Capacity),
    }
}

/// Builds the finding about the stalls of the step `worst` among the judged `steps`, without impact and
/// parent; `why` ends the explanation.
fn describe(
    bench: &BenchFacts<'_>,
    (worst, steps): (&StepStalls<'_>, &[StepStalls<'_>]),
    kind: FindingKind,
    why: &str,
) -> FindingDraft {
    let draft = bench.finding(RULE, kind).confidence(Confidence::High);
    let draft = if worst.is_standstill() {
        stood_still(draft, worst, &where_seen(worst, steps), why)
    } else {
        slowed_down(draft, worst, &where_seen(worst, steps), why)
    };
    draft.advice(
        &[
            "see what happened on the target at that time: its log, checkpoints, saves, the hypervisor",
            "sysmon beside it shows processes that stopped, steal and throttling",
        ],
        "no calls that wait for the end of such a time",
        "if the calls of all users stop or slow down at once, their own work is not the reason",
    )
}

fn stood_still(
    draft: FindingDraft,
    worst: &StepStalls<'_>,
    place: &str,
    why: &str,
) -> FindingDraft {
    let longest = worst.longest().map_or(0, |stall| stall.length_ns);
    draft.thing("stood still").says(
        format!(
            "The target stood still {}, for {} at the longest",
            times(worst),
            duration_ns(longest as f64)
        ),
        format!(
            "{place} less than half of the usual calls came back for {} of the time, from all users at once, and \
             the generator itself went on. {why}",
            share(worst.part()),
        ),
    )
}

fn slowed_down(
    draft: FindingDraft,
    worst: &StepStalls<'_>,
    place: &str,
    why: &str,
) -> FindingDraft {
    let longest = worst.longest();
    let span_ns = longest.map_or(0, |stall| stall.span.end - stall.span.start) as f64;
    let carried = longest.map_or(0.0, |stall| stall.carried_ratio);
    let low = worst.low_ratio();
    let computed = [
        (
            "calls in the longest slow time ÷ usual calls",
            carried,
            "calls that came back ÷ (throughput of the neighbouring intervals × time)",
        ),
        ("longest slow time in ns", span_ns, "its intervals together"),
        (
            "slow time ÷ measured time",
            low,
            "intervals with less than half of the usual calls ÷ all",
        ),
    ];
    draft
        .thing("slowed down")
        .says(
            format!(
                "The target slowed down {}, to {} of its usual calls in {} at the longest",
                times(worst),
                share(carried),
                duration_ns(span_ns)
            ),
            format!(
                "{place} less than half of the usual calls came back for {} of the time, from all users at once, \
                 and the generator itself went on. {why}",
                share(low),
            ),
        )
        .computes(computed.map(|(what, value, how)| ComputedFigure::new(what, value, how)))
}

/// Tells how often there was a stall, with the period if there is one: `3 times, every 5.00 s`.
fn times(worst: &StepStalls<'_>) -> String {
    let every = worst.period_ns();
    let every = every.map_or(String::new(), |ns| format!(", every {}", duration_ns(ns)));
    format!("{}{every}", counted(worst.stalls.len() as f64, "time"))
}

/// Tells in how many repeats stalls were seen, and which one is shown: `Only in repeat 2 of 3 (pool of 8)`.
fn where_seen(worst: &StepStalls<'_>, steps: &[StepStalls<'_>]) -> String {
    let stalled = steps.iter().filter(|step| !step.stalls.is_empty()).count();
    let (name, number) = (&worst.step.name, worst.step.repeat + 1);
    match (stalled, steps.len()) {
        (_, 1) => format!("In {name}"),
        (1, all) => format!("Only in repeat {number} of {all} ({name})"),
        (stalled, all) => {
            format!("In {stalled} of {all} repeats; in the worst of them ({name}, repeat {number})")
        }
    }
}

/// Says what explains the stalls of `worst`: what was `present` only then, whether the server worked, and what
/// their length and period are known for. `is_explained` is true if a finding explains what was present.
fn reason(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    worst: &StepStalls<'_>,
    (present, is_explained): (&[PresentThen], bool),
) -> String {
    let longest = worst.longest().map_or(0, |stall| stall.length_ns);
    let is_standstill = worst.is_standstill();
    let unknown = if is_standstill {
        let length = duration_ns(longest as f64);
        format!("The cause of the stall of {length} is not known")
    } else {
        "What slowed it down is not known".to_owned()
    };
    let is_recorded = facts
        .machine
        .is_some_and(|m| m.is_aligned_with(bench.source));
    let named = present.iter().take(MOST_NAMED);
    let named: Vec<&str> = named.map(|one| one.sentence.as_str()).collect();
    let mut told = vec![match (named.is_empty(), is_recorded) {
        (false, _) if is_explained => format!("Present only then: {}.", named.join("; ")),
        (false, _) => format!(
            "Present only then: {}. That it is the cause is not shown.",
            named.join("; ")
        ),
        (true, true) => format!("{unknown}: no recorded figure stands out at that time."),
        (true, false) => format!("{unknown}. To find out: sysmon record beside the server."),
    }];
    if !is_standstill {
        return told.join(" ");
    }
    told.extend(present_then::server_at_work(bench, facts, worst).map(str::to_owned));
    let period = worst.period_ns().and_then(known_lengths::of_period);
    let known = period.or_else(|| known_lengths::of_length(longest));
    told.extend(known.map(|sentence| format!("{sentence}.")));
    told.join(" ")
}

/// Returns the mean time that a call lost to the stalls of `worst`, in nanoseconds. The comment at
/// the top of this file has the formula.
fn lost_ns(bench: &BenchFacts<'_>, worst: &StepStalls<'_>) -> f64 {
    let whole = bench.time_model.as_ref().map_or(0.0, |m| m.whole_ns);
    match worst.step.load {
        Load::Closed { .. } | Load::Unknown => worst.part() * whole,
        Load::Open { .. } => {
            let measured_ns = worst.step.window.measured_s() * 1e9;
            let lengths = worst.stalls.iter().map(|stall| stall.length_ns as f64);
            let squares: f64 = lengths.map(|length| length.powi(2)).sum();
            squares / (2.0 * measured_ns)
        }
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

/// Returns the id of the problem that programs outside the run use the CPU; `None` if it was not found for this
/// bench, or names none of the programs that are `present` in the stall.
fn outsiders(
    bench: &BenchFacts<'_>,
    out: &Conclusions,
    present: &[PresentThen],
) -> Option<FindingId> {
    let is_named = |f: &&Finding| {
        let mut programs = present.iter().filter_map(|one| one.program.as_deref());
        programs.any(|program| cpu_others::names_program(f, program))
    };
    let of_bench = |f: &&Finding| f.evidence.iter().any(|e| e.file == bench.source.file);
    let problems = out.findings.iter().filter(|f| f.is_sure());
    let problems = problems.filter(|f| f.kind == FindingKind::Problem);
    let found = problems.filter(of_bench).find(is_named);
    found.map(|f| f.id.clone())
}
