//! Rule `full_page_images`: a write-ahead log of which 40 % or more are whole pages.
//!
//! PostgreSQL writes a whole page at the page's first change after a checkpoint. Reads
//! `wal.full_page_images` × 8 KiB ÷ `wal.bytes` (or the same of `pg_stat_statements` in version 13), and names
//! the statement that writes most of them. The unused part of a page is not written, so that the ratio may
//! exceed 1: the share is then at most all. With `wal_compression` pages take less room by a factor that is not
//! known, and a large ratio is an open question. The cost is the waits for the log × that share. It is
//! information, because a step just after a checkpoint overstates it; checkpoints that the load forces are the
//! rule `requested_checkpoints`.

use super::statement_work::{WHOLE_PAGES, told};
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts};
use crate::figures::share;
use crate::own_time::CausePart;
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
    let ratio = pages_to_log(repeat).unwrap_or(0.0);
    let compression = compression(repeat);
    let evidence: Vec<EvidenceItem> = names
        .into_iter()
        .filter_map(|name| repeat.server.evidence(name))
        .collect();
    if ratio < MUCH || bytes < LEAST_BYTES {
        let is_bound = compression.is_some() || ratio > 1.0;
        let bound = if is_bound { "at most " } else { "" };
        let part = share(ratio.min(1.0));
        let statement = format!("whole pages in the log: {bound}{part} of it");
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    if let Some(compression) = compression {
        return vec![CheckResult::Unknown(
            RULE,
            format!(
                "how much of the log is whole pages: they are compressed (wal_compression = {compression})"
            ),
            "pg_waldump --stats of the log: it tells the size of whole pages".to_owned(),
        )];
    }
    vec![found(repeat, ratio, evidence)]
}

fn found(repeat: &RepeatFacts<'_, '_>, ratio: f64, mut evidence: Vec<EvidenceItem>) -> CheckResult {
    let title = format!(
        "{} of the write-ahead log are copies of whole pages",
        part_of_log(ratio)
    );
    let (statement, of_statement) = told(WHOLE_PAGES, &repeat.server);
    evidence.extend(of_statement);
    let detail = format!(
        "The first change of a page after a checkpoint writes all of it but its unused part; a step that begins \
         just after one overstates that.{statement}"
    );
    let actions = vec![
        "let checkpoints come less often (max_wal_size, checkpoint_timeout)".to_owned(),
        "wal_compression = lz4 (from version 15 on; before: on)".to_owned(),
    ];
    let rationale = "never full_page_writes = off: it loses data".to_owned();
    let own_ns = ratio.min(1.0) * log_waits_ns(repeat);
    if repeat.share_of_service(own_ns) < LEAST {
        return CheckResult::Note(Note {
            rule: RULE,
            thing: "full-page images".to_owned(),
            title,
            detail,
            evidence,
            actions,
            computed: vec![computed(ratio)],
            gain: "less log to write for each commit".to_owned(),
            rationale,
        });
    }
    CheckResult::Cost(CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("pages")],
        thing: "full-page images".to_owned(),
        own_ns,
        least: LEAST,
        avoidable: false,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed: vec![computed(ratio)],
        title,
        detail,
        evidence,
        actions,
        rationale,
        restart: false,
    })
}

/// Returns the share `ratio` of whole pages with the way in which it was computed.
pub(super) fn computed(ratio: f64) -> ComputedFigure {
    let how = "whole pages × 8 KiB ÷ bytes of the log";
    ComputedFigure::new("share of the log in whole pages", ratio, how)
}

/// Returns the names of the figures that the report has, and the bytes of log.
fn measured(repeat: &RepeatFacts<'_, '_>) -> Option<([FigureName; 2], f64)> {
    SOURCES.iter().find_map(|(pages, bytes)| {
        repeat.server.figure(*pages)?;
        Some(([*pages, *bytes], repeat.server.figure(*bytes)?))
    })
}

/// Returns the size of the whole pages in the log ÷ the size of the log; `None` if it was not counted. Unused
/// parts of pages are not written and `wal_compression` makes pages smaller, so that the true share may be
/// smaller.
fn pages_to_log(repeat: &RepeatFacts<'_, '_>) -> Option<f64> {
    let ([pages, _], bytes) = measured(repeat)?;
    let pages = repeat.server.figure(pages)?;
    Some(pages * PAGE_BYTES / bytes.max(1.0))
}

/// Returns the server's `wal_compression`; `None` if it is off or not in the report.
fn compression(repeat: &RepeatFacts<'_, '_>) -> Option<String> {
    let pointer = "/config/server_settings/wal_compression";
    let item = repeat.server.source.evidence("wal_compression", pointer)?;
    Some(item.shown).filter(|method| method != "off")
}

/// Returns the size of the whole pages in the log ÷ the size of the log, above 1 if the pages have unused
/// parts, which are not written. `None` if it was not counted, or if `wal_compression` makes it meaningless.
pub(super) fn whole_page_ratio(repeat: &RepeatFacts<'_, '_>) -> Option<f64> {
    pages_to_log(repeat).filter(|_| compression(repeat).is_none())
}

/// Describes a ratio of [`whole_page_ratio`] as a share of the log, at the beginning of a sentence: `80 %`, or
/// `At most all` above 1.
pub(super) fn part_of_log(ratio: f64) -> String {
    if ratio > 1.0 {
        "At most all".to_owned()
    } else {
        share(ratio)
    }
}

/// Returns the time that a call waits for the log: its writes, its flushes and its internal locks, in
/// nanoseconds.
pub(super) fn log_waits_ns(repeat: &RepeatFacts<'_, '_>) -> f64 {
    repeat.model.sum_of("io.wal") + repeat.model.sum_of("lwlock.wal")
}
