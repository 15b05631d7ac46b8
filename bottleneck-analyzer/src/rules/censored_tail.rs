//! Rule `censored_tail`: requests that had no answer when the drain of the step ended.
//!
//! Fires if `censored` of a request at the operating point is above 0; a WebSocket connection that was not opened
//! is no request. It is a symptom of
//! `errors_past_objective`. If the share of unanswered requests is c, percentiles above 1 − c are lower
//! bounds. The impact is unanswered ÷ all requests.

use bench_report::Step;

use crate::assessment::{EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{percent, plain};
use crate::json_pointer::escape;
use crate::requests;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::CensoredTail;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in &facts.benches {
        judge(bench, out);
    }
}

fn judge(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let Some((_, step)) = bench.operating_step() else {
        return;
    };
    let operations = || requests::request_operations(step);
    let censored: u64 = operations().map(|(_, o)| o.censored).sum();
    let attempted: u64 = operations().map(|(_, o)| o.attempted).sum();
    let evidence = unfinished(bench, step);
    if censored == 0 {
        let statement = "every request of the operating point came back before the step ended";
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    let ratio = censored as f64 / attempted.max(1) as f64;
    let draft = bench
        .finding(RULE, FindingKind::Symptom)
        .says(
            format!("{} of the requests never came back", percent(ratio)),
            format!(
                "{} of {} requests had no answer when the step ended. Percentiles beyond that share \
                 are lower bounds.",
                plain(censored as f64),
                plain(attempted as f64)
            ),
        )
        .impact(ratio, ImpactOf::Requests)
        .evidence(evidence)
        // The ranking removes the parent if that finding does not exist: few unanswered requests stay within
        // the objective.
        .parent(Some(bench.finding_id(Rule::ErrorsPastObjective)))
        .advice(
            &["repeat with a longer drain, or less load, and see what holds them"],
            "a tail that can be relied on",
            "what is not waited for is missing from the percentiles",
        );
    out.add_finding(draft);
}

/// Returns the numbers of unanswered and of all requests in the chosen step as evidence, for each operation
/// that is a request.
fn unfinished(bench: &BenchFacts<'_>, step: &Step) -> Vec<EvidenceItem> {
    let operations = requests::request_operations(step);
    let counts = operations.flat_map(|(name, _)| {
        let operation = format!("operations/{}", escape(name));
        let of = |label: String, field: &str| {
            bench.step_evidence(&label, &format!("{operation}/{field}"))
        };
        let unfinished = of(format!("unfinished {name}"), "censored");
        [unfinished, of(format!("all {name}"), "attempted")]
    });
    counts.flatten().collect()
}
