//! Connections in use, as evidence for the rule `errors` where none is left: the holders of the server's, or the
//! number under the limit of the role or the database that the server names.

use bench_report::names;
use bench_report::names::postgres_tables;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::figures::plain;
use crate::postgres::{CitedRow, ConnectionLimits, LimitedThing, PostgresEvidence};

/// Largest number of holders that are named.
const MOST: usize = 3;

/// Returns a sentence, which begins with a space, about the limit that a refusal with this `message` is about, and
/// its evidence. Both are empty if no step of `steps` has figures of it.
pub(in crate::rules) fn told(
    bench: &BenchFacts<'_>,
    steps: &[usize],
    message: &str,
) -> (String, Vec<EvidenceItem>) {
    let servers = steps.iter();
    let servers = servers.filter_map(|index| PostgresEvidence::of_step(bench.source, *index));
    // A pooler may connect with a role, and to a database, of its own.
    let names = |name: &str| message.contains(&format!("\"{name}\""));
    if message.contains("connections for role") {
        of_limit(
            servers,
            |thing| matches!(thing, LimitedThing::Role(name) if names(name)),
        )
    } else if message.contains("connections for database") {
        of_limit(
            servers,
            |thing| matches!(thing, LimitedThing::Database(name) if names(name)),
        )
    } else {
        holders(servers)
    }
}

/// Returns a sentence about the connections in use under the limit that `is_meant` selects, in the first step that
/// has their number.
fn of_limit<'a>(
    mut servers: impl Iterator<Item = PostgresEvidence<'a>>,
    is_meant: impl Fn(&LimitedThing) -> bool,
) -> (String, Vec<EvidenceItem>) {
    let limit = servers.find_map(|server| {
        let limits = ConnectionLimits::of_step(Some(server)).counted;
        limits.into_iter().find(|limit| is_meant(&limit.of))
    });
    limit.map_or_else(Default::default, |limit| {
        let sentence = format!(
            " At most {} of the {} connections that {} allows were seen in use.",
            plain(limit.used),
            plain(limit.limit),
            limit.of.limit()
        );
        (sentence, limit.evidence)
    })
}

/// Returns a sentence about the applications with the most sessions in the first step that has their number.
fn holders<'a>(
    mut servers: impl Iterator<Item = PostgresEvidence<'a>>,
) -> (String, Vec<EvidenceItem>) {
    let found = servers.find_map(|server| {
        let rows = server.rows(postgres_tables::processes::TABLE);
        let rows: Vec<CitedRow<'_>> = rows.into_iter().filter(is_client).collect();
        (!rows.is_empty()).then_some((server, rows))
    });
    let Some((server, mut rows)) = found else {
        return Default::default();
    };
    rows.sort_by(|a, b| b.count("count").total_cmp(&a.count("count")));
    let name = |row: &CitedRow<'_>| match row.label("application") {
        "ours" => "the load".to_owned(),
        "watch" => "the observer of this tool".to_owned(),
        "" => "sessions without an application name".to_owned(),
        name => name.to_owned(),
    };
    let mut evidence = Vec::new();
    let mut named = Vec::new();
    for row in rows.iter().take(MOST) {
        named.push(format!("{} {}", name(row), plain(row.count("count"))));
        evidence.extend(row.evidence(format!("sessions: {}", name(row)), "count"));
    }
    let limit = server.figure(names::postgres::CONNECTIONS_LIMIT);
    evidence.extend(server.evidence(names::postgres::CONNECTIONS_LIMIT));
    let of = limit.map_or(String::new(), |limit| {
        format!(", of at most {}", plain(limit))
    });
    (
        format!(" Sessions by application_name{of}: {}.", named.join(", ")),
        evidence,
    )
}

fn is_client(row: &CitedRow<'_>) -> bool {
    row.label("backend_type") == "client backend" && row.count("count") > 0.0
}
