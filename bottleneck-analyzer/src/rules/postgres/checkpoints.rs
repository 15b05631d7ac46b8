//! Rules `requested_checkpoints` and `full_page_images`.
//!
//! `requested_checkpoints` reports checkpoints that were forced, if they are at least as many as the ones
//! that were due by time; it reads `checkpointer.requested` and `.timed`. `full_page_images` reports a
//! write-ahead log of which 40 % or more are whole pages; it reads `wal.full_page_images` × 8 KiB ÷
//! `wal.bytes`. PostgreSQL writes a whole page at the page's first change after a checkpoint. Neither rule
//! measures a cost.

use crate::assessment::Rule;
use crate::cost::{CheckResult, Note, RepeatFacts};
use crate::figures::{plain, share};

/// Size of a PostgreSQL page, in bytes.
const PAGE: f64 = 8192.0;
/// Smallest share of the log in whole pages at which checkpoints are too frequent.
const MUCH_FPI: f64 = 0.40;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let mut results = vec![requested(repeat)];
    results.extend(whole_pages(repeat));
    results
}

fn requested(repeat: &RepeatFacts<'_, '_>) -> CheckResult {
    const RULE: Rule = Rule::RequestedCheckpoints;
    let server = &repeat.server;
    let Some(requested) = server.figure("checkpointer.requested") else {
        // A counter that did not grow is absent from the report, although other counters of its view are
        // present.
        return CheckResult::Fine(
            RULE,
            "no checkpoint was forced by the load".to_owned(),
            Vec::new(),
        );
    };
    let timed = server.figure("checkpointer.timed").unwrap_or(0.0);
    let names = ["checkpointer.requested", "checkpointer.timed"];
    let evidence: Vec<_> = names
        .into_iter()
        .filter_map(|name| server.evidence(name))
        .collect();
    if requested < 1.0 || requested < timed {
        let statement = format!(
            "checkpoints: {} forced, {} due",
            plain(requested),
            plain(timed)
        );
        return CheckResult::Fine(RULE, statement, evidence);
    }
    CheckResult::Note(Note {
        rule: RULE,
        thing: "checkpoints".to_owned(),
        title: format!("The load forced {} checkpoint(s) before they were due", plain(requested)),
        detail: "The log grew past max_wal_size, or somebody asked for a checkpoint (CREATE DATABASE, a \
                 backup). Writes and commits are slower while one runs."
            .to_owned(),
        evidence,
        actions: vec!["raise max_wal_size and checkpoint_timeout".to_owned()],
        gain: "fewer checkpoints, and less log".to_owned(),
        rationale: "each checkpoint writes what is dirty, and the log holds whole pages after it".to_owned(),
    })
}

fn whole_pages(repeat: &RepeatFacts<'_, '_>) -> Option<CheckResult> {
    const RULE: Rule = Rule::FullPageImages;
    let server = &repeat.server;
    let (pages, bytes) = (
        server.figure("wal.full_page_images")?,
        server.figure("wal.bytes")?,
    );
    let ratio = (pages * PAGE / bytes.max(1.0)).min(1.0);
    let evidence: Vec<_> = ["wal.full_page_images", "wal.bytes"]
        .into_iter()
        .filter_map(|n| server.evidence(n))
        .collect();
    if ratio < MUCH_FPI || bytes < 16.0 * 1_048_576.0 {
        let statement = format!("whole pages in the log: {} of it", share(ratio));
        return Some(CheckResult::Fine(RULE, statement, evidence));
    }
    Some(CheckResult::Note(Note {
        rule: RULE,
        thing: "full-page images".to_owned(),
        title: format!("{} of the log are whole pages", share(ratio)),
        detail: "The first change of a page after a checkpoint writes all of it; a step that begins just \
                 after one overstates that."
            .to_owned(),
        evidence,
        actions: vec![
            "let checkpoints come less often (max_wal_size, checkpoint_timeout)".to_owned(),
            "wal_compression = lz4 (from version 15 on)".to_owned(),
        ],
        gain: "less log to write for each commit".to_owned(),
        rationale: "never full_page_writes = off: it loses data".to_owned(),
    }))
}
