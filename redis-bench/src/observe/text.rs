//! Text of the result of `observe` for the terminal.

use std::fmt::Write as _;

use bench_cli::table::{self, Table};
use bench_report::names::redis::{self, clients, commands, nodes, slow_calls};
use bench_report::names::{ColumnName, TableName, summaries};
use bench_report::{EvidenceRow, Report, ServerEvidence, Step, Summary};

use super::rates::is_own;
use crate::evidence::{ThreadTime, disturbances};

/// Largest number of rows that the text shows of a table; the report has all of them.
const SHOWN: usize = 8;
/// Largest width in characters of a text column.
const LABEL: usize = 22;

/// Computes headline and figures from the steps of a run, of which there is at most one.
pub(super) fn summary(steps: &[Step]) -> Summary {
    let mut summary = Summary::default();
    let Some(server) = steps.first().and_then(|step| step.server.as_ref()) else {
        "Nothing was seen.".clone_into(&mut summary.headline);
        return summary;
    };
    if let Some(ratio) = server.value(redis::KEYSPACE_HIT_RATIO) {
        summary.figure(summaries::SERVER_HIT_RATIO, ratio);
    }
    summary.headline = headline(server);
    summary
}

/// Returns throughput, use of the main thread, hits, clients and memory, as far as they are known.
fn headline(server: &ServerEvidence) -> String {
    let rate = server.value(redis::COMMANDS_PER_S);
    let rate = rate.map_or("throughput not known".to_owned(), |rate| {
        format!("{} commands", table::rate(rate))
    });
    let busy = match server.value(redis::MAIN_THREAD_BUSY_RATIO) {
        Some(busy) => Some(format!("main thread busy {}", table::ratio(busy))),
        // Only a lower bound is known, if anything.
        None => ThreadTime::of(server)
            .map(|time| format!("main thread busy at least {}", table::ratio(time.busy))),
    };
    let hits = server.value(redis::KEYSPACE_HIT_RATIO);
    let hits = hits.map(|ratio| format!("{} of reads hit", table::ratio(ratio)));
    let sent = server.value(redis::NET_OUTPUT_BYTES_PER_S);
    let sent = sent.map(|bytes| format!("{}/s sent", table::bytes(bytes as u64)));
    let clients = server.value(redis::CONNECTED_CLIENTS_MAX).map(|most| {
        let limit = server.value(redis::MAXCLIENTS);
        let of = limit.map_or_else(String::new, |limit| format!(" of {limit:.0}"));
        format!("{most:.0}{of} clients at most")
    });
    let memory = server.value(redis::USED_MEMORY_BYTES).map(|used| {
        let limit = server.value(redis::MAXMEMORY_BYTES).filter(|l| *l > 0.0);
        let of = limit.map_or_else(String::new, |l| format!(" of {}", table::bytes(l as u64)));
        format!("{}{of} of memory", table::bytes(used as u64))
    });
    let parts = [Some(rate), busy, hits, sent, clients, memory];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns the headline, tables of at most 80 columns, events, and the reasons for missing evidence.
pub(super) fn render(report: &Report) -> String {
    let mut text = table::paragraph(&report.summary.headline, 0);
    let Some(step) = report.steps.first() else {
        return text;
    };
    let Some(server) = &step.server else {
        return text;
    };
    cluster_nodes(&mut text, server);
    used_commands(&mut text, server);
    slow_commands(&mut text, server);
    special_clients(&mut text, server);
    keys_gone(&mut text, server);
    let errors = server.figures.iter().filter_map(|(name, count)| {
        let code = redis::ERRORS.member(name)?;
        Some(format!("{count:.0} {code}"))
    });
    paragraph(&mut text, "Error answers", &errors.collect::<Vec<_>>());
    paragraph(&mut text, "Events", &disturbances(step));
    if !server.unavailable.is_empty() {
        text.push_str("\nNot seen\n");
        for (what, reason) in &server.unavailable {
            text.push_str(&table::paragraph(&format!("{what}: {reason}"), 2));
        }
    }
    text
}

/// Appends a table of the nodes of a cluster, those with most commands first, and the reason for each that
/// was not read.
fn cluster_nodes(text: &mut String, server: &ServerEvidence) {
    let all = rows(server, nodes::TABLE);
    let is_read = |row: &&EvidenceRow| row.label(nodes::REASON).is_none();
    let read: Vec<EvidenceRow> = all.iter().filter(is_read).cloned().collect();
    let seconds = |row: &EvidenceRow| row.value(nodes::INTERVAL_S).filter(|s| *s > 0.0);
    section(
        text,
        "Nodes",
        &["", "commands", "share", "busy", "sent", "slots"],
        &read,
        |row| {
            let sent = row.value(nodes::NET_OUTPUT_BYTES).zip(seconds(row));
            let or_dash = |shown: Option<String>| shown.unwrap_or("–".to_owned());
            let slots = match row.label(nodes::ROLE) {
                Some("replica") => "replica".to_owned(),
                _ => count(row.value(nodes::SLOTS)),
            };
            vec![
                truncate(&label(row, nodes::NODE)),
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
fn used_commands(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Commands by time",
        &["", "calls", "mean", "longest", "time", "failed", "refused"],
        rows(server, commands::TABLE),
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
                truncate(&format!("{}{whose}", label(row, commands::COMMAND))),
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

/// Appends a table of the calls in the slow log.
fn slow_commands(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Slow calls",
        &["", "calls", "longest", "time", "arguments at most"],
        rows(server, slow_calls::TABLE),
        |row| {
            vec![
                truncate(&label(row, slow_calls::COMMAND)),
                count(row.value(slow_calls::CALLS)),
                duration(row.value(slow_calls::LONGEST_US)),
                duration(row.value(slow_calls::USEC)),
                count(row.value(slow_calls::ARGUMENTS_MAX)),
            ]
        },
    );
}

/// Appends a table of the clients that cost the server more than their commands do.
fn special_clients(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Clients that follow, wait or do not read",
        &["kind, name", "host", "last command", "clients", "unread"],
        rows(server, clients::TABLE),
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
                truncate(&named),
                truncate(&host),
                label(row, clients::COMMAND),
                count(row.value(clients::CLIENTS)),
                bytes(unread),
            ]
        },
    );
}

/// Appends the rates at which keys expired and were evicted, as far as they are known and not 0.
fn keys_gone(text: &mut String, server: &ServerEvidence) {
    let rates = [
        (redis::EXPIRED_KEYS_PER_S, "expired"),
        (redis::EVICTED_KEYS_PER_S, "evicted"),
    ];
    let told = rates.iter().filter_map(|(figure, what)| {
        let rate = server.value(*figure).filter(|rate| *rate > 0.0)?;
        Some(format!("{} {what}", table::rate(rate)))
    });
    paragraph(text, "Keys", &told.collect::<Vec<_>>());
}

/// Appends a paragraph with a title and `parts`, unless there are none.
fn paragraph(text: &mut String, title: &str, parts: &[String]) {
    if !parts.is_empty() {
        let line = format!("{title}: {}", parts.join("; "));
        let _ = write!(text, "\n{}", table::paragraph(&line, 0));
    }
}

fn rows(server: &ServerEvidence, table: TableName) -> &[EvidenceRow] {
    server.rows(table).unwrap_or_default()
}

fn section(
    text: &mut String,
    title: &str,
    header: &[&str],
    rows: &[EvidenceRow],
    cells: impl Fn(&EvidenceRow) -> Vec<String>,
) {
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new(header);
    for row in rows.iter().take(SHOWN) {
        table.row(&cells(row));
    }
    let _ = write!(text, "\n{title}\n{table}");
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

/// Returns a number of microseconds as text.
fn duration(us: Option<f64>) -> String {
    us.map_or("–".to_owned(), |us| table::duration_ns((us * 1e3) as u64))
}

/// Shortens `text` to 22 characters, the last of which is then an ellipsis.
fn truncate(text: &str) -> String {
    match text.char_indices().nth(LABEL - 1) {
        Some((end, _)) if text.chars().count() > LABEL => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bench_report::names::{self, FigureName};

    use super::*;

    /// Report of a real run, beside a cache, a script with `KEYS` and a snapshot.
    fn golden() -> Report {
        serde_json::from_str(include_str!(
            "../../../crates/bench-report/tests/golden/redis-bench.observe-1.json"
        ))
        .unwrap()
    }

    #[test]
    fn a_real_result_is_shown_whole_and_fits_the_terminal() {
        let report = golden();
        assert_eq!(summary(&report.steps), report.summary);
        let shown = render(&report);
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line:?}");
        }
        for part in [
            "8.49 k/s commands, main thread busy 13.5 %, 78.7 % of reads hit",
            " eval                     1   283 ms",
            " info (this program)    190",
            "Slow calls",
            "Keys: 544/s expired",
            "Events: a snapshot for 306 ms",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("Not seen"), "{shown}");
    }

    #[test]
    fn the_registry_has_all_figures_of_a_real_result() {
        let report = golden();
        let server = report.steps[0].server.as_ref().unwrap();
        for name in server.figures.keys() {
            assert!(names::find(names::Place::Server, name).is_some(), "{name}");
        }
    }

    /// Names that the analyzer does not read, each with the program that shows it.
    const UNREAD: &str = include_str!("../../../bottleneck-analyzer/unread-names.txt");

    /// A figure that the list says is shown here is one without which the text would be another.
    #[test]
    fn each_figure_that_this_result_is_said_to_show_is_in_it() {
        let known: [FigureName; 6] = [
            redis::COMMANDS_PER_S,
            redis::MAIN_THREAD_BUSY_RATIO,
            redis::KEYSPACE_HIT_RATIO,
            redis::EXPIRED_KEYS_PER_S,
            redis::EVICTED_KEYS_PER_S,
            redis::NET_OUTPUT_BYTES_PER_S,
        ];
        let of = |name: FigureName, value: f64| {
            let mut report = golden();
            let server = report.steps[0].server.as_mut().unwrap();
            server.figure(name, value);
            report.summary = summary(&report.steps);
            render(&report)
        };
        for name in known {
            let line = format!("server\t{name}\tshown: in the result of redis-bench observe");
            assert!(UNREAD.lines().any(|known| known == line), "{line}");
            assert_ne!(of(name, 3.0), of(name, 7.0), "{name} is not shown");
        }
    }

    #[test]
    fn a_server_of_which_nothing_was_read_has_no_throughput_of_nought() {
        let away = ServerEvidence::unavailable("info", "no answer");
        assert_eq!(headline(&away), "throughput not known");
        let mut busy = ServerEvidence::default();
        for (name, value) in [
            (redis::INTERVAL_S, 2.0),
            (redis::COMMANDS_PER_S, 48_200.0),
            (redis::EVENTLOOP_COMMANDS_US, 0.5e6),
            (redis::IO_THREADS_ACTIVE, 1.0),
            (redis::MAXMEMORY_BYTES, 0.0),
            (redis::USED_MEMORY_BYTES, 2.0 * 1_048_576.0),
            (redis::CONNECTED_CLIENTS_MAX, 52.0),
            (redis::MAXCLIENTS, 10_000.0),
        ] {
            busy.figure(name, value);
        }
        assert_eq!(
            headline(&busy),
            "48.2 k/s commands, main thread busy at least 25.0 %, 52 of 10000 clients at most, \
             2.00 MiB of memory"
        );
    }

    /// The widest values that the tables can have, but for figures beyond any server.
    #[test]
    fn tables_fit_80_columns() {
        let long = "x".repeat(60);
        let mut server = ServerEvidence::default();
        let row = EvidenceRow::new(
            [
                (commands::COMMAND, long.clone()),
                (commands::WHOSE, "bench".to_owned()),
            ],
            [
                (commands::CALLS, 12_345_678.0),
                (commands::USEC, 59e6),
                (commands::LONGEST_US, 131_072.0),
                (commands::FAILED_CALLS, 123.0),
            ],
        );
        server.table(commands::TABLE, vec![row]);
        let row = EvidenceRow::new(
            [
                (clients::KIND, "slow reader".to_owned()),
                (clients::NAME, long.clone()),
                (clients::ADDRESS, long),
                (clients::COMMAND, "lrange".to_owned()),
            ],
            [(clients::CLIENTS, 1.0), (clients::OUTPUT_BYTES, 9e6)],
        );
        server.table(clients::TABLE, vec![row]);
        let mut text = String::new();
        used_commands(&mut text, &server);
        special_clients(&mut text, &server);
        let lines = text.lines();
        assert!(lines.clone().count() >= 6, "{text}");
        assert!(lines.clone().all(|l| l.chars().count() <= 80), "{text}");
    }
}
