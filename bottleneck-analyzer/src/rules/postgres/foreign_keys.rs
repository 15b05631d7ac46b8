//! Rule `unindexed_foreign_key`: a foreign key without an index on its column in the child table.
//!
//! Fires if 20 rows of the parent table or more were deleted or updated, and the child table was read whole
//! about as often, with 1,000 rows or more each time. Reads the tables `unindexed_foreign_keys` and `tables`.
//! The cost is the reading time of a call × the share of the statement that changes the parent table. Unknown
//! without the tables, or if their counters were reset during the step.

use super::scans::reading_ns;
use super::statements::{self, short};
use crate::assessment::{Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::plain;
use crate::own_time::CausePart;
use crate::postgres::CitedRow;
use bench_report::names::postgres_tables;

const RULE: Rule = Rule::UnindexedForeignKey;
const LEAST_DELETES: f64 = 20.0;
const LEAST_ROWS: f64 = 1_000.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let (Some(keys), Some(tables)) = (
        server.table(postgres_tables::unindexed_foreign_keys::TABLE),
        server.table(postgres_tables::tables::TABLE),
    ) else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether deletes of a parent read a whole child table: foreign keys or the counters of tables were \
             not read, or the counters were reset during the step"
                .to_owned(),
            "a role that may read pg_stat_user_tables, and no reset during the step".to_owned(),
        )];
    };
    let named = |name: &str| tables.iter().find(|t| t.label("relation") == name);
    let mut results: Vec<CheckResult> = keys
        .iter()
        .filter_map(|key| {
            let (child, parent) = (named(key.label("child"))?, named(key.label("parent"))?);
            cost(repeat, key, child, parent)
        })
        .map(CheckResult::Cost)
        .collect();
    if results.is_empty() {
        let statement = "no delete of a parent reads a whole child table".to_owned();
        results.push(CheckResult::Fine(RULE, statement, Vec::new()));
    }
    results
}

fn cost(
    repeat: &RepeatFacts<'_, '_>,
    key: &CitedRow<'_>,
    child: &CitedRow<'_>,
    parent: &CitedRow<'_>,
) -> Option<CauseCost> {
    let scans = child.count("seq_scan");
    let rows = child.count("seq_tup_read") / scans.max(1.0);
    if rows < LEAST_ROWS || !scanned_for_parents(scans, parent) {
        return None;
    }
    let (child_name, columns) = (key.label("child"), key.label("columns"));
    let all = statements::of_load(&repeat.server).unwrap_or_default();
    let found = all.iter().find(|s| {
        let text = s.text().to_lowercase();
        let changes = text.starts_with("delete") || text.starts_with("update");
        changes && s.names(key.label("parent"))
    });
    let part = found.map_or(1.0, |s| s.reading_share);
    let statement = found.map_or(String::new(), |s| format!("; {}", short(s.text())));
    Some(CauseCost {
        rule: RULE,
        key: vec![CausePart::thing(format!("{child_name}.{columns}"))],
        thing: format!("{child_name} ({columns})"),
        own_ns: reading_ns(repeat) * part,
        least: 0.10,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: format!(
            "The foreign key {child_name} ({columns}) has no index: PostgreSQL reads the whole table for \
             each parent row that is {}{statement}",
            changed_words(parent)
        ),
        detail: format!(
            "{} rows of {child_name} are read at each of {} scans; in {} {}.",
            plain(rows.round()),
            plain(scans),
            key.label("parent"),
            changes(parent)
        ),
        evidence: evidence(child, parent),
        actions: vec![format!(
            "CREATE INDEX CONCURRENTLY ON {child_name} ({columns})"
        )],
        rationale: "before a parent row goes, the server looks for rows that refer to it"
            .to_owned(),
        restart: false,
    })
}

/// Says what happened to the rows of the parent table: `deleted`, `updated`, or both.
fn changed_words(parent: &CitedRow<'_>) -> &'static str {
    match (parent.count("deleted") > 0.0, parent.count("updated") > 0.0) {
        (false, _) => "updated",
        (true, false) => "deleted",
        (true, true) => "deleted or updated",
    }
}

/// Counts the changes of the parent table, as the end of a sentence: `20 rows were deleted and 5 updated`.
fn changes(parent: &CitedRow<'_>) -> String {
    let (deleted, updated) = (parent.count("deleted"), parent.count("updated"));
    match (deleted > 0.0, updated > 0.0) {
        (false, _) => format!("{} rows were updated", plain(updated)),
        (true, false) => format!("{} rows were deleted", plain(deleted)),
        (true, true) => format!(
            "{} rows were deleted and {} updated",
            plain(deleted),
            plain(updated)
        ),
    }
}

/// Returns true if enough rows of the parent table were changed, and the child table was read whole
/// about as often: `scans` times.
fn scanned_for_parents(scans: f64, parent: &CitedRow<'_>) -> bool {
    let deleted = parent.count("deleted");
    let changed = deleted + parent.count("updated");
    let matching = scans >= 0.5 * deleted.max(1.0) && scans <= 2.0 * changed.max(1.0);
    deleted.max(changed) >= LEAST_DELETES && matching
}

/// Returns, as evidence, the number of whole reads of the child table, the rows read by them, and
/// the numbers of deletes and updates of the parent table.
fn evidence(child: &CitedRow<'_>, parent: &CitedRow<'_>) -> Vec<EvidenceItem> {
    let figures = [
        child.evidence("whole scans of the child", "seq_scan"),
        child.evidence("rows read by them", "seq_tup_read"),
        parent.evidence("parents deleted", "deleted"),
        parent.evidence("parents updated", "updated"),
    ];
    figures.into_iter().flatten().collect()
}
