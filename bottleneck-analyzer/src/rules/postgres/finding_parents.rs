//! Relations between findings about PostgreSQL: a finding that only follows from another one gets that one as
//! its parent.

use crate::assessment::{Finding, FindingId, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::catalogue::events;
use crate::conclusions::Conclusions;
use crate::postgres::{LockHolders, PostgresEvidence};

/// Smallest share of the samples of a lock's holders, from 0 to 1, at which an activity is part of the hold.
const OFTEN: f64 = 0.10;

/// Smallest time of what a holder does ÷ time of the lock waits at which the wait is an echo of it. With two
/// users who take turns both are the same, and which of them is sampled more often is chance.
const CLEARLY_MORE: f64 = 1.5;

/// Rules about what a holder of a lock may do meanwhile.
const HOLDERS_WORK: [Rule; 5] = [
    Rule::CommitWaits,
    Rule::Sleeps,
    Rule::KeptTransactions,
    Rule::ReadWaits,
    Rule::ClientWaits,
];

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
    for finding in &mut out.findings {
        let waits = rules.contains(&finding.rule()) && finding.is_about(&id);
        // An impact that is not known explains nothing.
        if waits && cause > 0.0 && cause >= REASON_RATIO * size(finding) {
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
        let statement = finding.thing.as_deref();
        let named = statement.and_then(|statement| {
            let mut reasons = reasons.iter();
            reasons.find(|(_, title)| title.contains(statement))
        });
        finding.parent = named.map(|(id, _)| id.clone());
    }
}

/// Relates the finding about lock waits to the findings about what the lock's holders do meanwhile: a queue
/// follows from what its holder does. The lock waits are listed under what takes clearly more time of a call
/// than they do ([`CLEARLY_MORE`]); anything else is listed under them. What is listed below is a symptom.
/// Has no effect without such findings.
fn under_a_lock(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let id = bench.id();
    let is_lock = |f: &Finding| f.rule() == Rule::LockWaits && f.is_about(&id);
    let Some(lock) = out.findings.iter().position(is_lock) else {
        return;
    };
    let Some(holders) = PostgresEvidence::of_operating_step(bench)
        .and_then(|server| LockHolders::find(&server, &LockHolders::KINDS))
    else {
        return;
    };
    let (parent, own) = (out.findings[lock].id.clone(), own_ns(out, lock));
    let mut larger: Option<(usize, f64)> = None;
    for place in 0..out.findings.len() {
        let finding = &out.findings[place];
        let rule = finding.rule();
        if !finding.is_about(&id) || !HOLDERS_WORK.contains(&rule) || !is_held_by(rule, &holders) {
            continue;
        }
        let ns = own_ns(out, place);
        if ns < CLEARLY_MORE * own {
            list_under(&mut out.findings[place], &parent);
        } else if finding.kind == FindingKind::Problem && ns > larger.map_or(0.0, |(_, most)| most)
        {
            larger = Some((place, ns));
        }
    }
    if let Some((place, _)) = larger {
        let cause = out.findings[place].id.clone();
        list_under(&mut out.findings[lock], &cause);
    }
}

/// Returns the time that the cause of the finding at `place` takes of a call, in nanoseconds; 0 if it is not
/// known.
fn own_ns(out: &Conclusions, place: usize) -> f64 {
    let own = out.own_times.get(&out.findings[place].id);
    own.map_or(0.0, |own| own.ns)
}

/// Makes `finding` a consequence of the finding called `parent`; a problem becomes a symptom.
fn list_under(finding: &mut Finding, parent: &FindingId) {
    finding.parent = Some(parent.clone());
    if finding.kind == FindingKind::Problem {
        finding.kind = FindingKind::Symptom;
    }
}

/// Returns true if the holders do what findings of `rule` are about, in at least a tenth of the samples.
fn is_held_by(rule: Rule, holders: &LockHolders) -> bool {
    let often = holders.doing.iter().filter(|(_, part)| *part >= OFTEN);
    let mut often = often.map(|(what, _)| what.as_str());
    often.any(|what| holds(rule, what))
}

/// Returns true if findings of `rule` are about the holders' activity `what`, as in `idle in transaction`.
fn holds(rule: Rule, what: &str) -> bool {
    if what.starts_with("idle in transaction") {
        return rule == Rule::KeptTransactions;
    }
    if what.starts_with("committing") {
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
        .any(|event| event.rule == rule && what.starts_with(&event.part))
}
