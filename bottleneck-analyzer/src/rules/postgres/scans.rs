//! Rule `sequential_scans`: tables, or indexes, that are read whole because no index fits the condition.
//!
//! Fires if 10 scans or more read 10,000 rows or more each, a statement with a WHERE keeps at most a
//! hundredth of them, and reading takes a tenth of the service time. A statement that returns an aggregate does
//! not tell how many rows it keeps: if it compares a column with a value by `=`, few are likely (medium
//! confidence), else that is an open question. Reads the tables `tables`, `statements` and
//! `waiting_statements`, or `database.rows_returned` ÷ `database.commits` if scans were not counted for each
//! table. The cost is the reading time of a call × the statement's share of it × (1 − kept share).

use super::index_advice::{self, FittingIndex};
use super::kept_rows::{self, KeptRows};
use super::statements::{self, LoadStatement, running_ns, short};
use crate::assessment::{Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{plain, share};
use crate::own_time::CausePart;
use crate::postgres::CitedRow;
use bench_report::names;
use bench_report::names::postgres_tables;

const RULE: Rule = Rule::SequentialScans;
/// Smallest number of rows read by a scan at which an index would help.
const LEAST_ROWS: f64 = 10_000.0;
const LEAST_SCANS: f64 = 10.0;
/// Smallest share of the service time at which a scan is a finding.
const LEAST_SHARE: f64 = 0.10;

/// Smallest ratio of entries read by an index scan ÷ rows of the table at which the index counts as
/// read whole.
const WHOLE: f64 = 0.9;

/// Table, or index of a table, that statements read whole again and again.
struct WholeScan {
    relation: String,
    /// True if an index is read whole and not the table itself.
    is_of_index: bool,
    scans: f64,
    rows: f64,
    evidence: Vec<EvidenceItem>,
}

impl WholeScan {
    /// Returns the beginning of the finding's title, without the figures. `index` is an index that the
    /// condition could use.
    fn what(&self, index: Option<&FittingIndex<'_>>) -> String {
        let relation = &self.relation;
        match index {
            _ if self.is_of_index => {
                format!("An index of {relation} is read whole: none serves the condition")
            }
            None => format!("Table {relation} is read whole, because no index fits"),
            Some(index) => format!(
                "Table {relation} is read whole although index {} is there",
                index.name()
            ),
        }
    }
}

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let statements = statements::of_load(&repeat.server).unwrap_or_default();
    match repeat.server.table(postgres_tables::tables::TABLE) {
        Some(tables) => by_table(repeat, &tables, &statements),
        None => by_counters(repeat, &statements),
    }
}

fn by_table(
    repeat: &RepeatFacts<'_, '_>,
    tables: &[CitedRow<'_>],
    statements: &[LoadStatement<'_>],
) -> Vec<CheckResult> {
    let mut results: Vec<CheckResult> = tables
        .iter()
        .filter_map(|row| scan_of(row).or_else(|| index_scan_of(row)))
        .filter_map(|scan| judge(repeat, &scan, statements))
        .collect();
    if results.is_empty() {
        let evidence = tables
            .iter()
            .filter_map(|r| r.evidence("whole scans", "seq_scan"));
        let statement = "no large table is read whole, time and again".to_owned();
        results.push(CheckResult::Fine(
            RULE,
            statement,
            evidence.take(2).collect(),
        ));
    }
    results
}

fn scan_of(row: &CitedRow<'_>) -> Option<WholeScan> {
    let (scans, read) = (row.count("seq_scan"), row.count("seq_tup_read"));
    let rows = read / scans.max(1.0);
    let large = scans >= LEAST_SCANS && rows >= LEAST_ROWS;
    let evidence = [
        ("whole scans", "seq_scan"),
        ("rows read by them", "seq_tup_read"),
        ("pages of the table", "pages"),
    ];
    let relation = row.label("relation");
    large.then(|| WholeScan {
        relation: relation.to_owned(),
        is_of_index: false,
        scans,
        rows,
        evidence: evidence
            .into_iter()
            .filter_map(|(label, name)| row.evidence(label, name))
            .collect(),
    })
}

/// Finds an index that is read whole because the condition is on the result of a cast or a
/// function. The server does not count this as a scan of the whole table. `None` if the indexes of
/// the table in `row` are not read whole.
fn index_scan_of(row: &CitedRow<'_>) -> Option<WholeScan> {
    let (scans, read) = (row.count("idx_scan"), row.count("idx_entries_read"));
    let rows = read / scans.max(1.0);
    let whole = rows >= WHOLE * row.figure("rows_estimated")?;
    let relation = row.label("relation");
    (whole && scans >= LEAST_SCANS && rows >= LEAST_ROWS).then(|| WholeScan {
        relation: relation.to_owned(),
        is_of_index: true,
        scans,
        rows,
        evidence: [
            ("scans of its indexes", "idx_scan"),
            ("entries read by them", "idx_entries_read"),
        ]
        .into_iter()
        .filter_map(|(label, name)| row.evidence(label, name))
        .collect(),
    })
}

/// Returns the result of a scan and names the statement that causes it: one that names the table and
/// returns few of the rows. `None` if statements were counted and none fits.
fn judge(
    repeat: &RepeatFacts<'_, '_>,
    scan: &WholeScan,
    statements: &[LoadStatement<'_>],
) -> Option<CheckResult> {
    let relation = Some(scan.relation.as_str());
    let found = reads_most(statements, scan.rows, relation);
    // If statements were not counted, no statement can be found, and the result names only the table.
    if found.is_none() && !statements.is_empty() {
        return None;
    }
    let kept = KeptRows::of(found, scan.rows, relation);
    Some(kept.result(repeat, cost(repeat, scan, found, kept)))
}

/// Returns the statement that takes most of the reading time, of those that return few of the `rows_read` rows
/// of a scan and name the table `relation`, if that is known. `None` if there is none.
fn reads_most<'s, 'a>(
    statements: &'s [LoadStatement<'a>],
    rows_read: f64,
    relation: Option<&str>,
) -> Option<&'s LoadStatement<'a>> {
    let fits = |statement: &&LoadStatement<'_>| {
        let is_on_it = relation.is_none_or(|relation| statement.names(relation));
        is_on_it && kept_rows::returns_few(statement, rows_read)
    };
    // `max_by` returns the last of equal statements; reversed, it is the first.
    let fitting = statements.iter().filter(fits).rev();
    fitting.max_by(|a, b| a.reading_share.total_cmp(&b.reading_share))
}

/// Returns the cost of a scan that the statement `found` causes, if it is known.
fn cost(
    repeat: &RepeatFacts<'_, '_>,
    scan: &WholeScan,
    found: Option<&LoadStatement<'_>>,
    kept: KeptRows,
) -> CauseCost {
    let part = found.map_or(1.0, |s| s.reading_share);
    let statement = found.map_or(String::new(), |s| format!("; {}", short(s.text())));
    let server = &repeat.server;
    let index = found.and_then(|s| FittingIndex::find(server, &scan.relation, s.text()));
    let mut evidence = scan.evidence.clone();
    evidence.extend(index.iter().flat_map(FittingIndex::evidence));
    evidence.extend(found.iter().flat_map(|s| s.time_evidence(server)));
    let told = found.filter(|_| kept.computed().is_some());
    evidence.extend(told.iter().flat_map(|s| s.rows_evidence()));
    evidence.extend(repeat.server.evidence(names::postgres::SESSIONS_CPU_MEAN));
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing(&scan.relation)],
        thing: format!("{}{statement}", scan.relation),
        own_ns: reading_ns(repeat) * part * (1.0 - kept.share()),
        least: LEAST_SHARE,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: kept.computed().into_iter().collect(),
        title: format!(
            "{} ({} rows for each of {} scans{statement})",
            scan.what(index.as_ref()),
            plain(scan.rows.round()),
            plain(scan.scans)
        ),
        detail: format!(
            "{} The statement takes {} of the time of all statements.",
            kept.sentence(),
            share(found.map_or(1.0, |s| s.share))
        ),
        evidence,
        actions: index_advice::actions(
            server,
            &scan.relation,
            found.map_or("", |s| s.text()),
            index.as_ref(),
        ),
        rationale: "an index finds the few rows without reading the others".to_owned(),
        restart: false,
    }
}

/// Returns the mean time of a call spent on reading rows, in nanoseconds: CPU time, and waits for
/// pages that were not in memory.
pub(super) fn reading_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    running_ns(repeat) + repeat.model.sum_of("io.datafileread") + repeat.model.sum_of("io.aio")
}

/// Checks the number of rows that the whole database read per transaction, for reports without
/// figures for each table.
fn by_counters(repeat: &RepeatFacts<'_, '_>, statements: &[LoadStatement<'_>]) -> Vec<CheckResult> {
    let server = &repeat.server;
    let (Some(read), Some(commits)) = (
        server.figure(names::postgres::DATABASE_ROWS_RETURNED),
        server.figure(names::postgres::DATABASE_COMMITS),
    ) else {
        return vec![unknown()];
    };
    let rows = read / commits.max(1.0);
    let evidence: Vec<_> = server
        .evidence(names::postgres::DATABASE_ROWS_RETURNED)
        .into_iter()
        .collect();
    if rows < LEAST_ROWS {
        let statement = format!("rows read for each transaction: {}", plain(rows.round()));
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    let scan = WholeScan {
        relation: "not named in the report".to_owned(),
        is_of_index: false,
        scans: commits,
        rows,
        evidence,
    };
    let Some(found) = reads_most(statements, rows, None) else {
        return vec![unknown()];
    };
    let kept = KeptRows::of(Some(found), rows, None);
    vec![kept.result(repeat, cost_by_counters(repeat, &scan, found, kept))]
}

/// Returns the cost of the rows that the statement `found` reads, for reports without figures for
/// each table.
fn cost_by_counters(
    repeat: &RepeatFacts<'_, '_>,
    scan: &WholeScan,
    found: &LoadStatement<'_>,
    kept: KeptRows,
) -> CauseCost {
    let mut evidence = scan.evidence.clone();
    evidence.extend(found.time_evidence(&repeat.server));
    if kept.computed().is_some() {
        evidence.extend(found.rows_evidence());
    }
    let delete = found.text().to_lowercase().starts_with("delete");
    let (what, action) = if delete {
        (
            "Rows are read whole at each DELETE: no index on the WHERE, or on a foreign key's child",
            "index the child's column of each foreign key that points to the table",
        )
    } else {
        (
            "A table is read whole, because no index fits",
            "CREATE INDEX CONCURRENTLY on the columns that the WHERE compares",
        )
    };
    CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("database")],
        thing: short(found.text()),
        own_ns: reading_ns(repeat) * found.reading_share * (1.0 - kept.share()),
        least: LEAST_SHARE,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: kept.computed().into_iter().collect(),
        title: format!(
            "{what} ({} rows read for each transaction; {})",
            plain(scan.rows.round()),
            short(found.text())
        ),
        detail: format!(
            "{} The statement takes {} of the time of all statements.",
            kept.sentence(),
            share(found.share)
        ),
        evidence,
        actions: vec![
            action.to_owned(),
            "see the plan: EXPLAIN (ANALYZE, BUFFERS)".to_owned(),
        ],
        rationale: "an index finds the few rows without reading the others".to_owned(),
        restart: false,
    }
}

fn unknown() -> CheckResult {
    CheckResult::Unknown(
        RULE,
        "whether tables are read whole because no index fits: scans by table were not counted"
            .to_owned(),
        "a role that may read pg_stat_user_tables, and pg_stat_statements".to_owned(),
    )
}
