//! Rule `connections_near_limit`: connections in use ÷ connections that PostgreSQL allows.
//!
//! Judges `max_connections`, and the `CONNECTION LIMIT` of role and database where one is set, each by the
//! connections that count towards it. Fires from `pool.connections_warning_ratio` on, for the limit of which
//! the largest part is in use; a problem from `pool.connections_critical_ratio` on. Reads
//! `connections.used_max`, `.limit` and `.reserved` of the server, and its table `connection_limits`. Reserved
//! connections are subtracted from the limit.

use crate::assessment::{ComponentKind, EvidenceItem, FindingKind, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{plain, share};
use crate::finding_draft::{FindingDraft, confidence_past};
use crate::postgres::{ConnectionLimits, CountedLimit, LimitedThing, PostgresEvidence};
use crate::run_facts::RunFacts;

const RULE: Rule = Rule::ConnectionsNearLimit;

pub(super) fn check(facts: &RunFacts<'_>, out: &mut Conclusions) {
    for bench in facts.benches_of(ComponentKind::Postgres) {
        judge(bench, facts, out);
    }
}

fn judge(bench: &BenchFacts<'_>, facts: &RunFacts<'_>, out: &mut Conclusions) {
    let limits = ConnectionLimits::of_step(PostgresEvidence::of_operating_step(bench));
    for thing in &limits.uncounted {
        out.cannot_judge(
            RULE,
            bench.component,
            format!(
                "how near the server is to {}: its connections were not counted",
                thing.limit()
            ),
            "a role that may read pg_stat_activity",
        );
    }
    let Some(narrowest) = limits.narrowest() else {
        return;
    };
    let warning_ratio = facts.thresholds.pool.connections_warning_ratio;
    if narrowest.ratio() >= warning_ratio {
        let is_near = |one: &&CountedLimit| one.ratio() >= warning_ratio;
        let others = limits.counted.iter().filter(is_near);
        let others: Vec<_> = others.filter(|one| one.of != narrowest.of).collect();
        out.add_finding(finding(bench, narrowest, &others, facts));
    } else if limits.uncounted.is_empty() {
        let all = limits.counted.iter();
        let told = |one: &CountedLimit| format!("{} in use ({})", in_use(one), share(one.ratio()));
        let statements: Vec<String> = all.clone().map(told).collect();
        let evidence: Vec<EvidenceItem> = all.flat_map(|one| one.evidence.clone()).collect();
        out.rule_out(RULE, bench.component, statements.join("; "), evidence);
    }
}

/// Describes the number of connections in use: `96 of 100 connections (3 reserved for superusers)`, `9 of 10
/// connections of role "app"`. It can exceed the number open to ordinary users, because superusers may use the
/// reserved ones.
fn in_use(limit: &CountedLimit) -> String {
    let kept = if limit.reserved > 0.0 {
        format!(" ({} reserved for superusers)", plain(limit.reserved))
    } else {
        String::new()
    };
    format!(
        "{} of {} connections{}{kept}",
        plain(limit.used),
        plain(limit.limit),
        limit.of.owner()
    )
}

/// Builds the finding about a server near the limit `narrowest`. `others` are the other limits past the bound.
fn finding(
    bench: &BenchFacts<'_>,
    narrowest: &CountedLimit,
    others: &[&CountedLimit],
    facts: &RunFacts<'_>,
) -> FindingDraft {
    let (limits, ratio) = (&facts.thresholds.pool, narrowest.ratio());
    let kind = if ratio >= limits.connections_critical_ratio {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let (near, at_limit) = match narrowest.of {
        LimitedThing::Server => (
            "max_connections",
            "the server refuses new connections, those of other applications and of administrators among them",
        ),
        LimitedThing::Role(_) => (
            "the role's limit",
            "the server refuses new connections of this role, whatever is left for others",
        ),
        LimitedThing::Database(_) => (
            "the database's limit",
            "the server refuses new connections to this database, except those of superusers",
        ),
    };
    let mut detail = format!("At the limit {at_limit}.");
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(|one| in_use(one)).collect();
        detail += &format!(" Near a limit as well: {}.", others.join("; "));
    }
    let draft = bench
        .finding(RULE, kind)
        .thing(narrowest.of.limit())
        .says(
            format!("{} are in use: near {near}", in_use(narrowest)),
            detail,
        )
        .confidence(confidence_past(
            ratio,
            limits.connections_warning_ratio,
            0.02,
        ))
        .evidence(narrowest.evidence.clone())
        .evidence(others.iter().flat_map(|one| one.evidence.clone()));
    with_advice(draft, &narrowest.of)
}

/// Adds advice that fits the limit: that of the server needs a restart, those of role and database do not.
fn with_advice(draft: FindingDraft, of: &LimitedThing) -> FindingDraft {
    const GAIN: &str = "no refused connections when an instance is added or restarts";
    const POOLER: &str = "or put a transaction pooler such as PgBouncer before the server";
    let (whose, change) = match of {
        LimitedThing::Server => {
            return draft
                .advice(
                    &[
                        "keep the pools of all instances together below max_connections less a reserve",
                        POOLER,
                        "or raise max_connections",
                    ],
                    GAIN,
                    "each instance brings a pool of its own; the limit is the server's",
                )
                .needs_restart();
        }
        LimitedThing::Role(name) => ("with this role", format!("ROLE {}", quoted(name))),
        LimitedThing::Database(name) => ("on this database", format!("DATABASE {}", quoted(name))),
    };
    draft.advice(
        &[
            &format!("keep the pools of all instances {whose} together below the limit"),
            &format!(
                "or raise it within max_connections, which needs no restart: ALTER {change} CONNECTION LIMIT …"
            ),
            POOLER,
        ],
        GAIN,
        "each instance brings a pool of its own; the limit counts the connections of all",
    )
}

/// Returns a name as an identifier in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
