//! Relations between findings about Redis: a finding that only follows from another one gets that one as its
//! parent.

use crate::assessment::{Finding, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;

/// Code of the failures whose connection Redis turned away.
const TURNED_AWAY: &str = "response.maxclients";

/// Sets the parents of those findings in `out` about `bench` that only follow from another finding.
pub(super) fn assign(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    turned_away(bench, out);
}

/// Makes failures of connections that Redis turned away a symptom of the limit of its clients.
fn turned_away(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let limit = bench.finding_id(Rule::RedisMaxclients);
    let is_limit = |f: &&Finding| f.id == limit && f.kind == FindingKind::Problem;
    if !out.findings.iter().any(|f| is_limit(&f)) {
        return;
    }
    let is_failure = |f: &Finding| {
        let is_rule = [Rule::ErrorsPastObjective, Rule::Errors].contains(&f.rule());
        is_rule && f.is_about(&id) && f.thing.as_deref() == Some(TURNED_AWAY)
    };
    for finding in out.findings.iter_mut().filter(|f| is_failure(f)) {
        finding.parent = Some(limit.clone());
        if finding.kind == FindingKind::Problem {
            finding.kind = FindingKind::Symptom;
        }
    }
}
