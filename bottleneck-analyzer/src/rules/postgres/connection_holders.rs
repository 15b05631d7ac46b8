//! Holders of the server's connections, as evidence for the rule `errors` where none is left.

use bench_report::names;
use bench_report::names::postgres_tables;

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::figures::plain;
use crate::postgres::{CitedRow, PostgresEvidence};

/// Largest number of holders that are named.
const MOST: usize = 3;

/// Returns a sentence, which begins with a space, about the applications with the most sessions in the first of
/// `steps` that has their number, and its evidence. Both are empty if no step has it.
pub(in crate::rules) fn told(
    bench: &BenchFacts<'_>,
    steps: &[usize],
) -> (String, Vec<EvidenceItem>) {
    let servers = steps.iter();
    let mut servers = servers.filter_map(|index| PostgresEvidence::of_step(bench.source, *index));
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
