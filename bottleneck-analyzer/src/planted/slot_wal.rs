//! Tests of replication slots that keep more and more of the write-ahead log.

use bench_report::EvidenceRow;
use serde_json::json;

use super::causes::{assess, ruled_out};
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown, named};
use crate::assessment::{Assessment, Finding, FindingKind};

const MIB: f64 = 1_048_576.0;

/// Replication slot that keeps 100 MiB of log at the beginning of a step.
struct Slot {
    state: &'static str,
    /// Seconds between the two readings.
    span_s: f64,
    /// MiB by which the log that it keeps grows in the step.
    grown_mib: f64,
    /// MiB of log that it lets go of in the step.
    released_mib: f64,
    wal_status: &'static str,
    /// Transactions whose dead rows in system catalogs it keeps.
    catalog: Option<f64>,
    /// Setting `max_slot_wal_keep_size`; `None` on a server that has none.
    bound: Option<&'static str>,
}

/// A slot whose consumer was taken away: the log that it keeps grows by 16 MiB in a minute.
const FORGOTTEN: Slot = Slot {
    state: "inactive",
    span_s: 60.0,
    grown_mib: 16.0,
    released_mib: 0.0,
    wal_status: "reserved",
    catalog: None,
    bound: Some("-1"),
};

impl Slot {
    fn row(&self) -> EvidenceRow {
        let labels = [
            ("slot", "old_replica"),
            ("state", self.state),
            ("wal_status", self.wal_status),
        ];
        let mut row = row(
            &labels,
            &[
                ("begin_kept_bytes", 100.0 * MIB),
                ("kept_bytes", (100.0 + self.grown_mib) * MIB),
                ("released_bytes", self.released_mib * MIB),
            ],
        );
        let catalog = self.catalog.map(|age| ("catalog_age_transactions", age));
        row.figures
            .extend(catalog.map(|(name, age)| (name.to_owned(), age)));
        row
    }

    fn server(&self) -> Server {
        with(self.span_s, vec![self.row()])
    }

    fn assess(&self) -> Assessment {
        let mut reports = self.server().run();
        let settings = self.bound.map_or(
            json!({}),
            |bound| json!({ "max_slot_wal_keep_size": bound }),
        );
        reports[0].config.insert("server_settings".into(), settings);
        assess_reports(&reports)
    }
}

/// Load of `span_s` seconds on a server with these slots.
fn with(span_s: f64, slots: Vec<EvidenceRow>) -> Server {
    Server {
        figures: vec![("deltas.span_s", span_s)],
        tables: vec![("replication_slots", slots)],
        ..Server::default()
    }
}

fn found(assessment: &Assessment) -> &Finding {
    assert_eq!(named(assessment), Vec::<&str>::new());
    let found = finding(assessment, "slot_wal").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    found
}

fn actions(finding: &Finding) -> String {
    finding.advice.as_ref().unwrap().actions.join("; ")
}

#[test]
fn a_forgotten_slot_is_told_with_its_growth_in_an_hour_and_what_limits_it() {
    let assessment = FORGOTTEN.assess();
    let slot = found(&assessment);
    // 16 MiB in each of 60 minutes.
    for part in [
        "Replication slot old_replica",
        "at this load 960 MiB an hour",
    ] {
        assert!(slot.title.contains(part), "{}", slot.title);
    }
    for part in [
        "has no consumer",
        "100 MiB of log at the beginning of the step and 116 MiB at its end",
        "Nothing limits it but the disk (max_slot_wal_keep_size is -1)",
    ] {
        assert!(slot.detail.contains(part), "{}", slot.detail);
    }
    let advised = actions(slot);
    for part in [
        "start the consumer of replication slot old_replica again, or drop the slot",
        "limit what a slot may keep: max_slot_wal_keep_size",
        "a reload is enough",
    ] {
        assert!(advised.contains(part), "{advised}");
    }
}

/// The rule reads the bound itself, and its advice names it.
#[test]
fn the_bound_on_what_a_slot_keeps_is_evidence_once() {
    let assessment = FORGOTTEN.assess();
    let evidence = found(&assessment).evidence.iter();
    let bounds = evidence.filter(|e| e.pointer.ends_with("/max_slot_wal_keep_size"));
    assert_eq!(bounds.count(), 1);
}

#[test]
fn a_slot_that_is_limited_is_told_to_be_lost_there() {
    let of = |bound: Option<&'static str>| {
        let assessment = Slot { bound, ..FORGOTTEN }.assess();
        let slot = found(&assessment);
        (slot.detail.clone(), actions(slot))
    };
    let (limited, advised) = of(Some("4GB"));
    let part = "From 4GB on (max_slot_wal_keep_size) the server removes log";
    assert!(limited.contains(part), "{limited}");
    assert!(!advised.contains("max_slot_wal_keep_size"), "{advised}");
    let (unknown, advised) = of(None);
    let part = "Whether max_slot_wal_keep_size limits it is not known";
    assert!(unknown.contains(part), "{unknown}");
    assert!(!advised.contains("max_slot_wal_keep_size"), "{advised}");
}

#[test]
fn the_state_of_the_log_and_the_catalogs_are_told_where_they_matter() {
    let detail = |slot: &Slot| found(&slot.assess()).detail.clone();
    let plain = detail(&FORGOTTEN);
    assert!(!plain.contains("wal_status") && !plain.contains("catalogs"));
    let extended = detail(&Slot {
        wal_status: "extended",
        catalog: Some(7_300.0),
        ..FORGOTTEN
    });
    for part in [
        "more than max_wal_size allows (wal_status extended)",
        "In the system catalogs it keeps the rows that died in the last 7300 transactions",
    ] {
        assert!(extended.contains(part), "{extended}");
    }
    let unreserved = detail(&Slot {
        wal_status: "unreserved",
        ..FORGOTTEN
    });
    assert!(unreserved.contains("next checkpoint"), "{unreserved}");
}

#[test]
fn a_slot_grows_from_a_segment_a_minute_on_and_by_more_than_it_lets_go_of() {
    for (grown_mib, released_mib, span_s, grows) in [
        (16.0, 0.0, 60.0, true),
        (15.0, 0.0, 60.0, false),
        (8.0, 0.0, 30.0, true),
        (7.0, 0.0, 30.0, false),
        (500.0, 499.0, 60.0, true),
        (500.0, 500.0, 60.0, false),
        (-20.0, 0.0, 60.0, false),
    ] {
        let assessment = Slot {
            span_s,
            grown_mib,
            released_mib,
            ..FORGOTTEN
        }
        .assess();
        let told = finding(&assessment, "slot_wal").is_some();
        assert_eq!(told, grows, "{grown_mib} MiB in {span_s} s");
        assert_eq!(ruled_out(&assessment, "slot_wal"), !grows);
    }
}

/// A consumer confirms what it has every few seconds: until then, a healthy slot keeps all of the log.
#[test]
fn a_slot_with_a_consumer_counts_from_a_minute_on() {
    let behind = |span_s: f64| Slot {
        state: "active",
        grown_mib: 200.0,
        span_s,
        ..FORGOTTEN
    };
    let assessment = behind(60.0).assess();
    let slot = found(&assessment);
    assert!(slot.detail.contains("falls behind"), "{}", slot.detail);
    let advised = actions(slot);
    assert!(
        advised.starts_with("find what holds the consumer up"),
        "{advised}"
    );
    assert!(ruled_out(&behind(59.0).assess(), "slot_wal"));
}

#[test]
fn healthy_slots_and_none_at_all_are_fine_and_slots_that_were_not_read_are_unknown() {
    let healthy = Slot {
        state: "active",
        grown_mib: 3.0,
        released_mib: 900.0,
        ..FORGOTTEN
    };
    // It was made in the course of the step.
    let mut new = FORGOTTEN.row();
    new.figures.remove("begin_kept_bytes");
    new.figures.remove("released_bytes");
    for slots in [vec![healthy.row()], vec![new], vec![]] {
        let assessment = assess(&with(60.0, slots));
        assert!(finding(&assessment, "slot_wal").is_none());
        assert!(ruled_out(&assessment, "slot_wal"));
    }
    for missing in ["replication_slots", "deltas.span_s"] {
        let unread = assess_reports(&FORGOTTEN.server().run_without(missing));
        assert!(is_unknown(&unread, "slot_wal"), "{missing}");
    }
}
