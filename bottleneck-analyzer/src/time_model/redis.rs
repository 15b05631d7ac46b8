//! Time model of a call to Redis: executing its command, and waiting for other commands.

use bench_report::Step;
use bench_report::names;

use super::phases::{mean_of, phases, server_figure};
use crate::assessment::{EvidenceItem, TimeModel};
use crate::figures::duration_ns;
use crate::redis::RedisEvidence;
use crate::source_report::SourceReport;

/// Commands that the load does not send: the pool's check of a connection, and the reading of
/// statistics.
const NOT_THE_LOADS: [&str; 3] = ["ping", "unwatch", "info"];

/// Smallest share of a call, from 0 to 1, by which a wait must be uncertain to be told as a range.
const UNCERTAIN: f64 = 0.01;

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
    if let Some(behind) = behind_others(source, index) {
        let least = behind.least_ns.min(left);
        let most = behind.most_ns.min(left);
        left -= least;
        let title = "waiting behind other clients' commands";
        model.add_part("behind_others", title, least, behind.evidence);
        if most - least > UNCERTAIN * model.whole_ns {
            model.notes.push(format!(
                "A call waited {} to {} behind other clients' commands: how many of these ran inside of their \
                 scripts and transactions, whose time contains theirs, is not known.",
                duration_ns(least),
                duration_ns(most)
            ));
        }
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

/// Mean time that a call waits for commands of other clients.
struct WaitBehindOthers {
    /// Smallest time, in nanoseconds: commands that may have run inside of scripts and transactions count as a part
    /// of these.
    least_ns: f64,
    /// Largest time, in nanoseconds.
    most_ns: f64,
    evidence: Vec<EvidenceItem>,
}

/// Returns the mean time that a call waits for commands of other clients; `None` if there is no such wait.
fn behind_others(source: &SourceReport, index: usize) -> Option<WaitBehindOthers> {
    let server = RedisEvidence::of_step(source, index)?;
    let mut behind = WaitBehindOthers {
        least_ns: 0.0,
        most_ns: 0.0,
        evidence: Vec::new(),
    };
    for (place, row) in server.commands_of("others") {
        let label = row
            .label(names::redis::commands::COMMAND)
            .unwrap_or_default();
        let (least_ns, most_ns) = server.wait_behind_other(row);
        behind.least_ns += least_ns;
        behind.most_ns += most_ns;
        let place = ("commands", place);
        let evidence = server.row_evidence(format!("time in {label}"), place, "usec");
        behind.evidence.extend(evidence);
    }
    (behind.most_ns > 0.0).then_some(behind)
}
