//! CPU use on the server by sessions that are not of the load: other applications and autovacuum.

use std::collections::BTreeMap;

use super::evidence::{CitedRow, PostgresEvidence};
use crate::assessment::EvidenceItem;

/// Application on the same server that is not the load.
#[derive(Debug)]
pub(crate) struct OtherApplication {
    /// Name, or a description if it has none.
    pub(crate) name: String,
    /// Share of the CPU time of all processes of the server.
    pub(crate) share: f64,
    /// CPU time, in nanoseconds.
    pub(crate) cpu_ns: f64,
    /// Number of its server processes over the step.
    pub(crate) sessions: f64,
    /// Evidence that it rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl OtherApplication {
    /// Finds the application that used the most CPU; `None` if none did or processes were not read.
    pub(crate) fn busiest(server: &PostgresEvidence<'_>) -> Option<Self> {
        let processes = server.rows("processes");
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

/// Returns true if a row is of sessions that are neither the load nor its observer.
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
