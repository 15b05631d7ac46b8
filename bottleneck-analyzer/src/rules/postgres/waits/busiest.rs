//! Statement and table that do most of the work behind a wait: reading pages, writing the log, growing a table.

use bench_report::names::postgres::{STATEMENTS_CALLS, STATEMENTS_ROWS};
use bench_report::names::postgres_tables::tables as columns;
use bench_report::names::{ColumnName, postgres_tables};

use super::wait_group::WaitGroup;
use crate::assessment::{EvidenceItem, Rule};
use crate::figures::{counted, plain};
use crate::postgres::{CitedRow, PostgresEvidence};
use crate::rules::postgres::statement_work::{self, LOG, READS};

/// Sentences, each with a space before it, and their evidence.
type Told = (String, Vec<EvidenceItem>);

/// Smallest share of the pages read, or of the rows inserted, at which a table is named.
const MOST: f64 = 0.50;

/// Returns what does most of the work behind the waits of `group`; empty if that is not known.
pub(super) fn told(server: &PostgresEvidence<'_>, group: &WaitGroup) -> Told {
    match group.rule() {
        Rule::ReadWaits => {
            let (mut text, mut evidence) = statement_work::told(READS, server);
            let table = by_share(
                server,
                columns::BLOCKS_READ,
                "Most pages are read from table",
            );
            text += &table.0;
            evidence.extend(table.1);
            (text, evidence)
        }
        Rule::CommitWaits => statement_work::told(LOG, server),
        Rule::ClientWaits if group.has("client.clientwrite") => rows_sent(server),
        _ if group.has("lock.extend") || group.has("io.datafileextend") => by_share(
            server,
            columns::INSERTED,
            "Most rows are inserted into table",
        ),
        _ if group.has("lwlock.buffercontent") => small_table(server),
        _ => Told::default(),
    }
}

/// Returns a sentence about the table with most of `column`, if that is half of all tables' or more.
fn by_share(server: &PostgresEvidence<'_>, column: ColumnName, words: &str) -> Told {
    let rows = server.rows(postgres_tables::tables::TABLE);
    let figure = |row: &CitedRow<'_>| row.count(column.as_str());
    let all: f64 = rows.iter().map(figure).sum();
    let most = rows.iter().max_by(|a, b| figure(a).total_cmp(&figure(b)));
    let Some(row) = most.filter(|row| figure(row) > 0.0 && figure(row) >= MOST * all) else {
        return Told::default();
    };
    let relation = row.label("relation");
    let label = format!("{relation}: {}", column.as_str().replace('_', " "));
    let sentence = format!(" {words} {relation}: {}.", plain(figure(row)));
    let evidence = row.evidence(label, column.as_str());
    (sentence, evidence.into_iter().collect())
}

/// Returns a sentence about the table with most updates for each of its pages: its pages are changed by all
/// sessions at once. Empty if no table has more updates than pages.
fn small_table(server: &PostgresEvidence<'_>) -> Told {
    let updates = |row: &CitedRow<'_>| {
        let pages = row.figure(columns::PAGES.as_str())?;
        Some(row.count(columns::UPDATED.as_str()) / pages.max(1.0))
    };
    let rows = server.rows(postgres_tables::tables::TABLE);
    let most = rows
        .iter()
        .filter_map(|row| Some((row, updates(row).filter(|each| *each > 1.0)?)));
    let Some((row, _)) = most.max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return by_share(
            server,
            columns::INSERTED,
            "Most rows are inserted into table",
        );
    };
    let relation = row.label("relation");
    let sentence = format!(
        " Table {relation} has {}, in which {} rows were updated.",
        counted(row.count(columns::PAGES.as_str()), "page"),
        plain(row.count(columns::UPDATED.as_str()))
    );
    let figures = [
        ("pages", columns::PAGES),
        ("rows updated", columns::UPDATED),
    ];
    let evidence = figures
        .map(|(label, column)| row.evidence(format!("{relation}: {label}"), column.as_str()));
    (sentence, evidence.into_iter().flatten().collect())
}

/// Returns a sentence about the rows that the server sends for each statement.
fn rows_sent(server: &PostgresEvidence<'_>) -> Told {
    let rows = server.figure(STATEMENTS_ROWS);
    let calls = server.figure(STATEMENTS_CALLS).filter(|calls| *calls > 0.0);
    let Some((rows, calls)) = rows.zip(calls) else {
        return Told::default();
    };
    let sentence = format!(
        " A statement returns or changes {} rows on average.",
        plain(rows / calls)
    );
    let evidence = [STATEMENTS_ROWS, STATEMENTS_CALLS].map(|name| server.evidence(name));
    (sentence, evidence.into_iter().flatten().collect())
}
