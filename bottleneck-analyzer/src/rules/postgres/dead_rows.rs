//! Rules `dead_rows` and `updates_touch_indexes`.
//!
//! `dead_rows` reports a table with 1,000 dead rows or more that are a fifth of its live rows, and who keeps VACUUM
//! from removing them ([`RowKeepers`]). It reads `dead` and `live` of the table `tables`. `updates_touch_indexes`
//! reports a table with 1,000 updates or more of which less than half stayed within a page (HOT); it reads
//! `updated` and `hot_updated`. Neither rule measures a cost.

use super::row_keepers::RowKeepers;
use crate::assessment::{EvidenceItem, Rule};
use crate::cost::{CheckResult, Note, RepeatFacts};
use crate::figures::{plain, share};
use crate::postgres::CitedRow;
use bench_report::names::postgres_tables;

const LEAST_DEAD: f64 = 1_000.0;
const DEAD_RATIO: f64 = 0.20;
const LEAST_UPDATES: f64 = 1_000.0;
const HOT_RATIO: f64 = 0.50;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some(tables) = repeat.server.table(postgres_tables::tables::TABLE) else {
        return vec![CheckResult::Unknown(
            Rule::DeadRows,
            "whether tables are full of dead rows: the counters of tables were not read, or were reset during \
             the step"
                .to_owned(),
            "a role that may read pg_stat_user_tables, and no reset during the step".to_owned(),
        )];
    };
    let mut results: Vec<CheckResult> = tables.iter().filter_map(|t| dead(repeat, t)).collect();
    if results.is_empty() {
        let most = tables
            .iter()
            .max_by(|a, b| a.count("dead").total_cmp(&b.count("dead")));
        let evidence = most.into_iter().flat_map(rows_of).collect();
        let statement = "no table is full of dead rows".to_owned();
        results.push(CheckResult::Fine(Rule::DeadRows, statement, evidence));
    }
    results.extend(tables.iter().filter_map(not_hot));
    results
}

fn dead(repeat: &RepeatFacts<'_, '_>, table: &CitedRow<'_>) -> Option<CheckResult> {
    let (dead, live) = (table.figure("dead")?, table.figure("live")?);
    if dead < LEAST_DEAD || dead < DEAD_RATIO * live {
        return None;
    }
    let relation = table.label("relation");
    let title = if live > 0.0 {
        format!(
            "Table {relation} holds {} dead rows beside {} live ones",
            plain(dead),
            plain(live)
        )
    } else {
        format!(
            "Nearly all rows of table {relation} are dead: {}, and no live one is counted",
            plain(dead)
        )
    };
    let keepers = RowKeepers::of(repeat, table);
    let mut evidence = rows_of(table);
    evidence.extend(keepers.evidence);
    let vacuum = Vec::from(vacuum(repeat, relation));
    let actions = if keepers.come_first {
        [keepers.actions, vacuum].concat()
    } else {
        [vacuum, keepers.actions].concat()
    };
    Some(CheckResult::Note(Note {
        rule: Rule::DeadRows,
        thing: relation.to_owned(),
        title,
        detail: format!(
            "Every scan of the table reads and skips them.{}",
            keepers.told
        ),
        evidence,
        actions,
        computed: Vec::new(),
        gain: "fewer pages to read for each call".to_owned(),
        rationale: "VACUUM removes dead rows that no open transaction can see".to_owned(),
    }))
}

/// Returns the numbers of dead and live rows of `table` as evidence.
fn rows_of(table: &CitedRow<'_>) -> Vec<EvidenceItem> {
    let figures = [
        table.evidence("dead rows", "dead"),
        table.evidence("live rows", "live"),
    ];
    figures.into_iter().flatten().collect()
}

/// Returns the actions that let VACUUM remove the dead rows of `relation` now, and sooner in future.
fn vacuum(repeat: &RepeatFacts<'_, '_>, relation: &str) -> [String; 2] {
    let pointer = "/config/server_settings/autovacuum";
    let setting = repeat.server.source.evidence("autovacuum", pointer);
    let sooner = if setting.is_some_and(|setting| setting.shown == "off") {
        "switch autovacuum on: it is off".to_owned()
    } else {
        format!(
            "let autovacuum come sooner: see the options of the table (\\d+ {relation} in psql), and lower its \
             autovacuum_vacuum_scale_factor"
        )
    };
    [
        format!("VACUUM (VERBOSE) {relation}: it tells how many dead rows it could not remove yet"),
        sooner,
    ]
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
        computed: Vec::new(),
        gain: "less log and fewer pages written for each update".to_owned(),
        rationale: "an update within a page (HOT) writes no index".to_owned(),
    }))
}
