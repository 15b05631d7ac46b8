//! Rules `stopped_by_rule` and `step_failed`: steps that a stop rule ended early, and steps that could not be
//! run.
//!
//! Both read the `end` of the steps. `stopped_by_rule` is a problem if no step was completed, a symptom of
//! `errors_past_objective` if errors made the stop rule fire, and information otherwise. WebSocket searches,
//! and steps of a search for a rate, are left out, because they are meant to end by a stop rule.

use std::collections::BTreeMap;

use bench_report::StepEnd;

use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::counted;
use crate::finding_draft::FindingDraft;
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::StepsStopped;
const FAILED: Rule = Rule::StepFailed;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    // A search for a limit is meant to end by a stop rule.
    let benches = facts.benches.iter();
    for bench in benches.filter(|b| !b.component.holds_connections()) {
        failed(bench, out);
        judge(bench, out);
    }
}

/// Adds a finding about the steps that failed, with the reason of the first one; none if no step
/// failed.
fn failed(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let steps = &bench.source.report.steps;
    let all = steps.iter().enumerate();
    let failed: Vec<(usize, &str)> = all
        .filter_map(|(index, step)| match &step.end {
            StepEnd::Failed { reason } => Some((index, reason.as_str())),
            _ => None,
        })
        .collect();
    let Some((first, reason)) = failed.first() else {
        return;
    };
    let pointer = format!("/steps/{first}/end/reason");
    let title = format!(
        "{} of {} could not run",
        failed.len(),
        counted(steps.len() as f64, "step")
    );
    let draft = bench
        .finding(FAILED, FindingKind::Problem)
        .thing(steps[*first].name.clone())
        .says(
            format!("{title}: {reason}"),
            format!("The first was {}.", steps[*first].name),
        )
        .confidence(Confidence::High)
        .evidence(bench.source.evidence("reason", &pointer))
        .advice(
            &["remove what the reason names, and repeat the run"],
            "a measurement of this setting",
            "a setting that did not run is not known",
        );
    out.add_finding(draft);
}

fn judge(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let steps = &bench.source.report.steps;
    let mut rules: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let is_of_search = bench.source.report.summary.search_of_step(index).is_some();
        if let StepEnd::Stopped { rule, reason } = &step.end
            && !is_of_search
        {
            rules.entry(rule).or_default().push((index, reason));
        }
    }
    let most = rules.into_iter().max_by_key(|(_, ended)| ended.len());
    let Some((rule, ended)) = most else {
        return;
    };
    let all = ended.len() == steps.len() || bench.operating_step().is_none();
    // Failed requests that made the stop rule fire are the cause of this finding.
    let parent = bench.finding_id(Rule::ErrorsPastObjective);
    let parent = Some(parent).filter(|id| out.findings.iter().any(|f| f.id == *id));
    let parent = parent.filter(|_| rule.starts_with("errors"));
    let kind = match (all, &parent) {
        (_, Some(_)) => FindingKind::Symptom,
        (true, None) => FindingKind::Problem,
        (false, None) => FindingKind::Information,
    };
    out.add_finding(stopped(bench, rule, &ended, kind).parent(parent));
}

/// Builds the finding about the steps that the stop rule `rule` ended; `ended` has their indices
/// and reasons.
fn stopped(
    bench: &BenchFacts<'_>,
    rule: &str,
    ended: &[(usize, &str)],
    kind: FindingKind,
) -> FindingDraft {
    let steps = &bench.source.report.steps;
    let (first, reason) = ended[0];
    let evidence = [("rule", "end/rule"), ("reason", "end/reason")]
        .into_iter()
        .filter_map(|(label, at)| {
            bench
                .source
                .evidence(label, &format!("/steps/{first}/{at}"))
        });
    let title = format!(
        "The load was stopped early in {} of {}, by the stop rule {rule}",
        ended.len(),
        counted(steps.len() as f64, "step")
    );
    let detail = format!(
        "In step \"{}\": {reason}. The timings of a step that was stopped are incomplete.",
        steps[first].name
    );
    bench
        .finding(RULE, kind)
        .thing(rule)
        .says(title, detail)
        .confidence(Confidence::High)
        .evidence(evidence)
        .advice(
            &[
                "remove the reason, or offer less load; where the reason is expected, --stop-on sets another \
                 rule",
            ],
            "steps that run to their end",
            "a stop rule ends a step early to protect the target",
        )
}
