//! Rule `drift`: a step in whose course calls get slower or throughput falls.
//!
//! Fires if throughput or the median latency changes by a tenth or more over the measured part, by the
//! Theil–Sen slope of its ten windows, and the Mann–Kendall test calls that a trend. Reads the series
//! `throughput_per_s` and `latency.p50_ns` of the bench and, for what moved with them, the recording of the
//! machine. It is a problem only if most of several repeats show it, or one of 30 s or more. The time that
//! would come back is half of the change: the mean over the step less its start.

mod companions;
mod response_drift;
mod step_companion;

use crate::assessment::{ComputedFigure, Confidence, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain, share};
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;
use crate::windows::StepWindows;
use response_drift::{ResponseDrift, StepVerdict};
use step_companion::StepCompanion;

const RULE: Rule = Rule::Drift;
/// Smallest share of the response time, or of the capacity, at which a drift is a problem.
const PROBLEM_RATIO: f64 = 0.10;
/// Shortest measured time, in seconds, after which a drift of a single repeat is a problem. In a shorter one a
/// shared host that slows down for some seconds looks the same.
const LONG_S: f64 = 30.0;
/// Largest number of companions that are named.
const MOST_NAMED: usize = 3;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches.iter().filter(|bench| bench.made_load()) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let repeats = StepWindows::of_repeats(bench, facts.machine);
    let verdicts: Vec<StepVerdict<'_>> = repeats.iter().map(StepVerdict::of).collect();
    let drifts = verdicts.iter().filter_map(StepVerdict::drift);
    let mut drifts: Vec<&ResponseDrift<'_>> = drifts.collect();
    let judged = verdicts
        .iter()
        .filter(|verdict| verdict.is_judged())
        .count();
    if drifts.is_empty() {
        return nothing_found(bench, &verdicts, judged, out);
    }
    drifts.sort_by(|a, b| a.change_ratio().abs().total_cmp(&b.change_ratio().abs()));
    // The repeat with the median change represents them.
    let shown = drifts[(drifts.len() - 1) / 2];
    out.add_finding(finding(bench, shown, (drifts.len(), judged)));
}

/// Adds the conclusion for a bench of which no repeat drifts: a passed check if all repeats could be judged,
/// else an open question with the reason of the first one that could not.
fn nothing_found(
    bench: &BenchFacts<'_>,
    verdicts: &[StepVerdict<'_>],
    judged: usize,
    out: &mut Conclusions,
) {
    let reason = verdicts.iter().find_map(StepVerdict::reason);
    if let Some((why, to_find_out)) = reason {
        let question = format!("whether calls get slower in the course of a step: {why}");
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    let evidence = verdicts.iter().filter_map(StepVerdict::evidence);
    if judged > 0 {
        let statement = format!(
            "throughput and median latency keep their level over the step in {judged} of {judged} repeats"
        );
        out.rule_out(RULE, bench.component, statement, evidence);
    }
}

/// Builds the finding about `shown`, which represents the drifting repeats. `counts` are the number of
/// repeats that drift and of those that were judged.
fn finding(
    bench: &BenchFacts<'_>,
    shown: &ResponseDrift<'_>,
    (drifting, judged): (usize, usize),
) -> FindingDraft {
    let companions = companions::of_drift(bench, shown);
    let explaining = companions
        .iter()
        .find(|companion| companion.explains(shown));
    let lost = shown.lost_ratio();
    let persistent = 2 * drifting > judged;
    let confirmed = judged > 1 || shown.windows.step.window.measured_s() >= LONG_S;
    let kind = if persistent && confirmed && lost >= PROBLEM_RATIO {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let mut evidence = shown.evidence();
    evidence.extend(
        companions
            .iter()
            .take(MOST_NAMED)
            .flat_map(StepCompanion::evidence),
    );
    let draft = bench
        .finding(RULE, kind)
        .says(
            shown.sentence(),
            format!(
                "{}{}",
                repeats_sentence(shown, drifting, judged),
                cause_sentence(&companions, shown)
            ),
        )
        .confidence(confidence(persistent && confirmed, explaining.is_some()))
        .evidence(evidence)
        .computes(shown.computed())
        .computes([ComputedFigure::new(
            "length of a part of the step, in nanoseconds",
            shown.windows.window_s() * 1e9,
            "measured time of the step ÷ number of its parts",
        )])
        .computes(
            companions
                .iter()
                .flat_map(|companion| companion.computed(shown)),
        )
        .advice(
            &actions(&companions, shown, confirmed),
            format!(
                "up to {} of the response time over this step, and more over a longer one",
                share(lost)
            ),
            "figures of a step that drifts hold for its length only: a longer load ends elsewhere",
        );
    let draft = match explaining.or(companions.first()) {
        Some(companion) => draft.thing(companion.title.clone()),
        None => draft,
    };
    match bench
        .time_model
        .as_ref()
        .filter(|model| model.whole_ns > 0.0 && shown.of_latency)
    {
        _ if lost <= 0.0 => draft,
        Some(model) => draft.saves(lost * model.whole_ns, model.whole_ns),
        None => draft.impact(lost, ImpactOf::Capacity),
    }
}

fn confidence(persistent: bool, explained: bool) -> Confidence {
    if persistent && explained {
        Confidence::High
    } else {
        Confidence::Medium
    }
}

/// Tells in how many repeats the drift was seen, and which of them is shown: `In 2 of 3 repeats; repeat 2 is
/// shown, the one with the median change.`
fn repeats_sentence(shown: &ResponseDrift<'_>, drifting: usize, judged: usize) -> String {
    let number = shown.windows.step.repeat + 1;
    let windows = shown.windows.spans.len();
    let window = duration_ns(shown.windows.window_s() * 1e9);
    let seen = match (drifting, judged) {
        (_, 1) => {
            format!("The step was read in {windows} parts of {window} each; it has no other repeat")
        }
        (1, _) => format!(
            "The step was read in {windows} parts of {window} each; the trend is only in repeat {number} of {judged}"
        ),
        _ => format!(
            "The step was read in {windows} parts of {window} each; the trend is in {drifting} of {judged} \
             repeats, and repeat {number} is shown, the one with the median change"
        ),
    };
    format!("{seen}. ")
}

/// Says what moved with the drift: what explains it, what only coincides, or that nothing did.
fn cause_sentence(companions: &[StepCompanion<'_>], shown: &ResponseDrift<'_>) -> String {
    if let Some(cause) = companions
        .iter()
        .find(|companion| companion.explains(shown))
    {
        let covered = cause.covered_ratio(shown).unwrap_or(0.0);
        return format!(
            "{}: it changed no later, and its time accounts for {} of the change.",
            cause.sentence(),
            plain_share(covered)
        );
    }
    if companions.is_empty() {
        return "No other recorded figure changed with it.".to_owned();
    }
    let told = companions
        .iter()
        .take(MOST_NAMED)
        .map(StepCompanion::sentence);
    let told: Vec<String> = told.collect();
    format!(
        "What changed with it, the earliest first: {}. That one of them is the cause is not shown.",
        told.join("; ")
    )
}

fn plain_share(ratio: f64) -> String {
    if ratio > 1.5 {
        format!("{} times", plain(ratio))
    } else {
        share(ratio)
    }
}

fn actions<'a>(
    companions: &[StepCompanion<'a>],
    shown: &ResponseDrift<'_>,
    confirmed: bool,
) -> Vec<&'a str> {
    let mut actions = vec!["hold the load for several times as long, to see where it ends"];
    if !confirmed {
        actions.push("To find out whether it comes again: --repeats 3");
    }
    let explaining = companions
        .iter()
        .find(|companion| companion.explains(shown));
    match explaining.or(companions.first()) {
        Some(companion) => actions.insert(0, companion.advice),
        None => actions.push(
            "To find out: sysmon record beside the server, and `db-pool-bench observe` for its sessions over time",
        ),
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_covers_far_more_than_the_change_is_told_in_times() {
        let words = [0.5, 1.0, 1.5, 1.6, 2.5].map(plain_share);
        let expected = ["50 %", "100 %", "150 %", "1.60 times", "2.50 times"];
        assert_eq!(words, expected);
    }
}
