//! Rule `requested_checkpoints`: checkpoints that were forced before they were due.
//!
//! Fires if at least as many checkpoints were forced as were due by time. Reads `checkpointer.requested` and
//! `.timed`; the finding tells what they wrote. It is a problem if they take a tenth of the service time. Two
//! costs are measured, and the larger one counts: calls took longer while the checkpointer worked (table
//! `background_work` and the throughput by interval; Little's law), and the log waits × the share of whole
//! pages in the log, which the first change of a page after a checkpoint writes. Without either the finding
//! is information, and so is a single checkpoint for which the step wrote too little log.
//!
//! The server counts a checkpoint for want of `max_wal_size` and one that somebody asked for alike. The setting
//! is named where the log between two checkpoints is large enough, and to raise it is advised where it is
//! smaller than what one checkpoint in five minutes takes.

use super::full_page_images::{self, log_waits_ns, part_of_log, whole_page_ratio};
use super::statement_work::{self, CHANGED_PAGES};
use crate::assessment::{ComputedFigure, Confidence, EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts};
use crate::figures::{bytes, counted, duration_ns, plain, share};
use crate::own_time::CausePart;
use crate::postgres::{BackgroundWork, CallsBeside};
use bench_report::names;

const RULE: Rule = Rule::RequestedCheckpoints;
/// Smallest share of the service time at which the cost is told.
const LEAST: f64 = 0.10;
/// Smallest part of the log between two checkpoints that `max_wal_size` allows at which the size of the log
/// is the reason for a checkpoint.
const BY_SIZE: f64 = 0.5;
const MIB: f64 = 1_048_576.0;
/// Time between two checkpoints, in seconds, for which the advice computes `max_wal_size`: the default of
/// `checkpoint_timeout`.
const EVERY_S: f64 = 300.0;

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let Some(requested) = server.figure(names::postgres::CHECKPOINTER_REQUESTED) else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether the load forces checkpoints: they were not counted".to_owned(),
            "a role that may read pg_stat_bgwriter (pg_stat_checkpointer from version 17 on)"
                .to_owned(),
        )];
    };
    let timed = server
        .figure(names::postgres::CHECKPOINTER_TIMED)
        .unwrap_or(0.0);
    let names = [
        names::postgres::CHECKPOINTER_REQUESTED,
        names::postgres::CHECKPOINTER_TIMED,
    ];
    let evidence: Vec<_> = names
        .into_iter()
        .filter_map(|n| server.evidence(n))
        .collect();
    if requested < 1.0 || requested < timed {
        let statement = format!(
            "checkpoints: {} forced, {} due",
            plain(requested),
            plain(timed)
        );
        return vec![CheckResult::Fine(RULE, statement, evidence)];
    }
    vec![forced(repeat, requested, evidence)]
}

/// Reason for which checkpoints came before they were due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// The log grew past `max_wal_size`.
    LogSize,
    /// The step wrote too little log for that.
    Request,
    /// The log or the setting is not known.
    Unknown,
}

impl Reason {
    /// Returns the reason for which `requested` checkpoints were forced.
    fn of(repeat: &RepeatFacts<'_, '_>, requested: f64) -> Self {
        let log = repeat.server.figure(names::postgres::WAL_BYTES);
        match log.zip(log_of_a_checkpoint(repeat)) {
            Some((log, allowed)) if log / requested >= BY_SIZE * allowed => Self::LogSize,
            Some(_) => Self::Request,
            None => Self::Unknown,
        }
    }

    /// Describes the reason in a sentence. `log` and `setting` are `wal.bytes` and `max_wal_size`; a reason
    /// that rests on them is only told with both.
    fn sentence(self, log: Option<&EvidenceItem>, setting: Option<&EvidenceItem>) -> String {
        const ASKED: &str =
            "somebody asked for a checkpoint (CHECKPOINT, CREATE DATABASE, a backup)";
        match (self, log.zip(setting)) {
            (Self::LogSize, _) => "The log grew past max_wal_size.".to_owned(),
            (Self::Request, Some((log, setting))) => format!(
                "The step wrote {} of log, too little for max_wal_size ({}): {ASKED}, or most of that log was \
                 written before the step.",
                log.shown, setting.shown
            ),
            _ => format!("The log grew past max_wal_size, or {ASKED}."),
        }
    }
}

/// Returns the conclusion about `requested` checkpoints that were forced.
fn forced(
    repeat: &RepeatFacts<'_, '_>,
    requested: f64,
    mut evidence: Vec<EvidenceItem>,
) -> CheckResult {
    let server = &repeat.server;
    let work = BackgroundWork::of(server, "checkpointer");
    let compared = work.as_ref().and_then(BackgroundWork::compare_calls);
    let reason = Reason::of(repeat, requested);
    let (own_ns, told) = cost_of(repeat, compared.as_ref());
    let log = server.evidence(names::postgres::WAL_BYTES);
    let setting = server
        .source
        .evidence("max_wal_size", "/config/server_settings/max_wal_size");
    let why = reason.sentence(log.as_ref(), setting.as_ref());
    let (written, counters) = written(repeat);
    let (statement, of_statement) = statement_work::told(CHANGED_PAGES, server);
    let detail = format!("{why}{written}{}{told}{statement}", worked(work.as_ref()));
    evidence.extend(counters);
    evidence.extend(work.iter().flat_map(BackgroundWork::evidence));
    let times = compared.iter().flat_map(CallsBeside::computed);
    let pages = whole_page_ratio(repeat).map(full_page_images::computed);
    let computed: Vec<ComputedFigure> = times.chain(pages).collect();
    evidence.extend(compared.into_iter().flat_map(|calls| calls.evidence));
    evidence.extend(server.evidence(names::postgres::WAL_FULL_PAGE_IMAGES));
    evidence.extend(log);
    evidence.extend(setting);
    evidence.extend(of_statement);
    let checkpoints = counted(requested, "checkpoint");
    let (title, thing) = match reason {
        Reason::LogSize => (
            format!("The load forced {checkpoints} before the next was due (max_wal_size)"),
            "checkpoints (max_wal_size)",
        ),
        Reason::Request | Reason::Unknown => (
            format!("The server made {checkpoints} before the next was due"),
            "checkpoints",
        ),
    };
    let actions = actions(repeat, reason);
    let rationale =
        "each checkpoint writes what is dirty, and the log holds whole pages after it".to_owned();
    let is_single_request = reason == Reason::Request && requested < 2.0;
    if is_single_request || repeat.share_of_service(own_ns) < LEAST {
        return CheckResult::Note(Note {
            rule: RULE,
            thing: "checkpoints".to_owned(),
            title,
            detail,
            evidence,
            actions,
            computed,
            gain: "fewer checkpoints, and less log".to_owned(),
            rationale,
        });
    }
    CheckResult::Cost(CauseCost {
        rule: RULE,
        key: vec![CausePart::thing("requested")],
        thing: thing.to_owned(),
        own_ns,
        least: LEAST,
        avoidable: true,
        lower_bound: false,
        highest_confidence: Confidence::High,
        computed,
        title,
        detail,
        evidence,
        actions,
        rationale,
        restart: false,
    })
}

/// Describes how long the checkpointer worked; empty if that was not recorded or it did not work.
fn worked(work: Option<&BackgroundWork<'_>>) -> String {
    let worked = work.filter(|work| work.times() > 0);
    worked.map_or(String::new(), |work| {
        format!(
            " The checkpointer worked for {} of the measured time.",
            share(work.ratio())
        )
    })
}

/// Returns the time that checkpoints take of a call, in nanoseconds, with a sentence about how it was
/// measured; 0 and what is missing if it was not.
fn cost_of(repeat: &RepeatFacts<'_, '_>, compared: Option<&CallsBeside>) -> (f64, String) {
    let of_service = repeat.model.served_ns() / repeat.model.whole_ns.max(1.0);
    let by_time = compared.map_or(0.0, |calls| calls.lost_ns * of_service);
    let by_log =
        whole_page_ratio(repeat).map(|ratio| (ratio.min(1.0) * log_waits_ns(repeat), ratio));
    let mut told = compared.map_or(String::new(), |calls| {
        format!(
            " While it worked a call took {}, and {} at other times{}.",
            duration_ns(calls.during_ns),
            duration_ns(calls.outside_ns),
            if calls.lost_ns > 0.0 {
                ""
            } else {
                ": no more than chance"
            }
        )
    });
    match by_log {
        Some((ns, ratio)) if ns > by_time => {
            told += &format!(
                " {} of the log are whole pages, which a page's first change after a checkpoint writes; \
                 that part of the waits for the log is counted.",
                part_of_log(ratio)
            );
            return (ns, told);
        }
        None if compared.is_none() => {
            told += " What that costs was not measured; to find out: a longer step, in which the \
                     checkpointer rests at times.";
        }
        _ => {}
    }
    (by_time, told)
}

/// Describes what the checkpoints of the step wrote and how long they flushed files, with the evidence; empty
/// if it was not counted or is nothing.
fn written(repeat: &RepeatFacts<'_, '_>) -> (String, Vec<EvidenceItem>) {
    let names = [
        names::postgres::CHECKPOINTER_DONE,
        names::postgres::CHECKPOINTER_BUFFERS_WRITTEN,
        names::postgres::CHECKPOINTER_WRITE_NS,
        names::postgres::CHECKPOINTER_SYNC_NS,
    ];
    let [done, pages, write_ns, sync_ns] = names.map(|name| repeat.server.figure(name));
    let Some(pages) = pages.filter(|pages| *pages > 0.0) else {
        return Default::default();
    };
    let mut text = format!(" Checkpoints wrote {} pages", plain(pages));
    if let Some(ns) = write_ns {
        text += &format!(" in {}", duration_ns(ns));
    }
    if let Some(ns) = sync_ns {
        text += &format!(", and flushed files for {}", duration_ns(ns));
    }
    if let Some(done) = done {
        text += &format!("; {} of them ended within the step", plain(done));
    }
    let evidence = names.into_iter().filter_map(|n| repeat.server.evidence(n));
    (text + ".", evidence.collect())
}

/// Returns the bytes of log after which the server begins a checkpoint: `max_wal_size` ÷ (1 +
/// `checkpoint_completion_target`), from `CalculateCheckpointSegments` of version 11 and later.
fn log_of_a_checkpoint(repeat: &RepeatFacts<'_, '_>) -> Option<f64> {
    Some(repeat.server.setting("max_wal_size")? / (1.0 + completion_target(repeat)))
}

fn completion_target(repeat: &RepeatFacts<'_, '_>) -> f64 {
    let target = repeat.server.setting("checkpoint_completion_target");
    target.unwrap_or(0.9)
}

fn actions(repeat: &RepeatFacts<'_, '_>, reason: Reason) -> Vec<String> {
    let keep_out = "keep CHECKPOINT, CREATE DATABASE and backups out of the load".to_owned();
    match reason {
        Reason::LogSize => size_of_log(repeat),
        Reason::Request => vec![keep_out],
        Reason::Unknown => vec![
            "see why in the server's log (log_checkpoints = on): `wal` stands for max_wal_size, `force` for a \
             request"
                .to_owned(),
            keep_out,
        ],
    }
}

/// Returns the actions about `max_wal_size`: to raise it, if it is smaller than what one checkpoint in five
/// minutes takes at the rate of the step. Empty if the rate or the setting is not known.
fn size_of_log(repeat: &RepeatFacts<'_, '_>) -> Vec<String> {
    let server = &repeat.server;
    let log = server.figure(names::postgres::WAL_BYTES);
    let span_s = server.figure(names::postgres::DELTAS_SPAN_S);
    let rate = log
        .zip(span_s.filter(|span_s| *span_s > 0.0))
        .map(|(log, span_s)| log / span_s);
    let Some((rate, present)) = rate.zip(server.setting("max_wal_size")) else {
        return Vec::new();
    };
    let needed = (rate * EVERY_S * (1.0 + completion_target(repeat)) / MIB).ceil() * MIB;
    if needed <= present {
        return vec![format!(
            "make a checkpoint cheaper (checkpoint_completion_target up to 0.9, a faster disk): at {}/s of log \
             max_wal_size is enough for one in 5 minutes",
            bytes(rate)
        )];
    }
    vec![
        format!(
            "raise max_wal_size: at {}/s of log, one checkpoint in 5 minutes takes about {}",
            bytes(rate),
            bytes(needed)
        ),
        "where the log shrinks between loads, raise min_wal_size too".to_owned(),
    ]
}
