//! Rule `connections_near_limit`: connections in use ÷ connections that PostgreSQL allows.
//!
//! Fires from `pool.connections_warning_ratio` on; a problem from `pool.connections_critical_ratio` on.
//! Reads `connections.used_max`, `.limit` and `.reserved` of the server. Reserved connections are
//! subtracted from the limit.

use crate::assessment::{ComponentKind, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::run_facts::RunFacts;
use bench_report::names;

const RULE: Rule = Rule::ConnectionsNearLimit;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let used = bench.server_figure(names::postgres::CONNECTIONS_USED_MAX);
    let limit = bench
        .server_figure(names::postgres::CONNECTIONS_LIMIT)
        .filter(|l| *l > 0.0);
    let (Some(used), Some(limit)) = (used, limit) else {
        out.cannot_judge(
            RULE,
            bench.component,
            "how near the server is to max_connections: its connections were not counted",
            "a role that may read pg_stat_activity",
        );
        return;
    };
    let reserved = bench
        .server_figure(names::postgres::CONNECTIONS_RESERVED)
        .unwrap_or(0.0);
    let free = limit - reserved;
    let ratio = used / free.max(1.0);
    let evidence = bench.server_evidence_of(&[
        names::postgres::CONNECTIONS_USED_MAX,
        names::postgres::CONNECTIONS_LIMIT,
    ]);
    let limits = &facts.thresholds.pool;
    let figures = in_use(used, limit, reserved);
    if ratio < limits.connections_warning_ratio {
        let statement = format!("{figures} in use ({})", share(ratio));
        out.rule_out(RULE, bench.component, statement, evidence);
        return;
    }
    out.add_finding(finding(bench, ratio, &figures, facts).evidence(evidence));
}

/// Describes the number of connections in use: `96 of 100 connections (3 reserved for superusers)`.
/// It can exceed the number open to ordinary users, because superusers may use the reserved ones.
fn in_use(used: f64, limit: f64, reserved: f64) -> String {
    let kept = if reserved > 0.0 {
        format!(" ({} reserved for superusers)", plain(reserved))
    } else {
        String::new()
    };
    format!("{} of {} connections{kept}", plain(used), plain(limit))
}

/// Builds the finding about a server near its limit of connections. `ratio` is connections in use ÷
/// connections open to ordinary users.
fn finding(
    bench: &BenchFacts<'_>,
    ratio: f64,
    figures: &str,
    facts: &RunFacts<'_>,
) -> FindingDraft {
    let limits = &facts.thresholds.pool;
    let kind = if ratio >= limits.connections_critical_ratio {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    bench
        .finding(RULE, kind)
        .says(
            format!("{figures} are in use: near max_connections"),
            "At the limit the server refuses new connections, those of other applications and \
             of administrators among them.",
        )
        .confidence(confidence_past(
            ratio,
            limits.connections_warning_ratio,
            0.02,
        ))
        .advice(
            &[
                "keep the pools of all instances together below max_connections less a reserve",
                "or put a transaction pooler such as PgBouncer before the server",
            ],
            "no refused connections when an instance is added or restarts",
            "each instance brings a pool of its own; the limit is the server's",
        )
        .needs_restart()
}
