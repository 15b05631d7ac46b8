//! Rule `requested_checkpoints`: checkpoints that were forced before they were due.
//!
//! Fires if at least as many checkpoints were forced as were due by time. Reads `checkpointer.requested` and
//! `.timed`; the finding tells what they wrote. It is a problem if they take a tenth of the service time. Two
//! costs are measured, and the larger one counts: calls took longer while the checkpointer worked (table
//! `background_work` and the throughput by interval; Little's law), and the log waits × the share of whole
//! pages in the log, which the first change of a page after a checkpoint writes. Without either the finding
//! is information.

use super::full_page_images::{log_waits_ns, whole_page_ratio};
use super::statement_work::{self, CHANGED_PAGES};
use crate::assessment::{EvidenceItem, Rule};
use crate::cost::{CauseCost, CheckResult, Note, RepeatFacts};
use crate::figures::{bytes, counted, duration_ns, plain, share};
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

/// Returns the conclusion about `requested` checkpoints that were forced.
fn forced(
    repeat: &RepeatFacts<'_, '_>,
    requested: f64,
    mut evidence: Vec<EvidenceItem>,
) -> CheckResult {
    let work = BackgroundWork::of(&repeat.server, "checkpointer");
    let compared = work.as_ref().and_then(BackgroundWork::compare_calls);
    let by_size = is_by_size(repeat, requested);
    let (own_ns, told) = cost_of(repeat, compared.as_ref());
    let worked = work.as_ref().filter(|work| work.times() > 0);
    let worked = worked.map_or(String::new(), |work| {
        format!(
            " The checkpointer worked for {} of the measured time.",
            share(work.ratio())
        )
    });
    let why = if by_size {
        "The log grew past max_wal_size."
    } else {
        "The log grew past max_wal_size, or somebody asked for a checkpoint (CHECKPOINT, CREATE DATABASE, \
         a backup)."
    };
    let (written, counters) = written(repeat);
    evidence.extend(counters);
    evidence.extend(work.iter().flat_map(BackgroundWork::evidence));
    evidence.extend(compared.into_iter().flat_map(|calls| calls.evidence));
    evidence.extend(
        repeat
            .server
            .evidence(names::postgres::WAL_FULL_PAGE_IMAGES),
    );
    evidence.extend(repeat.server.evidence(names::postgres::WAL_BYTES));
    let title = format!(
        "The load forced {} before the next was due (max_wal_size)",
        counted(requested, "checkpoint")
    );
    let (statement, of_statement) = statement_work::told(CHANGED_PAGES, &repeat.server);
    evidence.extend(of_statement);
    let detail = format!("{why}{written}{worked}{told}{statement}");
    let actions = actions(repeat, by_size);
    let rationale =
        "each checkpoint writes what is dirty, and the log holds whole pages after it".to_owned();
    if repeat.share_of_service(own_ns) < LEAST {
        return CheckResult::Note(Note {
            rule: RULE,
            thing: "checkpoints".to_owned(),
            title,
            detail,
            evidence,
            actions,
            gain: "fewer checkpoints, and less log".to_owned(),
            rationale,
        });
    }
    CheckResult::Cost(CauseCost {
        rule: RULE,
        key: "requested".to_owned(),
        thing: "checkpoints (max_wal_size)".to_owned(),
        own_ns,
        least: LEAST,
        avoidable: true,
        lower_bound: false,
        title,
        detail,
        evidence,
        actions,
        rationale,
        restart: false,
    })
}

/// Returns the time that checkpoints take of a call, in nanoseconds, with a sentence about how it was
/// measured; 0 and what is missing if it was not.
fn cost_of(repeat: &RepeatFacts<'_, '_>, compared: Option<&CallsBeside>) -> (f64, String) {
    let of_service = repeat.model.served_ns() / repeat.model.whole_ns.max(1.0);
    let by_time = compared.map_or(0.0, |calls| calls.lost_ns * of_service);
    let by_log = whole_page_ratio(repeat).map(|ratio| (ratio * log_waits_ns(repeat), ratio));
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
                share(ratio)
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

/// Returns true if as much log was written between two checkpoints as `max_wal_size` allows, so that
/// nobody needs to have asked for them. False if the log or the setting is not known.
fn is_by_size(repeat: &RepeatFacts<'_, '_>, requested: f64) -> bool {
    let server = &repeat.server;
    let (Some(bytes), Some(allowed)) = (
        server.figure(names::postgres::WAL_BYTES),
        log_of_a_checkpoint(repeat),
    ) else {
        return false;
    };
    bytes / requested >= BY_SIZE * allowed
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

fn actions(repeat: &RepeatFacts<'_, '_>, by_size: bool) -> Vec<String> {
    let server = &repeat.server;
    let rate = server
        .figure(names::postgres::WAL_BYTES)
        .zip(
            server
                .figure(names::postgres::DELTAS_SPAN_S)
                .filter(|s| *s > 0.0),
        )
        .map(|(bytes, seconds)| bytes / seconds);
    let wanted = rate.map(|rate| {
        let needed = rate * EVERY_S * (1.0 + completion_target(repeat));
        format!(
            "raise max_wal_size: at {}/s of log, one checkpoint in 5 minutes takes about {}",
            bytes(rate),
            bytes((needed / MIB).ceil() * MIB)
        )
    });
    let mut actions = vec![
        wanted.unwrap_or_else(|| "raise max_wal_size and checkpoint_timeout".to_owned()),
        "where the log shrinks between loads, raise min_wal_size too".to_owned(),
    ];
    if !by_size {
        actions.push("keep CHECKPOINT, CREATE DATABASE and backups out of the load".to_owned());
    }
    actions
}
