//! Relations between findings about Redis: a finding that only follows from another one gets that one as its
//! parent.

use crate::assessment::{Finding, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;

/// Kinds of the failures whose connection Redis turned away: it says so, or only closes it.
const TURNED_AWAY: [&str; 3] = ["response.maxclients", "closed", "reset"];

/// Smallest share of the requests that the limit of clients fails ÷ that of one kind of failure at which it is the
/// reason for these.
const REASON_RATIO: f64 = 0.5;

/// Sets the parents of those findings in `out` about `bench` that only follow from another finding.
pub(super) fn assign(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    turned_away(bench, out);
}

/// Makes failures of connections that Redis turned away a symptom of the limit of its clients.
fn turned_away(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let limit = bench.finding_id(Rule::RedisMaxclients);
    let failing = |f: &Finding| {
        f.impact
            .filter(|i| i.of == ImpactOf::Requests)
            .map(|i| i.ratio)
    };
    let Some(cause) = out
        .findings
        .iter()
        .find(|f| f.id == limit)
        .and_then(failing)
    else {
        return;
    };
    for finding in &mut out.findings {
        let is_rule = [Rule::ErrorsPastObjective, Rule::Errors].contains(&finding.rule());
        let is_kind = finding
            .thing
            .as_deref()
            .is_some_and(|kind| TURNED_AWAY.contains(&kind));
        let share = failing(finding).unwrap_or(0.0);
        if is_rule && is_kind && finding.is_about(&id) && cause >= REASON_RATIO * share {
            finding.parent = Some(limit.clone());
            if finding.kind == FindingKind::Problem {
                finding.kind = FindingKind::Symptom;
            }
        }
    }
}
