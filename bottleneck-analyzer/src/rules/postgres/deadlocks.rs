//! Rule `deadlocks`: deadlocks that the load retried, so that no request failed.
//!
//! Fires for a step with 3 deadlocks or more, or with more than a thousandth of the calls. It is a problem if
//! there are more than a thousandth of the calls, or if they take a tenth of the calls' time, and else
//! information. Reads `database.deadlocks` of all repeats, and judges the largest. Failed requests with
//! SQLSTATE 40P01 are left to the rule `errors`. The impact is deadlocks × the server's `deadlock_timeout` ÷
//! calls: each deadlock makes at least one call wait that long.

use crate::assessment::{Confidence, FindingKind, ImpactOf, Rule};
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
/// Smallest share of the calls' time, from 0 to 1, at which deadlocks are a problem.
const LEAST_OF_TIME: f64 = 0.10;

pub(super) fn check(bench: &BenchFacts<'_>, out: &mut Conclusions) {
    let servers = bench
        .judged_steps()
        .filter_map(|(index, _)| PostgresEvidence::of_step(bench.source, index));
    let counted = servers.filter_map(|v| Some((v.figure(names::postgres::DATABASE_DEADLOCKS)?, v)));
    let Some((deadlocks, server)) = counted.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return;
    };
    let evidence = server.evidence(names::postgres::DATABASE_DEADLOCKS);
    let is_frequent = calls(&server).is_some_and(|(calls, _)| deadlocks > LEAST_RATIO * calls);
    if deadlocks < LEAST && !is_frequent {
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
    let draft = finding(bench, &server, deadlocks, is_frequent);
    let commits = server.evidence(names::postgres::DATABASE_COMMITS);
    out.add_finding(draft.evidence(evidence).evidence(commits));
}

/// Returns the number of calls in the time over which deadlocks were counted, and what they are called; for a
/// server that was only watched it is that of the transactions. `None` if neither is known.
fn calls(server: &PostgresEvidence<'_>) -> Option<(f64, &'static str)> {
    let calls = server.calls_of_counters().map(|calls| (calls, "calls"));
    calls.or_else(|| {
        let commits = server.figure(names::postgres::DATABASE_COMMITS)?;
        (commits > 0.0).then_some((commits, "transactions"))
    })
}

/// Builds the finding about `deadlocks` deadlocks in a step. `is_frequent` is true if there are more than a
/// thousandth of the calls.
fn finding(
    bench: &BenchFacts<'_>,
    server: &PostgresEvidence<'_>,
    deadlocks: f64,
    is_frequent: bool,
) -> FindingDraft {
    let timeout_ns = server.setting("deadlock_timeout").unwrap_or(TIMEOUT_NS);
    let calls = calls(server);
    let part = calls.map_or(String::new(), |(calls, what)| {
        format!(
            " That is one for every {} {what}.",
            plain(calls / deadlocks)
        )
    });
    let model = bench
        .time_model
        .as_ref()
        .filter(|model| model.whole_ns > 0.0);
    let cost = model
        .zip(calls)
        .map(|(model, (calls, _))| (model, deadlocks * timeout_ns / calls));
    let is_long = cost.is_some_and(|(model, ns)| ns >= LEAST_OF_TIME * model.whole_ns);
    let kind = if is_frequent || is_long {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let draft = bench.finding(RULE, kind)
        .thing("SQLSTATE 40P01")
        .says(
            format!("The server resolved {} deadlocks", plain(deadlocks)),
            format!(
                "Transactions waited for each other in a ring until the server ended one of them; each costs \
                 a wait of deadlock_timeout ({}) and a retry.{part}",
                duration_ns(timeout_ns)
            ),
        )
        .confidence(Confidence::High)
        .advice(
            &["lock rows and tables in one order everywhere", "never raise deadlock_timeout as the cure"],
            "no waits of a second, and no retries",
            "with one order no ring can form",
        );
    match cost {
        Some((model, ns)) if model.is_of_sessions() => {
            draft.impact(ns / model.whole_ns, ImpactOf::SessionTime)
        }
        Some((model, ns)) => draft.saves(ns, model.whole_ns),
        None => draft,
    }
}
