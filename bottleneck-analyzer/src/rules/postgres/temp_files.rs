//! Sorts and hashes that do not fit into `work_mem`.

use super::statements::{self, short};
use crate::cost::{CauseCost, CheckResult, RepeatFacts};
use crate::figures::{bytes, duration_ns};

const RULE: &str = "temp_files";
const BLOCK: f64 = 8192.0;
/// A call that spills less does so in the system's cache, at no cost to speak of.
const LEAST_BYTES: f64 = 1_048_576.0;
/// A measured spill is a lower bound of its cost, most of which is CPU.
const LEAST_SHARE: f64 = 0.02;
/// No machine copies to its cache of files and back faster than this, in bytes per second.
const FASTEST_COPY: f64 = 2_147_483_648.0;

pub(super) fn look(probe: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let view = &probe.view;
    let Some(total) = view.figure("database.temp_bytes") else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether sorts spill to temporary files: the database's counters were not read"
                .to_owned(),
            "a role that may read pg_stat_database".to_owned(),
        )];
    };
    let commits = view.figure("database.commits").unwrap_or(0.0);
    let calls = view.calls_of_counters().unwrap_or(commits).max(1.0);
    let spilt = total / calls;
    let mut evidence: Vec<_> = view.evidence("database.temp_bytes").into_iter().collect();
    if spilt < LEAST_BYTES {
        let statement = format!("temporary files: {} for each call", bytes(spilt));
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    let waits = probe
        .model
        .parts
        .iter()
        .filter(|p| p.name.starts_with("io.buffile"));
    evidence.extend(waits.flat_map(|part| part.evidence.iter().cloned()));
    let (statement, told) = spiller(probe);
    let copied = 2.0 * spilt / FASTEST_COPY * 1e9;
    let least = probe.model.sum_of("io.buffile").max(told).max(copied);
    let own_ns = least.min(probe.model.served_ns());
    let named = if statement.is_empty() {
        String::new()
    } else {
        format!("; {}", short(&statement))
    };
    vec![CheckResult::Cost(CauseCost {
        rule: RULE,
        key: "spill".to_owned(),
        thing: format!("temporary files (IO:BufFileWrite){named}"),
        own_ns,
        least: LEAST_SHARE,
        avoidable: true,
        lower_bound: true,
        title: format!(
            "Sorts or hashes spill {} of temporary files at each call (IO:BufFileWrite{named})",
            bytes(spilt)
        ),
        detail: format!(
            "They do not fit into work_mem. Reading and writing the files takes {} of a call, a lower \
             bound: copying and merging is CPU besides.",
            duration_ns(own_ns)
        ),
        evidence,
        actions: vec![
            format!(
                "raise work_mem for this role or statement to two to four times {}, if memory allows \
                 it for all sessions at once",
                bytes(spilt)
            ),
            "or an index that gives the order, or fewer rows and columns to sort".to_owned(),
        ],
        rationale: "what fits into memory is sorted there once".to_owned(),
        restart: false,
    })]
}

/// The statement that spills most, with the time of a call that its files take where the server
/// timed them.
fn spiller(probe: &RepeatFacts<'_, '_>) -> (String, f64) {
    let Some(all) = statements::of_load(&probe.view) else {
        return (String::new(), 0.0);
    };
    let written = |s: &statements::LoadStatement<'_>| s.row.count("temp_blocks_written") * BLOCK;
    let Some(most) = all.iter().max_by(|a, b| {
        let order = written(a).total_cmp(&written(b));
        order.then(a.share.total_cmp(&b.share))
    }) else {
        return (String::new(), 0.0);
    };
    let timed: f64 = all.iter().map(|s| s.row.count("temp_ns")).sum();
    let per_call = probe
        .view
        .calls_of_counters()
        .map_or(0.0, |calls| timed / calls);
    (most.text().to_owned(), per_call)
}
