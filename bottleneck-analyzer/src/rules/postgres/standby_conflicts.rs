//! Statements that a standby cancelled because of recovery, as evidence for the rule `errors`.

use crate::assessment::{ComponentKind, EvidenceItem};
use crate::bench_facts::BenchFacts;
use crate::figures::plain;
use crate::postgres::PostgresEvidence;
use bench_report::names;

/// Tells how many statements a standby cancelled because they conflicted with recovery in `steps`, with the
/// evidence. Both are empty if there were none, or the server is no PostgreSQL server.
pub(in crate::rules) fn cancelled(
    bench: &BenchFacts<'_>,
    steps: &[usize],
) -> (String, Vec<EvidenceItem>) {
    if bench.component != ComponentKind::Postgres {
        return Default::default();
    }
    let servers = steps.iter();
    let servers = servers.filter_map(|index| PostgresEvidence::of_step(bench.source, *index));
    let counted = servers.filter_map(|server| {
        let name = names::postgres::DATABASE_CONFLICTS;
        let count = server.figure(name).filter(|count| *count > 0.0)?;
        Some((count, server.evidence(name)))
    });
    let (counts, evidence): (Vec<f64>, Vec<Option<EvidenceItem>>) = counted.unzip();
    if counts.is_empty() {
        return Default::default();
    }
    let text = format!(
        " The server counts {} statements that it cancelled because they conflict with recovery.",
        plain(counts.iter().sum())
    );
    (text, evidence.into_iter().flatten().collect())
}
