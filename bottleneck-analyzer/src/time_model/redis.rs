//! Time model of a call to Redis: executing its command, and waiting for other commands.

use bench_report::Step;
use bench_report::names;

use super::phases::{mean_of, phases, server_figure};
use crate::assessment::{EvidenceItem, TimeModel};
use crate::redis::RedisEvidence;
use crate::source_report::SourceReport;

/// Commands that the load does not send: the pool's check of a connection, and the reading of
/// statistics.
const NOT_THE_LOADS: [&str; 3] = ["ping", "unwatch", "info"];

/// Computes the model of step `index`; `None` if no call was timed.
pub(super) fn model(source: &SourceReport, index: usize, step: &Step) -> Option<TimeModel> {
    let mut model = phases(source, index)?;
    let calls: u64 = step.operations.values().map(|o| o.succeeded).sum();
    let (usec, evidence) = executing(source, index, step);
    if evidence.is_empty() {
        model
            .notes
            .push("The server's command times were not read: service time is not divided.".into());
        model.add_rest("service (not divided)");
        return Some(model);
    }
    if calls == 0 {
        return Some(model);
    }
    let mut left = mean_of(source, index, "service", |o| o.service.as_ref()).0;
    let command = (usec * 1e3 / calls as f64).min(left);
    left -= command;
    model.add_part("command", "Redis executing the command", command, evidence);
    if let Some((behind, evidence)) = behind_others(source, index) {
        let behind = behind.min(left);
        left -= behind;
        let title = "waiting behind other clients' commands";
        model.add_part("behind_others", title, behind, evidence);
    }
    if let Some((flush, evidence)) = flush(source, index) {
        let title = "waiting for the append-only file's disk";
        model.add_part("io.append_only", title, flush.min(left), evidence);
    }
    model.add_rest("network, queue and client (by subtraction)");
    Some(model)
}

/// Returns the server's total time in commands of the load in the step, in microseconds, with its
/// evidence. If the report does not tell who sent a command, all but [`NOT_THE_LOADS`] count. The
/// evidence is empty if the times were not read.
fn executing(source: &SourceReport, index: usize, step: &Step) -> (f64, Vec<EvidenceItem>) {
    let server = RedisEvidence::of_step(source, index);
    let own: Option<Vec<&str>> = server.as_ref().and_then(|server| {
        server.rows("commands").next()?;
        let own = server.commands_of("load");
        Some(
            own.filter_map(|(_, row)| row.label(names::redis::commands::COMMAND))
                .collect(),
        )
    });
    let is_own = |command: &str| match &own {
        Some(own) => own.contains(&command),
        None => !NOT_THE_LOADS.contains(&command),
    };
    let figures = step.server.iter().flat_map(|server| server.figures.keys());
    let names = figures.filter(|name| {
        let command = name
            .strip_prefix("commands.")
            .and_then(|c| c.strip_suffix(".usec"));
        command.is_some_and(is_own)
    });
    let (mut usec, mut evidence) = (0.0, Vec::new());
    for (value, shown) in names.filter_map(|name| server_figure(source, index, name)) {
        usec += value;
        evidence.push(shown);
    }
    (usec, evidence)
}

/// Returns the mean time that a call waits for the flush of the append-only file before its answer,
/// in nanoseconds, with its evidence. `None` unless every write waits for a flush (`appendfsync
/// always`), or if the wait was not measured.
fn flush(source: &SourceReport, index: usize) -> Option<(f64, Vec<EvidenceItem>)> {
    let server = RedisEvidence::of_step(source, index)?;
    let always = server.setting("appendfsync") == Some("always");
    let writes = server
        .figure(names::redis::AOF_ENABLED)
        .is_some_and(|on| on > 0.0);
    let wait = server.flush_wait_ns().filter(|_| always && writes)?;
    Some((
        wait,
        server
            .evidence(names::redis::ANSWER_MEAN_NS)
            .into_iter()
            .collect(),
    ))
}

/// Returns the mean time that a call waits for commands of other clients, in nanoseconds, with its evidence;
/// `None` if there is no such wait.
fn behind_others(source: &SourceReport, index: usize) -> Option<(f64, Vec<EvidenceItem>)> {
    let server = RedisEvidence::of_step(source, index)?;
    let waits = server.commands_of("others").map(|(place, row)| {
        let label = row
            .label(names::redis::commands::COMMAND)
            .unwrap_or_default();
        let evidence = server.row_evidence(format!("time in {label}"), ("commands", place), "usec");
        (server.wait_behind_command(row), evidence)
    });
    let (mut sum, mut evidence) = (0.0, Vec::new());
    for (ns, shown) in waits {
        sum += ns;
        evidence.extend(shown);
    }
    (sum > 0.0).then_some((sum, evidence))
}
