//! Rule `rolled_back`: transactions that were rolled back although no request failed.
//!
//! Fires if a twentieth of the transactions, and 20 or more, were rolled back in addition to those of failed
//! requests. Reads `database.rollbacks`, `database.commits` and the failures of the step. What a rolled-back
//! transaction took is not known: it may have ended early, or have done nothing.

use crate::assessment::{EvidenceItem, Rule};
use crate::cost::{CheckResult, Note, RepeatFacts};
use crate::figures::plain;
use bench_report::{Operation, names};

const RULE: Rule = Rule::RolledBack;
/// Smallest share of the transactions, from 0 to 1, at which the rule fires.
const LEAST_RATIO: f64 = 0.05;
/// Smallest number of rolled-back transactions at which the rule fires.
const LEAST: f64 = 20.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let names = [
        names::postgres::DATABASE_ROLLBACKS,
        names::postgres::DATABASE_COMMITS,
    ];
    let Some((rolled_back, commits)) = server.figure(names[0]).zip(server.figure(names[1])) else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether transactions are rolled back: they were not counted".to_owned(),
            "a role that may read pg_stat_database".to_owned(),
        )];
    };
    let mut evidence: Vec<EvidenceItem> = names
        .into_iter()
        .filter_map(|n| server.evidence(n))
        .collect();
    let step = server.step;
    let failed: u64 = step.operations.values().map(Operation::failures).sum();
    let more = (rolled_back - of_counters(repeat, failed as f64)).max(0.0);
    let counted = format!(
        "{} beside {} committed ones",
        plain(rolled_back),
        plain(commits)
    );
    if more < LEAST || more < LEAST_RATIO * (rolled_back + commits) {
        let statement = format!("transactions rolled back: {counted}");
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    let requests = if repeat.is_timed() {
        evidence.extend(server.source.outcomes(server.index));
        format!(
            "In the measured part {} requests failed, which explains as many of them. ",
            plain(failed as f64)
        )
    } else {
        String::new()
    };
    vec![CheckResult::Note(Note {
        rule: RULE,
        thing: "ROLLBACK".to_owned(),
        title: format!("Transactions are rolled back: {counted}"),
        detail: format!(
            "{requests}Either the application meets errors and tries again, or it or its pool sends ROLLBACK \
             where nothing is to be undone."
        ),
        evidence,
        actions: vec![
            "see which statements fail and are tried again: the server's log has them \
             (log_min_error_statement = error)"
                .to_owned(),
            "where a pool sends ROLLBACK whenever a connection comes back, let it do so only for an open \
             transaction"
                .to_owned(),
        ],
        computed: Vec::new(),
        gain: "no work that is thrown away, and fewer round trips".to_owned(),
        rationale: "what a rolled-back transaction did is done again or was not needed".to_owned(),
    })]
}

/// Scales `count`, of the measured part, to the time over which the server's counters were read, which
/// includes the warm-up.
fn of_counters(repeat: &RepeatFacts<'_, '_>, count: f64) -> f64 {
    let span_s = repeat.server.figure(names::postgres::DELTAS_SPAN_S);
    let measured_s = repeat.server.step.window.measured_s().max(f64::EPSILON);
    count * span_s.map_or(1.0, |span_s| (span_s / measured_s).max(1.0))
}
