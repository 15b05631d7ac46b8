//! Rule `latency_past_objective`: latency above its objective at the operating point.
//!
//! Fires if the percentile of the slowest operation in the worst repeat is above the objective of the
//! component (`objectives.postgres_p90_ms` and the like). Reads the percentiles of all repeats, completed
//! or not. Nothing is concluded where the excess is time that the generator itself lost. It is a symptom of
//! the problem with the highest score that was found for the bench. The impact
//! is 1 − objective ÷ latency.

use crate::assessment::{Confidence, Finding, FindingId, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::duration_ns;
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::requests::{self, OperationPercentile};
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::LatencyPastObjective;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        if bench.choice.is_some() {
            latency(bench, facts, out);
        }
    }
}

/// Iterates over the findings in `out` about this bench that can explain its latency: problems and
/// a used-up CPU. Doubtful findings cannot, nor can those whose cost for a call is not known.
fn causes<'o>(bench: &BenchFacts<'_>, out: &'o Conclusions) -> impl Iterator<Item = &'o Finding> {
    let id = bench.id();
    out.findings.iter().filter(move |f: &&Finding| {
        let is_cause = f.kind == FindingKind::Problem && f.impact.is_some();
        let names_it = is_cause || f.rule() == Rule::CpuSaturated;
        names_it && f.is_sure() && f.is_about(&id)
    })
}

fn latency(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let objectives = bench.objectives();
    let Some((which, objective_ns)) = objectives.latency else {
        return;
    };
    let Some(pick) = requests::percentile_fn(which) else {
        return;
    };
    let slowest = requests::slowest_except(bench.judged_steps(), pick, &objectives.except);
    let Some((index, slow)) = slowest else {
        return;
    };
    let evidence = bench
        .source
        .evidence(slow.label(which), &slow.pointer(index, which));
    let ns = slow.ns as f64;
    let figures = format!(
        "{which} is {}, the objective {}",
        slow.shown(),
        duration_ns(objective_ns)
    );
    let is_open = slow.at_least || evidence.as_ref().is_some_and(|e| e.spoiled);
    if ns <= objective_ns && is_open {
        // A lower bound that is within the objective may be above it in truth, so the rule concludes nothing.
        // The gate tells the reason.
        return;
    }
    if ns <= objective_ns {
        out.rule_out(
            RULE,
            bench.component,
            format!("latency: {figures}"),
            evidence,
        );
        return;
    }
    if let Some(own) = generators_share(bench, out).filter(|own| (1.0 - own) * ns <= objective_ns) {
        let question = format!(
            "whether the latency keeps its objective: {figures}, but {} of the response time is the \
             generator's own",
            crate::figures::share(own)
        );
        let to_find_out =
            "the same load from a generator that keeps its plan: a machine of its own";
        return out.cannot_judge(RULE, bench.component, question, to_find_out);
    }
    let most = causes(bench, out).max_by(|a, b| a.score.total_cmp(&b.score));
    let parent = most.map(|f| f.id.clone());
    let draft = finding(bench, facts, (index, &slow, &figures), objective_ns, parent);
    out.add_finding(draft.evidence(evidence));
}

/// Returns the share of the response time, from 0 to 1, that is the generator's own; `None` if it kept its plan.
fn generators_share(bench: &BenchFacts<'_>, out: &Conclusions) -> Option<f64> {
    let id = bench.id();
    let mut of_bench = out.findings.iter().filter(|f| f.is_about(&id));
    let found = of_bench.find(|f| f.rule() == Rule::GeneratorSpoiltResults)?;
    let impact = found.impact.filter(|i| i.of == ImpactOf::ResponseTime)?;
    Some(impact.ratio)
}

/// Builds the finding about latency above its objective. It is a symptom if another finding,
/// `parent`, explains it.
fn finding(
    bench: &BenchFacts<'_>,
    facts: &RunFacts<'_>,
    (index, slow, figures): (usize, &OperationPercentile<'_>, &str),
    objective_ns: f64,
    parent: Option<FindingId>,
) -> FindingDraft {
    let ns = slow.ns as f64;
    let kind = match parent {
        Some(_) => FindingKind::Symptom,
        None => FindingKind::Problem,
    };
    bench
        .finding(RULE, kind)
        .says(
            format!(
                "{} is slower than its objective: {figures}",
                bench.component.title()
            ),
            format!(
                "Measured at the operating point, {}{}.",
                slow.operation,
                of_repeats(bench, index)
            ),
        )
        .impact(1.0 - objective_ns / ns, ImpactOf::ResponseTime)
        .confidence(if slow.count < facts.thresholds.measurement.least_samples {
            Confidence::Low
        } else {
            confidence_past(ns / objective_ns, 1.0, bench.noise_ratio())
        })
        .parent(parent)
        .advice(
            &[
                "offer less load, or remove what limits the component",
                "or set another objective",
            ],
            "the objective",
            "past the capacity of a component more load makes calls slower, and no more of them are answered",
        )
}

/// Returns words that name the repeat in step `index` as the slowest one; empty if there is only
/// one repeat.
fn of_repeats(bench: &BenchFacts<'_>, index: usize) -> String {
    let all = bench.judged_steps().count();
    let place = bench.source.report.steps.get(index);
    match place.filter(|_| all > 1) {
        Some(step) => format!(", in repeat {} of {all}, the slowest", step.repeat + 1),
        None => String::new(),
    }
}
