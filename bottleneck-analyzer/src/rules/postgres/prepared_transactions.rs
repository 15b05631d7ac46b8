//! Rule `prepared_transactions`: prepared transactions that nobody ends.
//!
//! Fires if prepared transactions are open at the end of the measured part and the server's oldest
//! transaction is older than the step. Reads `transactions.prepared` and `transactions.oldest_age_s`. They
//! have no session, so no sample shows them; where they hold a lock that the load waits for, `lock_waits`
//! measures the cost.

use crate::assessment::{EvidenceItem, Rule};
use crate::cost::{CheckResult, Note, RepeatFacts};
use crate::figures::{duration_ns, plain};
use bench_report::names;

const RULE: Rule = Rule::PreparedTransactions;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let names = [
        names::postgres::TRANSACTIONS_PREPARED,
        names::postgres::TRANSACTIONS_OLDEST_AGE_S,
    ];
    let [count, oldest_s] = names.map(|name| server.figure(name));
    let Some(count) = count else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether prepared transactions are left over: they were not counted".to_owned(),
            "a role that may read pg_prepared_xacts".to_owned(),
        )];
    };
    let evidence: Vec<EvidenceItem> = names
        .into_iter()
        .filter_map(|n| server.evidence(n))
        .collect();
    if count < 1.0 {
        let statement = "no prepared transaction was open".to_owned();
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    let Some(oldest_s) = oldest_s else {
        return vec![CheckResult::Unknown(
            RULE,
            format!(
                "whether prepared transactions are left over: {} are open, and their age is not known",
                plain(count)
            ),
            "a role that may read pg_stat_activity (pg_read_all_stats)".to_owned(),
        )];
    };
    if oldest_s <= step_s(repeat) {
        let statement = format!(
            "prepared transactions: {} open, none older than the step",
            plain(count)
        );
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    vec![CheckResult::Note(note(count, oldest_s, evidence))]
}

/// Returns the length of the step, warm-up included, in seconds.
fn step_s(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let measured_s = repeat.server.step.window.measured_s();
    let span_s = repeat.server.figure(names::postgres::DELTAS_SPAN_S);
    span_s.map_or(measured_s, |span_s| span_s.max(measured_s))
}

fn note(count: f64, oldest_s: f64, evidence: Vec<EvidenceItem>) -> Note {
    Note {
        rule: RULE,
        thing: "prepared transactions".to_owned(),
        title: format!("Prepared transactions are open: {}", plain(count)),
        detail: format!(
            "The oldest transaction of the server is {} old and began before the step; it may be one of them. \
             A prepared transaction has no session and outlives a restart.",
            duration_ns(oldest_s * 1e9)
        ),
        evidence,
        actions: vec![
            "see whose they are: SELECT gid, prepared, owner FROM pg_prepared_xacts".to_owned(),
            "end those that are left over: COMMIT PREPARED or ROLLBACK PREPARED".to_owned(),
        ],
        computed: Vec::new(),
        gain: "locks are free, and VACUUM can remove dead rows".to_owned(),
        rationale: "each keeps its locks until it is ended, and all rows that it may still see"
            .to_owned(),
    }
}
