//! Differences between the hosts that made a joined load. The joined report has the environment of the first
//! worker's host only.

use bench_report::Environment;
use serde_json::{Map, Value};

use super::worker_report::WorkerReport;

/// Returns the entries of the environment that differ between both hosts, with the values of the
/// host of `other`; null for an entry that `other` lacks. Empty if both hosts are alike.
pub(super) fn differences(first: &WorkerReport, other: &WorkerReport) -> Map<String, Value> {
    let [mut theirs, mut mine] = [first, other].map(|one| entries(&one.report.environment));
    for name in theirs.keys() {
        mine.entry(name).or_insert(Value::Null);
    }
    mine.retain(|name, value| theirs.remove(name).unwrap_or_default() != *value);
    mine
}

/// Returns a sentence for each worker whose host differs from that of the first worker; empty if
/// all are alike.
pub(super) fn sentences(workers: &[WorkerReport]) -> Vec<String> {
    let Some((first, others)) = workers.split_first() else {
        return Vec::new();
    };
    let theirs = entries(&first.report.environment);
    let told = others.iter().filter_map(|other| {
        let differences = differences(first, other);
        let named = differences.iter().map(|(name, value)| {
            let first = theirs.get(name).unwrap_or(&Value::Null);
            format!("{name} is {value}, not {first}")
        });
        let named: Vec<String> = named.collect();
        (!named.is_empty()).then(|| {
            format!(
                "the host of worker {}/{} is not like that of worker {}, which the environment of the \
                 joined report describes: {}",
                other.worker.i,
                other.worker.n,
                first.worker.i,
                named.join("; ")
            )
        })
    });
    told.collect()
}

fn entries(environment: &Environment) -> Map<String, Value> {
    match serde_json::to_value(environment) {
        Ok(Value::Object(entries)) => entries,
        _ => Map::new(),
    }
}
