//! Text of the result of `observe` for the terminal.

use std::fmt::Write as _;

use bench_cli::table::{self, section};
use bench_cli::terminal_text::shortened;
use bench_report::names::postgres_tables::{blocking, connections, locks, running, statements};
use bench_report::names::{ColumnName, FigureName, TableName, postgres};
use bench_report::{EvidenceRow, Report, ServerEvidence};

/// Figures with the mean number of sessions in each activity other than idle, each with the name of
/// the activity in texts.
const AT_WORK: [(FigureName, &str); 6] = [
    (postgres::SESSIONS_CPU_MEAN, "on a CPU or waiting for one"),
    (postgres::SESSIONS_LOCK_MEAN, "waiting for a lock"),
    (
        postgres::SESSIONS_LWLOCK_MEAN,
        "waiting for an internal lock",
    ),
    (postgres::SESSIONS_IO_MEAN, "reading or writing files"),
    (postgres::SESSIONS_CLIENT_MEAN, "waiting for their client"),
    (
        postgres::SESSIONS_IDLE_IN_TRANSACTION_MEAN,
        "idle in a transaction",
    ),
];
/// Largest number of rows that the text shows of a table; the report has all of them.
const SHOWN: usize = 5;
/// Width of the text column in a table of 80 columns with three columns of figures.
const BESIDE_THREE: usize = 46;
/// Width of the text column in a table of 80 columns with two columns of figures.
const BESIDE_TWO: usize = 54;
/// Width of each of two text columns in a table of 80 columns.
const OF_TWO: usize = 32;

/// Returns the activity in which most of the sessions at work were, and their mean number. `None`
/// if that number is below 0.05.
pub(super) fn largest_wait(server: &ServerEvidence) -> Option<(&'static str, f64)> {
    let seen = AT_WORK
        .iter()
        .filter_map(|(figure, said)| Some((*said, server.value(*figure)?)));
    seen.max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, sessions)| *sessions >= 0.05)
}

/// Returns the headline, tables of at most 80 columns, and the reasons for missing evidence.
pub(super) fn render(report: &Report) -> String {
    let mut text = table::paragraph(&report.summary.headline, 0);
    let Some(server) = report.steps.first().and_then(|step| step.server.as_ref()) else {
        return text;
    };
    who_is_there(&mut text, server);
    what_takes_long(&mut text, server);
    if let Some(ratio) = server.value(postgres::DATABASE_CACHE_HIT_RATIO) {
        let _ = writeln!(text, "\nFound in shared buffers: {}", table::ratio(ratio));
    }
    let reasons = server.unavailable.iter();
    let reasons = reasons.map(|(what, reason)| format!("{what}: {reason}"));
    table::list(&mut text, "Not seen", reasons);
    text
}

/// Appends tables of connections, of locks and of blocking sessions to `text`; a table without rows is left
/// out.
fn who_is_there(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Connections",
        &["application, state", "mean", "most"],
        shown(server, connections::TABLE),
        |row| {
            let (application, state) = (
                label(row, connections::APPLICATION),
                label(row, connections::STATE),
            );
            vec![
                shortened(&format!("{application}, {state}"), BESIDE_TWO),
                number(row, connections::SESSIONS_MEAN),
                format!("{:.0}", figure(row, connections::SESSIONS_MAX)),
            ]
        },
    );
    section(
        text,
        "Locks that sessions wait for",
        &["kind", "waiting"],
        shown(server, locks::TABLE),
        |row| {
            vec![
                shortened(&label(row, locks::LOCK), BESIDE_TWO),
                number(row, locks::WAITING_MEAN),
            ]
        },
    );
    section(
        text,
        "Who holds up whom",
        &["waits", "is held up by", "at once"],
        shown(server, blocking::TABLE),
        |row| {
            vec![
                shortened(
                    &format!(
                        "{}: {}",
                        label(row, blocking::WAITING),
                        label(row, blocking::WAITING_STATEMENT)
                    ),
                    OF_TWO,
                ),
                shortened(
                    &format!(
                        "{}, {}: {}",
                        label(row, blocking::BLOCKING),
                        label(row, blocking::BLOCKING_STATE),
                        label(row, blocking::BLOCKING_STATEMENT)
                    ),
                    OF_TWO,
                ),
                number(row, blocking::WAITING_MEAN),
            ]
        },
    );
}

/// Appends tables of the statements that took most time, and of the longest running ones, to
/// `text`.
fn what_takes_long(text: &mut String, server: &ServerEvidence) {
    section(
        text,
        "Statements by time",
        &["", "calls", "mean", "time"],
        shown(server, statements::TABLE),
        |row| {
            vec![
                shortened(&label(row, statements::STATEMENT), BESIDE_THREE),
                format!("{:.0}", figure(row, statements::CALLS)),
                table::duration_ns(figure(row, statements::EXEC_MEAN_NS) as u64),
                table::duration_ns(figure(row, statements::EXEC_NS) as u64),
            ]
        },
    );
    section(
        text,
        "Longest seen",
        &["", "longest", "at once"],
        shown(server, running::TABLE),
        |row| {
            let (application, state) =
                (label(row, running::APPLICATION), label(row, running::STATE));
            let running = format!("{application}, {state}: {}", label(row, running::STATEMENT));
            vec![
                shortened(&running, BESIDE_TWO),
                table::duration_ns((figure(row, running::LONGEST_S) * 1e9) as u64),
                number(row, running::SESSIONS_MEAN),
            ]
        },
    );
}

/// Returns the rows of a table that the text shows.
fn shown(server: &ServerEvidence, table: TableName) -> impl Iterator<Item = &EvidenceRow> {
    let rows = server.rows(table).unwrap_or_default();
    rows.iter().take(SHOWN)
}

fn label(row: &EvidenceRow, column: ColumnName) -> String {
    let label = row.label(column).filter(|label| !label.is_empty());
    label.unwrap_or("(no name)").to_owned()
}

fn figure(row: &EvidenceRow, column: ColumnName) -> f64 {
    row.value(column).unwrap_or(f64::NAN)
}

fn number(row: &EvidenceRow, column: ColumnName) -> String {
    format!("{:.1}", figure(row, column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::PoolBenchCommand;
    use crate::golden;

    #[test]
    fn a_real_run_is_told_as_it_was() {
        let PoolBenchCommand::Observe(flags) = golden::command("observe") else {
            panic!("it names the scenario");
        };
        let report = golden::report("observe");
        let ns = serde_json::json!(flags.duration.as_nanos() as u64);
        assert_eq!(report.config["duration_ns"], ns);
        let text = render(&report);
        golden::assert_fits(&text);
        insta::assert_snapshot!(text);
    }

    /// Names that the analyzer does not read, each with the program that shows it.
    const UNREAD: &str = include_str!("../../../bottleneck-analyzer/unread-names.txt");

    /// Returns the text about tables with one row each. The cell `changed`, a table and a column, has another
    /// value than it has without a change.
    fn text_of(cells: &[(&str, &str)], changed: Option<(&str, &str)>) -> String {
        let mut report = golden::report("observe");
        let server = report.steps[0].server.as_mut().unwrap();
        server.tables.clear();
        for (table, column) in cells {
            let rows = server.tables.entry((*table).to_owned()).or_default();
            if rows.is_empty() {
                rows.push(EvidenceRow::new([], []));
            }
            let value = if changed == Some((table, column)) {
                7.0
            } else {
                3.0
            };
            let row = &mut rows[0];
            if column.ends_with("_mean") || column.ends_with("_max") || column.ends_with("_s") {
                row.figures.insert((*column).to_owned(), value);
            } else {
                row.labels
                    .insert((*column).to_owned(), format!("is {value}"));
            }
        }
        render(&report)
    }

    /// A column that the list says is shown here is one without which the text would be another.
    #[test]
    fn each_column_that_this_result_is_said_to_show_is_in_it() {
        let lines = UNREAD.lines().filter_map(|line| {
            let (place, rest) = line.strip_prefix("table ")?.split_once('\t')?;
            let (column, why) = rest.split_once('\t')?;
            (why == "shown: in the result of db-pool-bench observe").then_some((place, column))
        });
        let cells: Vec<(&str, &str)> = lines.collect();
        assert!(!cells.is_empty());
        let usual = text_of(&cells, None);
        for cell in &cells {
            assert_ne!(text_of(&cells, Some(*cell)), usual, "{cell:?} is not shown");
        }
    }
}
