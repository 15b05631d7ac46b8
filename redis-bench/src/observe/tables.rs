//! Tables of the result of `observe` for the terminal.

use std::fmt::Write as _;

use bench_cli::table::{self, section};
use bench_cli::terminal_text::shortened;
use bench_report::names::redis::{
    self, call_percentiles, clients, commands, key_hints, nodes, slow_calls,
};
use bench_report::names::{ColumnName, TableName};
use bench_report::{EvidenceRow, ServerEvidence};

use super::rates::is_own;

/// Largest number of rows that the text shows of a table; the report has all of them.
const SHOWN: usize = 8;
/// Largest number of columns that a text column takes on the terminal.
const LABEL: usize = 22;

/// Appends a table of the nodes of a cluster, those with most commands first, and the reason for each that
/// was not read.
pub(super) fn cluster_nodes(text: &mut String, server: &ServerEvidence) {
    let all = rows(server, nodes::TABLE);
    let is_read = |row: &&EvidenceRow| row.label(nodes::REASON).is_none();
    let seconds = |row: &EvidenceRow| row.value(nodes::INTERVAL_S).filter(|s| *s > 0.0);
    section(
        text,
        "Nodes",
        &["", "commands", "share", "busy", "sent", "slots"],
        all.iter().filter(is_read).take(SHOWN),
        |row| {
            let sent = row.value(nodes::NET_OUTPUT_BYTES).zip(seconds(row));
            let or_dash = |shown: Option<String>| shown.unwrap_or("–".to_owned());
            let slots = match row.label(nodes::ROLE) {
                Some("replica") => "replica".to_owned(),
                _ => count(row.value(nodes::SLOTS)),
            };
            vec![
                shortened(&label(row, nodes::NODE), LABEL),
                or_dash(row.value(nodes::CALLS_PER_S).map(table::rate)),
                or_dash(row.value(nodes::CALLS_RATIO).map(table::ratio)),
                or_dash(row.value(nodes::BUSY_RATIO).map(table::ratio)),
                or_dash(sent.map(|(sent, s)| format!("{}/s", table::bytes((sent / s) as u64)))),
                slots,
            ]
        },
    );
    let unread = all.iter().filter_map(|row| {
        let (node, role) = (row.label(nodes::NODE)?, row.label(nodes::ROLE)?);
        Some(format!("{node} ({role}), {}", row.label(nodes::REASON)?))
    });
    paragraph(
        text,
        "Nodes that were not read",
        &unread.collect::<Vec<_>>(),
    );
}

/// Appends a table of the commands that took most time. The longest call is an upper bound of its
/// class in the server's histogram.
pub(super) fn used_commands(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Commands by time",
        &["", "calls", "mean", "longest", "time", "failed", "refused"],
        shown(server, commands::TABLE),
        |row| {
            let (calls, usec) = (row.value(commands::CALLS), row.value(commands::USEC));
            let mean = calls.zip(usec).filter(|(calls, _)| *calls > 0.0);
            let longest = duration(row.value(commands::LONGEST_US));
            let longest = match longest.as_str() {
                "–" => longest,
                _ => format!("≤\u{a0}{longest}"),
            };
            let whose = if is_own(row) { " (this program)" } else { "" };
            vec![
                shortened(&format!("{}{whose}", label(row, commands::COMMAND)), LABEL),
                count(calls),
                duration(mean.map(|(calls, usec)| usec / calls)),
                longest,
                duration(usec),
                count(row.value(commands::FAILED_CALLS)),
                count(row.value(commands::REJECTED_CALLS)),
            ]
        },
    );
}

/// Appends a table of the percentiles that the server keeps since it started.
pub(super) fn lifetime_percentiles(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Time of a call since the server started",
        &["", "p50", "p99", "p99.9"],
        shown(server, call_percentiles::TABLE),
        |row| {
            vec![
                shortened(&label(row, call_percentiles::COMMAND), LABEL),
                duration(row.value(call_percentiles::P50_US)),
                duration(row.value(call_percentiles::P99_US)),
                duration(row.value(call_percentiles::P999_US)),
            ]
        },
    );
}

/// Appends a table of the calls in the slow log.
pub(super) fn slow_commands(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Slow calls",
        &["", "calls", "longest", "time", "arguments at most"],
        shown(server, slow_calls::TABLE),
        |row| {
            vec![
                shortened(&label(row, slow_calls::COMMAND), LABEL),
                count(row.value(slow_calls::CALLS)),
                duration(row.value(slow_calls::LONGEST_US)),
                duration(row.value(slow_calls::USEC)),
                count(row.value(slow_calls::ARGUMENTS_MAX)),
            ]
        },
    );
}

/// Appends a table of large, much used and slow keys, and how many were looked at.
pub(super) fn listed_keys(text: &mut String, server: &ServerEvidence) {
    let Some(sampled) = server.value(redis::KEYS_SAMPLED) else {
        return;
    };
    section(
        text,
        "Keys, masked after the prefix",
        &["", "why", "type, encoding", "size", "elements", "accesses"],
        shown(server, key_hints::TABLE),
        |row| {
            let (kind, encoding) = (label(row, key_hints::TYPE), label(row, key_hints::ENCODING));
            let why = match row.label(key_hints::COMMAND) {
                Some(command) => format!("slow {command}"),
                None => label(row, key_hints::WHY),
            };
            vec![
                shortened(&label(row, key_hints::KEY), LABEL),
                shortened(&why, LABEL),
                shortened(&format!("{kind}, {encoding}"), LABEL),
                bytes(row.value(key_hints::BYTES)),
                count(row.value(key_hints::ELEMENTS)),
                count(row.value(key_hints::FREQUENCY)),
            ]
        },
    );
    paragraph(text, "Keys sampled", &[format!("{sampled:.0}")]);
}

/// Appends a table of the clients that cost the server more than their commands do.
pub(super) fn special_clients(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Clients that follow, wait or do not read",
        &["kind, name", "host", "last command", "clients", "unread"],
        shown(server, clients::TABLE),
        |row| {
            let name = label(row, clients::NAME);
            let (kind, host) = (label(row, clients::KIND), label(row, clients::ADDRESS));
            let named = if name.is_empty() {
                kind
            } else {
                format!("{kind}, {name}")
            };
            let unread = row.value(clients::OUTPUT_BYTES);
            vec![
                shortened(&named, LABEL),
                shortened(&host, LABEL),
                label(row, clients::COMMAND),
                count(row.value(clients::CLIENTS)),
                bytes(unread),
            ]
        },
    );
}

fn label(row: &EvidenceRow, column: ColumnName) -> String {
    row.label(column).unwrap_or_default().to_owned()
}

fn count(count: Option<f64>) -> String {
    count.map_or("–".to_owned(), |count| format!("{count:.0}"))
}

fn bytes(bytes: Option<f64>) -> String {
    bytes.map_or("–".to_owned(), |bytes| table::bytes(bytes as u64))
}

/// Appends a paragraph with a title and `parts`, unless there are none.
pub(super) fn paragraph(text: &mut String, title: &str, parts: &[String]) {
    if !parts.is_empty() {
        let line = format!("{title}: {}", parts.join("; "));
        let _ = write!(text, "\n{}", table::paragraph(&line, 0));
    }
}

/// Returns the rows of a table that the text shows.
fn shown(server: &ServerEvidence, table: TableName) -> impl Iterator<Item = &EvidenceRow> {
    rows(server, table).iter().take(SHOWN)
}

pub(super) fn rows(server: &ServerEvidence, table: TableName) -> &[EvidenceRow] {
    server.rows(table).unwrap_or_default()
}

/// Returns a number of microseconds as text.
pub(super) fn duration(us: Option<f64>) -> String {
    us.map_or("–".to_owned(), |us| table::duration_ns((us * 1e3) as u64))
}
