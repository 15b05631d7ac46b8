//! Lines below the tables about steps that ended early, errors, and events at the server.

use std::collections::{BTreeMap, BTreeSet};

use bench_cli::table;
use bench_report::names::steps;
use bench_report::{Report, StepEnd};
use load_engine::Failure;
use serde_json::Value;

use crate::cache::STALE_MISS;
use crate::evidence;
use crate::server::address::RedisAddress;
use crate::server::{failure, remedy};

/// Returns a line for each step that a stop rule ended or that failed, and one line with the number
/// of errors of each kind over all steps, and a line for each of several disturbed steps. Empty if
/// there are none.
pub(crate) fn troubles(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &report.steps {
        match &step.end {
            StepEnd::Completed | StepEnd::Interrupted | StepEnd::Unknown => {}
            StepEnd::Stopped { rule, reason } => {
                lines.push(format!("{}: stopped by {rule}: {reason}.", step.name));
            }
            StepEnd::Failed { reason } => {
                lines.push(format!("{}: failed: {reason}.", step.name));
            }
        }
    }
    let mut kinds = BTreeMap::new();
    for operation in report
        .steps
        .iter()
        .flat_map(|step| step.operations.values())
    {
        for (kind, count) in &operation.errors {
            *kinds.entry(kind.as_str()).or_insert(0) += count;
        }
    }
    if !kinds.is_empty() {
        let told: Vec<String> = kinds
            .iter()
            .map(|(kind, n): (_, &u64)| format!("{n} {kind}"))
            .collect();
        lines.push(format!("Errors: {}.", told.join(", ")));
    }
    lines.extend(redirected(report));
    lines.extend(outages(report));
    lines.extend(replicas(report));
    lines.extend(disturbed(report));
    lines
}

/// Returns a line with the redirections that the load followed on a cluster; `None` if there were none.
fn redirected(report: &Report) -> Option<String> {
    let sum = |name| -> f64 {
        report
            .steps
            .iter()
            .filter_map(|step| step.value(name))
            .sum()
    };
    let (moved, ask) = (sum(steps::REDIRECTIONS_MOVED), sum(steps::REDIRECTIONS_ASK));
    (moved + ask > 0.0).then(|| {
        format!(
            "Redirections followed, because slots of the cluster moved: {moved} MOVED, {ask} ASK."
        )
    })
}

/// Returns a line for each step with a time in which no request succeeded, where that was watched.
fn outages(report: &Report) -> impl Iterator<Item = String> {
    let steps = (1..).zip(&report.steps);
    steps.filter_map(|(number, step)| {
        let long = step.value(steps::OUTAGE_LONGEST_NS)?;
        let until = match step.value(steps::OUTAGE_OPEN) {
            Some(1.0) => ", until the step ended",
            _ => "",
        };
        let (name, long) = (&step.name, table::duration_ns(long as u64));
        Some(format!(
            "Outage: step {number} ({name}): no request succeeded for {long}{until}."
        ))
    })
}

/// Returns a line for each step whose reads went to a replica: how far it was behind, and how many reads
/// missed what had been written.
fn replicas(report: &Report) -> impl Iterator<Item = String> {
    let steps = (1..).zip(&report.steps);
    steps.filter_map(|(number, step)| {
        let mut told = Vec::new();
        let bytes = |figure| Some(table::bytes(step.value(figure)? as u64));
        if let (Some(mean), Some(most)) = (
            bytes(steps::REPLICA_LAG_MEAN_BYTES),
            bytes(steps::REPLICA_LAG_MOST_BYTES),
        ) {
            told.push(format!(
                "{mean} behind the primary on average, {most} at most"
            ));
        }
        let unlinked = step.value(steps::REPLICA_UNLINKED_RATIO);
        if let Some(unlinked) = unlinked.filter(|ratio| *ratio > 0.0) {
            let share = table::ratio(unlinked);
            told.push(format!(
                "not connected to its primary for {share} of the time"
            ));
        }
        // The scenario `pool` writes nothing that it could miss.
        if report.scenario != "pool" && !told.is_empty() {
            let stale = step.operations.get(STALE_MISS);
            let count = stale.map_or(0, |stale| stale.succeeded + stale.failures());
            let reads = table::counted(count, "read");
            told.push(format!("{reads} did not find what had been written"));
        }
        let (name, told) = (&step.name, told.join("; "));
        (!told.is_empty()).then(|| format!("Replica: step {number} ({name}): {told}."))
    })
}

/// Returns a line for each step that an event at the server disturbed, if there are several: the
/// warnings below the table show only the worst of them.
fn disturbed(report: &Report) -> Vec<String> {
    let steps = (1..).zip(&report.steps);
    let lines: Vec<String> = steps
        .filter_map(|(number, step)| {
            let events = evidence::disturbances(step).join("; ");
            (!events.is_empty())
                .then(|| format!("Disturbed: step {number} ({}): {events}.", step.name))
        })
        .collect();
    if lines.len() > 1 { lines } else { Vec::new() }
}

/// Returns a paragraph for each known remedy of the failures in a report, which occurred on the
/// server at `remote`. Empty if there are none.
pub(crate) fn remedies(report: &Report, remote: &RedisAddress) -> String {
    let samples = report.steps.iter().flat_map(|step| &step.failures);
    let failures = samples.map(|sample| Failure::new(sample.kind.clone(), &sample.message));
    // A server that takes no more clients often resets their connections before they can read why. The
    // reader of the evidence knows it then.
    let unread = report.steps.iter().filter_map(|step| {
        let why = step.server.as_ref()?.unavailable.get("info")?;
        why.contains(failure::TURNED_AWAY)
            .then(|| Failure::new("response.maxclients", why))
    });
    let clients = report.config.get("clients").and_then(Value::as_array);
    let is_cluster = clients.is_some_and(|clients| clients.iter().any(|one| one == "cluster"));
    let of_failure = if is_cluster {
        remedy::on_cluster
    } else {
        remedy::for_failure
    };
    let remedies: BTreeSet<String> = failures
        .chain(unread)
        .filter_map(|failure| of_failure(&failure, remote))
        .collect();
    let told = remedies.iter().map(|remedy| format!("Try: {remedy}"));
    told.map(|line| table::paragraph(&line, 0)).collect()
}
