//! Rule `toast`: large values that are read from a table's TOAST table.
//!
//! Fires if at least 30 % of the blocks of a table that the load reads are those of its TOAST table, and
//! reading them takes a tenth of the service time. Reads `toast_blocks`, `blocks_hit` and `blocks_read` of the
//! table `tables`. The cost is the reading time of a call × the share of TOAST blocks among the blocks of all
//! tables. It is information: whether the answer needs the large values, the server does not know.

use bench_report::names::postgres_tables;

use super::scans::reading_ns;
use crate::assessment::{Confidence, Rule};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{plain, share};
use crate::own_time::CausePart;
use crate::postgres::CitedRow;

const RULE: Rule = Rule::Toast;
/// Smallest share of TOAST blocks among the blocks of a table.
const LEAST_RATIO: f64 = 0.30;
/// Smallest number of TOAST blocks of a call: with fewer, values are small or seldom.
const LEAST_BLOCKS: f64 = 1.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let tables = repeat.server.rows(postgres_tables::tables::TABLE);
    let counted = tables
        .iter()
        .filter(|row| row.figure("toast_blocks").is_some());
    let most = counted.max_by(|a, b| toast(a).total_cmp(&toast(b)));
    let (Some(row), Some(calls)) = (most, repeat.server.calls_of_counters()) else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether large values (TOAST) are read: their blocks were not counted".to_owned(),
            "a role that may read pg_statio_user_tables".to_owned(),
        )];
    };
    let (ratio, per_call) = (toast(row) / all_blocks(row).max(1.0), toast(row) / calls);
    let evidence = ["toast_blocks", "blocks_hit", "blocks_read"].into_iter();
    let evidence: Vec<_> = evidence
        .filter_map(|name| row.evidence(format!("{}: {name}", row.label("relation")), name))
        .collect();
    if ratio < LEAST_RATIO || per_call < LEAST_BLOCKS {
        let statement = format!(
            "blocks of large values (TOAST): {} of a table's",
            share(ratio)
        );
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    let of_all = toast(row) / tables.iter().map(all_blocks).sum::<f64>().max(1.0);
    let relation = row.label("relation");
    vec![CheckResult::Cost(CauseCost {
        rule: RULE,
        key: vec![CausePart::thing(relation)],
        thing: format!("large values of {relation} (TOAST)"),
        own_ns: reading_ns(repeat) * of_all,
        least: 0.10,
        avoidable: false,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: Vec::new(),
        title: format!(
            "Large values of {relation} are read from its TOAST table ({} blocks for each call)",
            plain(per_call)
        ),
        detail: format!(
            "{} of the blocks of {relation} that were read are those of large values.",
            share(ratio)
        ),
        evidence,
        actions: vec![
            "select only the columns that the answer needs".to_owned(),
            "default_toast_compression = lz4 (from version 14 on) for rows that are written anew"
                .to_owned(),
        ],
        rationale: "a value that is not selected is not read".to_owned(),
        restart: false,
    })]
}

fn toast(row: &CitedRow<'_>) -> f64 {
    row.count("toast_blocks")
}

fn all_blocks(row: &CitedRow<'_>) -> f64 {
    row.count("blocks_hit") + row.count("blocks_read") + toast(row)
}
