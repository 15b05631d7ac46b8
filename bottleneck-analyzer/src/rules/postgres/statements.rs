//! Statements of the load with their shares of the time, from the table `statements` (`pg_stat_statements`).
//!
//! The extension counts execution times, which include waits. How much of it a statement runs is known from
//! the samples of its sessions (table `waiting_statements`).

use crate::assessment::{EvidenceItem, Rule};
use crate::catalogue::events::{self, WaitKind};
use crate::cost::RepeatFacts;
use crate::postgres::{CitedRow, OtherApplication, PostgresEvidence};
use bench_report::names;
use bench_report::names::postgres_tables;

/// Smallest share of the server's CPU used by another application at which that application's
/// statements are filtered out.
const OTHERS_SHARE: f64 = 0.05;

/// Returns the mean time of a call without a wait event, in nanoseconds: its session ran on a CPU
/// or was ready to.
pub(super) fn running_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    repeat.model.sum_of("server_cpu") + repeat.model.sum_of("server_runnable")
}

/// Statement of the load with its shares of the time of all the load's statements.
pub(super) struct LoadStatement<'a> {
    pub(super) row: CitedRow<'a>,
    /// Share of the execution time of all statements of the load, from 0 to 1. Waits are part of that time.
    pub(super) share: f64,
    /// Execution time without waits, in nanoseconds.
    pub(super) running_ns: f64,
    /// Share of the execution time without waits of all statements of the load, from 0 to 1.
    pub(super) running_share: f64,
    /// Share of the execution time without waits, except those for pages that are read, of all statements of
    /// the load, from 0 to 1.
    pub(super) reading_share: f64,
    /// Rows of the table `waiting_statements` about the statement.
    samples: Vec<CitedRow<'a>>,
}

impl LoadStatement<'_> {
    pub(super) fn text(&self) -> &str {
        self.row.label("statement")
    }

    /// Returns the time of the statement and that of all statements as evidence.
    pub(super) fn time_evidence(&self, server: &PostgresEvidence<'_>) -> Vec<EvidenceItem> {
        let own = self.row.evidence("time of the statement", "exec_ns");
        let all = server.evidence(names::postgres::STATEMENTS_EXEC_NS);
        own.into_iter().chain(all).collect()
    }

    /// Returns the numbers of the statement's rows and calls as evidence.
    pub(super) fn rows_evidence(&self) -> Vec<EvidenceItem> {
        let rows = self.row.evidence("rows of the statement", "rows");
        let calls = self.row.evidence("calls of the statement", "calls");
        rows.into_iter().chain(calls).collect()
    }

    /// Returns the mean number of sessions that run the statement, with its evidence; `None` unless some were
    /// sampled running it and some waiting in it.
    pub(super) fn sessions_running(&self) -> Option<(f64, Vec<EvidenceItem>)> {
        let (running, waiting): (Vec<_>, Vec<_>) = self
            .samples
            .iter()
            .partition(|row| runs(row.label("event")));
        if running.is_empty() || waiting.is_empty() {
            return None;
        }
        let sessions: f64 = running.iter().map(|row| row.count("sessions_mean")).sum();
        let rows = running.into_iter();
        let evidence = rows.filter_map(|row| row.evidence("sessions that run it", "sessions_mean"));
        Some((sessions, evidence.collect()))
    }

    /// Returns the figure `name` of the statement, divided by its number of calls; `None` if the
    /// figure is missing or there were no calls.
    pub(super) fn per_call(&self, name: &str) -> Option<f64> {
        Some(self.row.figure(name)? / self.row.figure("calls").filter(|n| *n > 0.0)?)
    }

    /// Returns true if the statement's text contains the name of `relation` as a word, in any case of
    /// letters. A table of the same name that the text puts into another schema is a different one.
    pub(super) fn names(&self, relation: &str) -> bool {
        let relation = relation.to_lowercase().replace('"', "");
        let (schema, bare) = match relation.rsplit_once('.') {
            Some((schema, bare)) => (Some(schema), bare),
            None => (None, relation.as_str()),
        };
        let text = self.text().to_lowercase();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        text.split(|c| !is_part(c)).any(|word| {
            let parts: Vec<&str> = word.split('.').collect();
            match parts.iter().rposition(|part| *part == bare) {
                None => false,
                Some(0) => true,
                Some(at) => schema.is_none_or(|schema| parts[at - 1] == schema),
            }
        })
    }
}

/// Returns the statements of the load, those with the largest share of the time first; `None` if statements
/// were not counted. The server counts the statements of all applications. If another application was active,
/// only statements are kept that a session of the load was seen to run.
pub(super) fn of_load<'a>(server: &PostgresEvidence<'a>) -> Option<Vec<LoadStatement<'a>>> {
    let rows = server.table(postgres_tables::statements::TABLE)?;
    let is_shared = OtherApplication::busiest(server).is_some_and(|a| a.share >= OTHERS_SHARE);
    let activity: Vec<(String, CitedRow<'a>)> = server
        .rows(postgres_tables::waiting_statements::TABLE)
        .into_iter()
        .map(|row| (shape(row.label("statement")), row))
        .collect();
    let samples_of = |row: &CitedRow<'_>| -> Vec<CitedRow<'a>> {
        let own = shape(row.label("statement"));
        let samples = activity.iter().filter(|(text, _)| *text == own);
        samples.map(|(_, sample)| sample.clone()).collect()
    };
    let own = |row: &CitedRow<'_>| is_shared && !samples_of(row).is_empty();
    let all = !rows.iter().any(own);
    let sent = |row: &CitedRow<'_>| row.label("toplevel") != "false" && (all || own(row));
    let rows: Vec<CitedRow<'a>> = rows.into_iter().filter(sent).collect();
    let listed: f64 = rows.iter().map(|row| row.count("exec_ns")).sum();
    // The table lists the longest statements; the figure is the sum over all.
    let total = server.figure(names::postgres::STATEMENTS_EXEC_NS);
    let total = total.filter(|_| all).unwrap_or(listed).max(listed);
    let span_ns = server
        .figure(names::postgres::DELTAS_SPAN_S)
        .map(|span_s| span_s * 1e9);
    let time = |row: &CitedRow<'_>, counts: fn(&str) -> bool| {
        time_in(row.count("exec_ns"), &samples_of(row), span_ns, counts)
    };
    // Of statements that are not listed the waits are not known.
    let sum = |counts: fn(&str) -> bool| {
        let of_listed: f64 = rows.iter().map(|row| time(row, counts)).sum();
        (total - listed + of_listed).max(f64::EPSILON)
    };
    let (running, reading) = (sum(runs), sum(runs_or_reads));
    let mut found: Vec<LoadStatement<'a>> = rows
        .iter()
        .map(|row| LoadStatement {
            share: row.count("exec_ns") / total.max(f64::EPSILON),
            running_ns: time(row, runs),
            running_share: time(row, runs) / running,
            reading_share: time(row, runs_or_reads) / reading,
            samples: samples_of(row),
            row: row.clone(),
        })
        .collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    Some(found)
}

/// Returns the part of a statement's execution time `exec_ns` in which its sessions did what `counts` tells by
/// the event, in nanoseconds: the execution time less the time for which `samples` show them otherwise in the
/// `span_ns` of the counters, but at least the time for which they show them so. (The wait of a commit is no
/// execution time.)
fn time_in(
    exec_ns: f64,
    samples: &[CitedRow<'_>],
    span_ns: Option<f64>,
    counts: fn(&str) -> bool,
) -> f64 {
    let sampled_ns = |is_counted: bool| {
        let rows = samples.iter();
        let rows = rows.filter(|row| counts(row.label("event")) == is_counted);
        let sessions: f64 = rows.map(|row| row.count("sessions_mean")).sum();
        sessions * span_ns.unwrap_or(0.0)
    };
    let left_ns = exec_ns - sampled_ns(false);
    left_ns.max(sampled_ns(true)).min(exec_ns)
}

/// Returns true if a session with this event is at work, or if its parallel workers are.
fn runs(event: &str) -> bool {
    let found = || events::find(&event.to_lowercase());
    event.is_empty() || found().is_some_and(|event| event.kind == WaitKind::Parallel)
}

/// Returns true if a session with this event is at work or waits for a page to be read.
fn runs_or_reads(event: &str) -> bool {
    let found = || events::find(&event.to_lowercase());
    runs(event) || found().is_some_and(|event| event.rule == Rule::ReadWaits)
}

/// Returns the statement with every parameter `$n` replaced by `?`, and lists of parameters by one, so that
/// texts from different views can be compared.
fn shape(statement: &str) -> String {
    let mut shape = String::new();
    let mut letters = statement.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_parameter = letter == '$' && letters.peek().is_some_and(char::is_ascii_digit);
        shape.push(if is_parameter { '?' } else { letter });
        while is_parameter && letters.next_if(char::is_ascii_digit).is_some() {}
    }
    for (many, one) in [("?, ?", "?"), ("?,?", "?"), ("(?), (?)", "(?)")] {
        while shape.contains(many) {
            shape = shape.replace(many, one);
        }
    }
    shape
}

/// Shortens a statement to 80 characters, the length that fits into a title; a cut text ends in
/// `…`.
pub(super) fn short(statement: &str) -> String {
    const MOST: usize = 80;
    if statement.chars().count() <= MOST {
        return statement.to_owned();
    }
    statement.chars().take(MOST - 1).collect::<String>() + "…"
}
