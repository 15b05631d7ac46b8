//! Relations between findings about PostgreSQL: a finding that only follows from another one gets that one as
//! its parent.

use crate::assessment::{Finding, FindingId, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::catalogue::events;
use crate::conclusions::Conclusions;
use crate::postgres::{LockHolders, PostgresEvidence};

/// Sets the parents of those findings in `out` about `bench` that only follow from another finding.
pub(super) fn assign(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    under_a_lock(bench, out);
    under_checkpoints(bench, out);
    under_a_statement(bench, out);
}

/// Smallest impact of checkpoints ÷ impact of waits for files at which checkpoints are the reason for
/// the waits.
const REASON_RATIO: f64 = 0.5;

/// Makes a problem with checkpoints the parent of findings about waits for files that are at most twice as
/// large. Problems among them become symptoms. Has no effect without such a problem.
fn under_checkpoints(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let is_problem = |f: &&Finding| {
        f.rule() == Rule::RequestedCheckpoints && f.kind == FindingKind::Problem && f.is_about(&id)
    };
    let Some(found) = out.findings.iter().find(is_problem) else {
        return;
    };
    let size = |f: &Finding| f.impact.map_or(0.0, |impact| impact.ratio);
    let (parent, cause) = (found.id.clone(), size(found));
    let rules = [Rule::CommitWaits, Rule::IoWaits, Rule::FullPageImages];
    for finding in out.findings.iter_mut() {
        let waits = rules.contains(&finding.rule()) && finding.is_about(&id);
        if waits && cause >= REASON_RATIO * size(finding) {
            finding.parent = Some(parent.clone());
            if finding.kind == FindingKind::Problem {
                finding.kind = FindingKind::Symptom;
            }
        }
    }
}

/// Sets the parent of a `statement_cpu` finding to a problem of the bench whose title contains the
/// same statement; removes it if there is none.
fn under_a_statement(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let takes = |f: &Finding| f.rule() == Rule::StatementCpu && f.is_about(&id);
    let reason = |f: &&Finding| f.kind == FindingKind::Problem && f.is_about(&id) && !takes(f);
    let reasons: Vec<(FindingId, String)> = out
        .findings
        .iter()
        .filter(reason)
        .map(|f| (f.id.clone(), f.title.clone()))
        .collect();
    for finding in out.findings.iter_mut().filter(|f| takes(f)) {
        let statement = finding.thing.clone().unwrap_or_default();
        let named = reasons.iter().find(|(_, title)| title.contains(&statement));
        finding.parent = named.map(|(id, _)| id.clone());
    }
}

/// Makes the finding about lock waits the parent of findings with a lower score that are about the
/// main activity of the lock's holders. Problems among them become symptoms. Has no effect without
/// such a finding.
fn under_a_lock(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let is_lock = |f: &&Finding| f.rule() == Rule::LockWaits && f.is_about(&id);
    let Some(lock) = out.findings.iter().find(is_lock) else {
        return;
    };
    let (parent, score) = (lock.id.clone(), lock.score);
    let Some(server) = bench
        .operating_step()
        .and_then(|(i, _)| PostgresEvidence::of_step(bench.source, i))
    else {
        return;
    };
    let all = [
        "transactionid",
        "tuple",
        "relation",
        "advisory",
        "object",
        "extend",
    ];
    let Some(holders) = LockHolders::find(&server, &all) else {
        return;
    };
    let rules = [
        Rule::CommitWaits,
        Rule::Sleeps,
        Rule::KeptTransactions,
        Rule::ReadWaits,
        Rule::ClientWaits,
    ];
    for finding in &mut out.findings {
        let rule = finding.rule();
        let child = rules.contains(&rule)
            && finding.is_about(&id)
            && finding.score < score
            && holds(rule, holders.mostly());
        if child {
            finding.parent = Some(parent.clone());
            if finding.kind == FindingKind::Problem {
                finding.kind = FindingKind::Symptom;
            }
        }
    }
}

/// Returns true if findings of `rule` are about the holders' activity `mostly`, as in `idle in
/// transaction`.
fn holds(rule: Rule, mostly: &str) -> bool {
    if mostly.starts_with("idle in transaction") {
        return rule == Rule::KeptTransactions;
    }
    if mostly.starts_with("committing") {
        return rule == Rule::CommitWaits;
    }
    let of_rule = [
        "timeout.pgsleep",
        "io.walsync",
        "io.datafileread",
        "client.clientread",
    ];
    of_rule
        .iter()
        .filter_map(|key| events::find(key))
        .any(|event| event.rule == rule && mostly.starts_with(&event.part))
}
