//! Rule `found_rate`: results of searches for the highest rate that keeps its bounds.
//!
//! Reads `summary.found_rates`. A rate that was found is information; a bound that not even the lowest rate
//! kept is a problem; a search that could not judge, or did not come to its end, is an open question. A
//! step that broke a bound is evidence for the upper end of an interval and named as one that was tried on
//! purpose.

use bench_cli::Objective;
use bench_report::{FoundRate, RateSearchEnd, RateVerdict};

use crate::assessment::{Confidence, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::counted;
use crate::finding_draft::FindingDraft;
use crate::json_pointer::escape;
use crate::rate_search::{bounds, latency_objectives};
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::FoundRate;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        for (place, search) in bench.source.report.summary.found_rates.iter().enumerate() {
            judge(bench, (place, search), out);
        }
    }
}

fn judge(bench: &BenchFacts<'_>, (place, search): (usize, &FoundRate), out: &mut Conclusions) {
    let to_find_out = match search.end {
        RateSearchEnd::Bracketed | RateSearchEnd::NotBroken => {
            return out.add_finding(found(bench, place, search));
        }
        RateSearchEnd::NotMet => return out.add_finding(not_met(bench, place, search)),
        RateSearchEnd::NotJudgedAbove => {
            out.add_finding(found(bench, place, search));
            "the generator on a machine of its own, or more of it (--workers)"
        }
        RateSearchEnd::NotJudged => {
            "the generator on a machine of its own, more of it (--workers), or longer steps (--duration)"
        }
        RateSearchEnd::Unfinished => "a search that comes to its end",
    };
    let why = match search.end {
        RateSearchEnd::NotJudgedAbove => "the generator spoilt what is above the rate that held",
        _ => &search.reason,
    };
    let question = format!(
        "the limit of {} under {}: {why}",
        search.subject,
        bounds(search)
    );
    out.cannot_judge(RULE, bench.component, question, to_find_out);
}

/// Builds the finding about a rate that keeps the bounds. `place` is the index of the search in the
/// report's `summary.found_rates`.
fn found(bench: &BenchFacts<'_>, place: usize, search: &FoundRate) -> FindingDraft {
    let detail = format!(
        "Found in {}. Those at higher rates than this were tried to find the limit; what fails or \
         queues in them shows where it is.",
        counted(search.steps.len() as f64, "step")
    );
    let title = format!(
        "{} keeps {} {}",
        search.subject,
        bounds(search),
        reached(search)
    );
    draft(bench, FindingKind::Information, (place, search))
        .says(title, detail)
        .confidence(if search.repeats > 1 {
            Confidence::High
        } else {
            Confidence::Medium
        })
}

/// Describes the highest rate that keeps the bounds: `up to a rate between 1,840 and 1,960
/// requests/s: at 1,960/s p99 was 61.0 ms`.
fn reached(search: &FoundRate) -> String {
    match search.end {
        RateSearchEnd::Bracketed => format!("up to a rate {}", search.reason),
        _ => format!("at a rate of {}", search.reason),
    }
}

/// Builds the finding about bounds that not even the lowest rate keeps. `place` is the index of the
/// search in the report's `summary.found_rates`.
fn not_met(bench: &BenchFacts<'_>, place: usize, search: &FoundRate) -> FindingDraft {
    let title = format!("{} keeps {} at no rate", search.subject, bounds(search));
    let detail = format!(
        "How the search ended: {}. So the load is not the reason.",
        search.reason
    );
    draft(bench, FindingKind::Problem, (place, search))
        .says(title, detail)
        .confidence(Confidence::High)
        .evidence(at_lowest(bench, search))
        .breaks_objective(true)
        .advice(
            &[
                "see where the time of a call goes at the lowest rate",
                "or set another bound (--find-rate)",
            ],
            "a rate that can be promised",
            "at the lowest rate calls hardly queue: it is the service itself that takes longer",
        )
}

/// Returns, as evidence, the percentiles at the lowest rate if that rate broke a bound; empty
/// otherwise. A warning that spoils one of them also spoils the conclusion that the load is not the
/// cause.
fn at_lowest(bench: &BenchFacts<'_>, search: &FoundRate) -> Vec<EvidenceItem> {
    let names = latency_objectives(search).filter_map(|objective| match objective {
        Objective::Latency { name, .. } => Some(name),
        Objective::Errors { .. } => None,
    });
    let names: Vec<&str> = names.collect();
    let tried = search.steps.iter();
    let lowest = tried.filter(|tried| search.stands_for_result(tried));
    let broken = lowest.filter(|tried| tried.verdict == RateVerdict::Broken);
    let figures = broken.flat_map(|tried| names.iter().map(|name| (tried.step, *name)));
    let evidence = figures.flat_map(|(index, name)| {
        let step = bench.source.report.steps.get(index);
        let names = step.into_iter().flat_map(|step| step.operations.keys());
        names.filter_map(move |operation| {
            let operation_key = escape(operation);
            let pointer =
                format!("/steps/{index}/operations/{operation_key}/response/percentiles_ns/{name}");
            let label = format!("{name} of {operation} at the lowest rate");
            bench.source.evidence(label, &pointer)
        })
    });
    evidence.collect()
}

fn draft(
    bench: &BenchFacts<'_>,
    kind: FindingKind,
    (place, search): (usize, &FoundRate),
) -> FindingDraft {
    bench
        .finding(RULE, kind)
        .thing(search.subject.clone())
        .one_of_several(&search.subject)
        .evidence(evidence(bench, place, search))
}

/// Returns, as evidence, both ends of the found interval, and the reason of the step that broke a
/// bound at the upper end.
fn evidence(bench: &BenchFacts<'_>, place: usize, search: &FoundRate) -> Vec<EvidenceItem> {
    let of = |label: &str, field: &str| {
        let pointer = format!("/summary/found_rates/{place}/{field}");
        bench.source.evidence(label, &pointer)
    };
    let broke = search.steps.iter().position(|tried| {
        tried.verdict == RateVerdict::Broken && Some(tried.rate_per_s) == search.broken_per_s
    });
    let broke = broke.map(|step| format!("steps/{step}/reason"));
    let at_broken = broke.and_then(|field| of("there, tried by the search", &field));
    [
        of("highest rate that held", "held_per_s"),
        of("lowest rate that broke a bound", "broken_per_s"),
    ]
    .into_iter()
    .flatten()
    .chain(at_broken)
    .collect()
}
