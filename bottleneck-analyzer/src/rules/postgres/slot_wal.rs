//! Rule `slot_wal`: a replication slot that keeps more and more of the write-ahead log.
//!
//! Fires if the log that a slot keeps grew by a segment (16 MiB) a minute or more, and by more than the slot let
//! go of in the step: it keeps most of what the load writes, until the disk is full or `max_slot_wal_keep_size`
//! is reached. A consumer confirms what it has at intervals of several seconds, so that a slot with one counts
//! from 60 s on. Reads the table `replication_slots` and `deltas.span_s`. Calls do not wait for a slot, so that
//! nothing of a call is its cost.

use crate::assessment::{ComputedFigure, EvidenceItem, Rule};
use crate::cost::{CheckResult, Note, RepeatFacts};
use crate::figures::{bytes, plain};
use crate::postgres::CitedRow;
use bench_report::names;
use bench_report::names::postgres_tables::replication_slots;

const RULE: Rule = Rule::SlotWal;
/// Smallest growth in a minute at which the rule fires: one segment of the log, as large as by default.
const LEAST_BYTES_PER_MIN: f64 = 16.0 * 1_048_576.0;
/// Shortest time in seconds over which a slot with a consumer keeps the log, and is not only confirmed late.
const CONSUMER_CONFIRMS_S: f64 = 60.0;
const BOUND: &str = "max_slot_wal_keep_size";

pub(super) fn check(repeat: &RepeatFacts<'_, '_>) -> Vec<CheckResult> {
    let server = &repeat.server;
    let slots = server.table(replication_slots::TABLE);
    let span_s = server.figure(names::postgres::DELTAS_SPAN_S);
    let Some((slots, span_s)) = slots.zip(span_s.filter(|span_s| *span_s > 0.0)) else {
        return vec![CheckResult::Unknown(
            RULE,
            "whether a replication slot keeps more and more of the log: slots were not read"
                .to_owned(),
            "a role that may read pg_replication_slots".to_owned(),
        )];
    };
    let growing = slots.iter().filter_map(|row| GrowingSlot::of(row, span_s));
    let notes = growing.map(|slot| CheckResult::Note(slot.note(repeat)));
    let notes: Vec<CheckResult> = notes.collect();
    if !notes.is_empty() {
        return notes;
    }
    let statement = "no replication slot keeps more and more of the log".to_owned();
    let kept = slots
        .iter()
        .filter_map(|row| row.evidence(row.label("slot"), "kept_bytes"));
    vec![CheckResult::Fine(RULE, statement, kept.collect())]
}

/// Replication slot whose log grows.
struct GrowingSlot<'r, 'a> {
    row: &'r CitedRow<'a>,
    begin_bytes: f64,
    end_bytes: f64,
    per_hour_bytes: f64,
}

impl<'r, 'a> GrowingSlot<'r, 'a> {
    /// Returns the slot in `row` of a step of `span_s` seconds; `None` if it does not grow by enough, or may
    /// only be confirmed late.
    fn of(row: &'r CitedRow<'a>, span_s: f64) -> Option<Self> {
        let begin_bytes = row.figure("begin_kept_bytes")?;
        let end_bytes = row.figure("kept_bytes")?;
        let released_bytes = row.figure("released_bytes")?;
        let grown_bytes = end_bytes - begin_bytes;
        let keeps_most = grown_bytes > released_bytes;
        let is_fast = grown_bytes * 60.0 >= LEAST_BYTES_PER_MIN * span_s;
        let is_sure = !is_active(row) || span_s >= CONSUMER_CONFIRMS_S;
        (keeps_most && is_fast && is_sure).then_some(Self {
            row,
            begin_bytes,
            end_bytes,
            per_hour_bytes: grown_bytes / span_s * 3_600.0,
        })
    }

    fn note(&self, repeat: &RepeatFacts<'_, '_>) -> Note {
        let slot = self.row.label("slot");
        let pointer = format!("/config/server_settings/{BOUND}");
        let setting = repeat.server.source.evidence(BOUND, &pointer);
        let growth = ComputedFigure::new(
            "growth of the log that the slot keeps, in bytes an hour",
            self.per_hour_bytes,
            "(kept at the end − kept at the beginning) ÷ time between the two readings",
        );
        let detail = format!(
            "{} It kept {} of log at the beginning of the step and {} at its end.{}{}",
            if is_active(self.row) {
                "The consumer of the slot is connected and falls behind."
            } else {
                "The slot has no consumer."
            },
            bytes(self.begin_bytes),
            bytes(self.end_bytes),
            limit_sentence(setting.as_ref()),
            self.state_sentences()
        );
        let actions = self.actions(setting.as_ref());
        let mut evidence = self.evidence();
        evidence.extend(setting);
        Note {
            rule: RULE,
            thing: slot.to_owned(),
            title: format!(
                "Replication slot {slot} keeps more and more of the write-ahead log: at this load {} an hour",
                bytes(self.per_hour_bytes)
            ),
            detail,
            evidence,
            actions,
            computed: vec![growth],
            gain: "a disk that the log does not fill".to_owned(),
            rationale: "the server keeps all log that a slot has not let go of".to_owned(),
        }
    }

    /// Returns sentences about the state of the log and about system catalogs, each with a space before it;
    /// empty if there is nothing to tell.
    fn state_sentences(&self) -> String {
        let mut told = match self.row.label("wal_status") {
            "extended" => " That is more than max_wal_size allows (wal_status extended).",
            "unreserved" => {
                " The next checkpoint may remove log that it needs (wal_status unreserved)."
            }
            _ => "",
        }
        .to_owned();
        let transactions = self.row.figure("catalog_age_transactions");
        if let Some(transactions) = transactions.filter(|count| *count >= 1.0) {
            told += &format!(
                " In the system catalogs it keeps the rows that died in the last {} transactions, too.",
                plain(transactions)
            );
        }
        told
    }

    /// Returns the actions; `setting` is the bound on what a slot may keep, `None` if it is not known.
    fn actions(&self, setting: Option<&EvidenceItem>) -> Vec<String> {
        let slot = self.row.label("slot");
        let mut actions = vec![if is_active(self.row) {
            "find what holds the consumer up (pg_stat_replication tells how far it is): its network, its disk, \
             or applying the changes"
                .to_owned()
        } else {
            format!(
                "start the consumer of replication slot {slot} again, or drop the slot if nobody needs it \
                 (pg_drop_replication_slot)"
            )
        }];
        if setting.is_some_and(is_unlimited) {
            actions.push(format!(
                "limit what a slot may keep: {BOUND}; a slot past it is lost, and its consumer must be set up anew"
            ));
        }
        actions
    }

    fn evidence(&self) -> Vec<EvidenceItem> {
        let figures = [
            ("log kept at the beginning of the step", "begin_kept_bytes"),
            ("log kept at the end of the step", "kept_bytes"),
            ("log let go of in the step", "released_bytes"),
            (
                "transactions whose dead rows in system catalogs it keeps",
                "catalog_age_transactions",
            ),
        ];
        let name = self.row.label_evidence("replication slot", "slot");
        let figures = figures.map(|(label, column)| self.row.evidence(label, column));
        name.into_iter()
            .chain(figures.into_iter().flatten())
            .collect()
    }
}

/// Returns true if a consumer was connected to the slot in `row` at the end of the step.
fn is_active(row: &CitedRow<'_>) -> bool {
    row.label("state") == "active"
}

/// Returns true if `setting`, `max_slot_wal_keep_size`, allows any amount.
fn is_unlimited(setting: &EvidenceItem) -> bool {
    setting.shown == "-1"
}

/// Tells what limits the log that a slot keeps, as a sentence with a space before it; `setting` is `None` if it
/// is not known.
fn limit_sentence(setting: Option<&EvidenceItem>) -> String {
    match setting {
        Some(setting) if is_unlimited(setting) => {
            format!(" Nothing limits it but the disk ({BOUND} is -1).")
        }
        Some(setting) => format!(
            " From {} on ({BOUND}) the server removes log that the slot needs, and the slot is lost.",
            setting.shown
        ),
        None => format!(" Whether {BOUND} limits it is not known."),
    }
}
