//! CPU use on the server by sessions that are not of the load: other applications and autovacuum.

use std::collections::BTreeMap;

use bench_report::names::postgres_tables;

use super::evidence::{CitedRow, PostgresEvidence};
use crate::assessment::EvidenceItem;

/// Application on the same PostgreSQL server that is not part of the load, with its CPU use.
#[derive(Debug)]
pub(crate) struct OtherApplication {
    /// Name of the application, or words for one without a name, as in `autovacuum`.
    pub(crate) name: String,
    /// CPU time of the application as a share of the CPU time of all the server's processes, from 0 to 1.
    pub(crate) share: f64,
    /// CPU time of the application's server processes during the step, in nanoseconds.
    pub(crate) cpu_ns: f64,
    /// Number of server processes that worked for the application during the step.
    pub(crate) sessions: f64,
    /// Evidence that the CPU time rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl OtherApplication {
    /// Finds the application outside the load that used the most CPU time. `None` if there is none, or if the
    /// CPU time of processes was not read.
    pub(crate) fn busiest(server: &PostgresEvidence<'_>) -> Option<Self> {
        let processes = server.rows(postgres_tables::processes::TABLE);
        let total: f64 = processes.iter().map(|row| row.count("cpu_ns")).sum();
        let mut all: BTreeMap<String, Self> = BTreeMap::new();
        for row in processes.iter().filter(|row| is_outside_application(row)) {
            let name = name_of(row);
            let label = format!("CPU of {name}");
            let one = all.entry(name.clone()).or_insert_with(|| Self {
                name,
                share: 0.0,
                cpu_ns: 0.0,
                sessions: 0.0,
                evidence: Vec::new(),
            });
            one.cpu_ns += row.count("cpu_ns");
            one.sessions += row.count("count");
            one.share = one.cpu_ns / total.max(1.0);
            one.evidence.extend(row.evidence(label, "cpu_ns"));
        }
        let used = all.into_values().filter(|one| one.cpu_ns > 0.0);
        used.max_by(|a, b| a.cpu_ns.total_cmp(&b.cpu_ns))
    }
}

/// Returns true if the row describes sessions of neither the load nor the bench's own observer.
fn is_outside_application(row: &CitedRow<'_>) -> bool {
    let works = matches!(
        row.label("backend_type"),
        "client backend" | "parallel worker" | "autovacuum worker"
    );
    works && !matches!(row.label("application"), "ours" | "watch")
}

fn name_of(row: &CitedRow<'_>) -> String {
    match (row.label("application"), row.label("backend_type")) {
        ("", "autovacuum worker") => "autovacuum".to_owned(),
        ("", _) => "sessions without an application name".to_owned(),
        (name, _) => name.to_owned(),
    }
}
