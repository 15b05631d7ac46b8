//! Rule `full_page_images`: a write-ahead log of which 40 % or more are whole pages.
//!
//! PostgreSQL writes a whole page at the page's first change after a checkpoint. Reads
//! `wal.full_page_images` × 8 KiB ÷ `wal.bytes` (or the same of `pg_stat_statements` in version 13), and names
//! the statement that writes most of them. The cost is the waits for the log × that share. It is information,
//! because a step just after a checkpoint overstates it; checkpoints that the load forces are the rule
//! `requested_checkpoints`.

use super::statement_work::{WHOLE_PAGES, told};
use crate::assessment::{EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts};
use crate::figures::share;
use crate::postgres::PAGE_BYTES;
use bench_report::names::{self, FigureName};

const RULE: Rule = Rule::FullPageImages;
/// Smallest share of the log in whole pages at which checkpoints are too frequent.
const MUCH: f64 = 0.40;
/// Smallest log, in bytes, whose share of whole pages tells something.
const LEAST_BYTES: f64 = 16.0 * 1_048_576.0;
/// Smallest share of the service time at which the cost is told.
const LEAST: f64 = 0.10;
/// Names of the figures: pages and bytes of the log, from the server's view and from its statements.
const SOURCES: [(FigureName, FigureName); 2] = [
    (
        names::postgres::WAL_FULL_PAGE_IMAGES,
        names::postgres::WAL_BYTES,
    ),
    (
        names::postgres::STATEMENTS_WAL_FPI,
        names::postgres::STATEMENTS_WAL_BYTES,
    ),
];

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let Some((names, bytes)) = measured(repeat) else {
        return vec![CheckResult::Unknown(
            RULE,
            "how much of the log is whole pages: it was not counted".to_owned(),
            "PostgreSQL 14 or later (pg_stat_wal), or pg_stat_statements".to_owned(),
        )];
    };
    let ratio = whole_page_ratio(repeat).unwrap_or(0.0);
    let evidence: Vec<EvidenceItem> = names
        .into_iter()
        .filter_map(|name| repeat.server.evidence(name))
        .collect();
    if ratio < MUCH || bytes < LEAST_BYTES {
        let statement = format!("whole pages in the log: {} of it", share(ratio));
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    vec![found(repeat, ratio, evidence)]
}

fn found(repeat: &RepeatFacts<'_, '_>, ratio: f64, mut evidence: Vec<EvidenceItem>) -> CheckResult {
    let title = format!(
        "{} of the write-ahead log are copies of whole pages",
        share(ratio)
    );
    let (statement, of_statement) = told(WHOLE_PAGES, &repeat.server);
    evidence.extend(of_statement);
    let detail = format!(
        "The first change of a page after a checkpoint writes all of it; a step that begins just after one \
         overstates that.{statement}"
    );
    let actions = vec![
        "let checkpoints come less often (max_wal_size, checkpoint_timeout)".to_owned(),
        "wal_compression = lz4 (from version 15 on; before: on)".to_owned(),
    ];
    let rationale = "never full_page_writes = off: it loses data".to_owned();
    let own_ns = ratio * log_waits_ns(repeat);
    if repeat.share_of_service(own_ns) < LEAST {
        return CheckResult::Note(Note {
            rule: RULE,
            thing: "full-page images".to_owned(),
            title,
            detail,
            evidence,
            actions,
            gain: "less log to write for each commit".to_owned(),
            rationale,
        });
    }
    CheckResult::Cost(CauseCost {
        rule: RULE,
        key: "pages".to_owned(),
        thing: "full-page images".to_owned(),
        own_ns,
        least: LEAST,
        avoidable: false,
        lower_bound: false,
        title,
        detail,
        evidence,
        actions,
        rationale,
        restart: false,
    })
}

/// Returns the names of the figures that the report has, and the bytes of log.
fn measured(repeat: &RepeatFacts<'_, '_>) -> Option<([FigureName; 2], f64)> {
    SOURCES.iter().find_map(|(pages, bytes)| {
        repeat.server.figure(*pages)?;
        Some(([*pages, *bytes], repeat.server.figure(*bytes)?))
    })
}

/// Returns the share of the log that is whole pages, from 0 to 1; `None` if it was not counted. Holes in
/// pages are not written, so that the true share may be smaller.
pub(super) fn whole_page_ratio(repeat: &RepeatFacts<'_, '_>) -> Option<f64> {
    let ([pages, _], bytes) = measured(repeat)?;
    let pages = repeat.server.figure(pages)?;
    Some((pages * PAGE_BYTES / bytes.max(1.0)).min(1.0))
}

/// Returns the time that a call waits for the log: its writes, its flushes and its internal locks, in
/// nanoseconds.
pub(super) fn log_waits_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    repeat.model.sum_of("io.wal") + repeat.model.sum_of("lwlock.wal")
}
