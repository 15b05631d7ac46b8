//! Rules `dead_rows` and `updates_touch_indexes`.
//!
//! `dead_rows` reports a table with 1,000 dead rows or more that are a fifth of its live rows. It reads
//! `dead` and `live` of the table `tables`, and `transactions.oldest_age_s`: VACUUM cannot remove rows that
//! an open transaction can see. `updates_touch_indexes` reports a table with 1,000 updates or more of which
//! less than half stayed within a page (HOT); it reads `updated` and `hot_updated`. Neither rule measures a
//! cost.

use crate::assessment::Rule;
use crate::cost::{CheckResult, Note, RepeatFacts};
use crate::figures::{plain, share};
use crate::postgres::CitedRow;
use bench_report::names;
use bench_report::names::postgres_tables;

const LEAST_DEAD: f64 = 1_000.0;
const DEAD_RATIO: f64 = 0.20;
const LEAST_UPDATES: f64 = 1_000.0;
const HOT_RATIO: f64 = 0.50;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(tables) = repeat.server.table(postgres_tables::tables::TABLE) else {
        return Vec::new();
    };
    let mut results: Vec<CheckResult> = tables.iter().filter_map(|t| dead(repeat, t)).collect();
    results.extend(tables.iter().filter_map(not_hot));
    if results.is_empty() {
        let statement = "no table is full of dead rows".to_owned();
        results.push(CheckResult::Fine(Rule::DeadRows, statement, Vec::new()));
    }
    results
}

fn dead(repeat: &RepeatFacts<'_, '_>, table: &CitedRow<'_>) -> Option<CheckResult> {
    let (dead, live) = (table.count("dead"), table.count("live"));
    if dead < LEAST_DEAD || dead < DEAD_RATIO * live {
        return None;
    }
    let relation = table.label("relation");
    let oldest = repeat
        .server
        .figure(names::postgres::TRANSACTIONS_OLDEST_AGE_S)
        .unwrap_or(0.0);
    let step_s = repeat.server.step.window.measured_s();
    let holder = if oldest > step_s {
        format!(
            " A transaction has been open for {} s: until it ends, VACUUM cannot remove them.",
            plain(oldest.round())
        )
    } else {
        String::new()
    };
    let mut evidence: Vec<_> = table.evidence("dead rows", "dead").into_iter().collect();
    evidence.extend(table.evidence("live rows", "live"));
    evidence.extend(
        repeat
            .server
            .evidence(names::postgres::TRANSACTIONS_OLDEST_AGE_S),
    );
    Some(CheckResult::Note(Note {
        rule: Rule::DeadRows,
        thing: relation.to_owned(),
        title: format!(
            "Table {relation} holds {} dead rows beside {} live ones",
            plain(dead),
            plain(live)
        ),
        detail: format!("Every scan of the table reads and skips them.{holder}"),
        evidence,
        actions: vec![
            "end transactions that stay open for long".to_owned(),
            format!("ALTER TABLE {relation} SET (autovacuum_vacuum_scale_factor = 0.02)"),
        ],
        gain: "fewer pages to read for each call".to_owned(),
        rationale: "what changed stays until no open transaction can see it".to_owned(),
    }))
}

fn not_hot(table: &CitedRow<'_>) -> Option<CheckResult> {
    let (updated, hot) = (table.count("updated"), table.count("hot_updated"));
    if updated < LEAST_UPDATES || hot >= HOT_RATIO * updated {
        return None;
    }
    let relation = table.label("relation");
    let mut evidence: Vec<_> = table.evidence("updates", "updated").into_iter().collect();
    evidence.extend(table.evidence("of them within a page", "hot_updated"));
    Some(CheckResult::Note(Note {
        rule: Rule::UpdatesTouchIndexes,
        thing: relation.to_owned(),
        title: format!(
            "Only {} of the updates of table {relation} write no index (HOT updates)",
            share(hot / updated)
        ),
        detail: "An index on a column that changes, or pages without room, make each update write to every \
                 index."
            .to_owned(),
        evidence,
        actions: vec![
            format!("ALTER TABLE {relation} SET (fillfactor = 80), and rewrite it"),
            "drop indexes on columns that change with every update".to_owned(),
        ],
        gain: "less log and fewer pages written for each update".to_owned(),
        rationale: "an update within a page (HOT) writes no index".to_owned(),
    }))
}
