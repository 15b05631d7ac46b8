//! Rule `deadlocks`: deadlocks that the load retried, so that no request failed.
//!
//! Fires for a step with 3 deadlocks or more, or with more than a thousandth of the calls. Reads
//! `database.deadlocks` of all repeats, and judges the largest. Failed requests with SQLSTATE 40P01
//! are left to the rule `errors`. The impact is deadlocks × the server's `deadlock_timeout` ÷ calls.

use crate::assessment::{Confidence, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{duration_ns, plain};
use crate::finding_draft::FindingDraft;
use crate::postgres::PostgresEvidence;
use bench_report::names;

const RULE: Rule = Rule::Deadlocks;
/// Default of `deadlock_timeout` in nanoseconds, for reports without the setting: the wait of a session
/// before the server looks for a deadlock.
const TIMEOUT_NS: f64 = 1e9;
const LEAST: f64 = 3.0;
const LEAST_RATIO: f64 = 0.001;

pub(super) fn check(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let servers = bench
        .judged_steps()
        .filter_map(|(index, _)| PostgresEvidence::of_step(bench.source, index));
    let counted = servers.filter_map(|v| Some((v.figure(names::postgres::DATABASE_DEADLOCKS)?, v)));
    let Some((deadlocks, server)) = counted.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return;
    };
    let calls = server.calls_of_counters().unwrap_or(0.0);
    let evidence = server.evidence(names::postgres::DATABASE_DEADLOCKS);
    if deadlocks < LEAST && deadlocks <= LEAST_RATIO * calls {
        let statement = format!("deadlocks: {} in a step", plain(deadlocks));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    let failed = server
        .step
        .operations
        .values()
        .any(|o| o.errors.contains_key("sqlstate.40P01"));
    // The rule `errors` reports the failed requests, with the server's messages.
    if failed {
        return;
    }
    let timeout_ns = server.setting("deadlock_timeout").unwrap_or(TIMEOUT_NS);
    out.add_finding(finding(bench, deadlocks, (calls, timeout_ns)).evidence(evidence));
}

/// Builds the finding about `deadlocks` deadlocks in a step with `calls` calls, each of which waited for
/// `timeout_ns` nanoseconds.
fn finding(
    bench: &BenchFacts<'_>,
    deadlocks: f64,
    (calls, timeout_ns): (f64, f64),
) -> FindingDraft {
    let waited = deadlocks * timeout_ns / calls.max(1.0);
    let draft = bench.finding(RULE, FindingKind::Problem)
        .thing("SQLSTATE 40P01")
        .says(
            format!("The server resolved {} deadlocks", plain(deadlocks)),
            format!(
                "Transactions waited for each other in a ring until the server ended one of them; each costs \
                 a wait of deadlock_timeout ({}) and a retry.",
                duration_ns(timeout_ns)
            ),
        )
        .confidence(Confidence::High)
        .advice(
            &["lock rows and tables in one order everywhere", "never raise deadlock_timeout as the cure"],
            "no waits of a second, and no retries",
            "with one order no ring can form",
        );
    let whole = bench
        .time_model
        .as_ref()
        .map(|m| m.whole_ns)
        .filter(|ns| *ns > 0.0);
    match whole {
        Some(whole) => draft.saves(waited.min(whole), whole),
        None => draft,
    }
}
