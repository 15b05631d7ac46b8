//! Tests of who keeps dead rows from being removed: an open transaction, a prepared one, a replication slot, a
//! standby. Each is named only if it has held the same rows over the whole step.

use bench_report::EvidenceRow;

use super::causes::{assess, tables};
use super::common::server::{Server, row};
use super::{finding, named};

/// Holder of `kind` with its age in transactions at the end of the step, and at the beginning if it held the
/// same rows then.
fn holder(kind: &str, name: &str, state: &str, age: f64, begin: Option<f64>) -> EvidenceRow {
    let mut row = row(
        &[("kind", kind), ("name", name), ("state", state)],
        &[("age_transactions", age)],
    );
    let begin = begin.map(|age| ("begin_age_transactions".to_owned(), age));
    row.figures.extend(begin);
    row
}

/// Session that has been idle in a transaction since before the step.
fn idle() -> EvidenceRow {
    holder(
        "session",
        "report.py",
        "idle in transaction",
        52_000.0,
        Some(4.0),
    )
}

/// Load on a table with 40,000 dead rows.
struct DeadRows {
    /// Seconds between the two readings of the counters.
    span_s: f64,
    /// Scans of the table's indexes.
    scans: f64,
    updated: f64,
    deleted: f64,
    holders: Vec<EvidenceRow>,
}

impl Default for DeadRows {
    fn default() -> Self {
        Self {
            span_s: 60.0,
            scans: 50_000.0,
            updated: 30_000.0,
            deleted: 12_000.0,
            holders: vec![idle()],
        }
    }
}

impl DeadRows {
    fn server(&self) -> Server {
        let figures = [
            ("dead", 40_000.0),
            ("live", 1e5),
            ("idx_scan", self.scans),
            ("updated", self.updated),
            ("hot_updated", self.updated),
            ("deleted", self.deleted),
        ];
        Server {
            figures: vec![
                ("deltas.span_s", self.span_s),
                ("transactions.oldest_age_s", 600.0),
                ("transactions.prepared", 1.0),
            ],
            tables: vec![
                tables("accounts", &figures),
                ("xmin_holders", self.holders.clone()),
            ],
            ..Server::default()
        }
    }

    /// Returns the explanation and the actions of the finding about the dead rows.
    fn told(&self) -> (String, String) {
        let assessment = assess(&self.server());
        assert_eq!(named(&assessment), Vec::<&str>::new());
        let found = finding(&assessment, "dead_rows").unwrap();
        let actions = found.advice.as_ref().unwrap().actions.join("; ");
        (found.detail.clone(), actions)
    }
}

const VACUUM: &str = "VACUUM (VERBOSE) accounts";

#[test]
fn each_kind_of_holder_is_named_and_ended_before_vacuum() {
    for (kind, name, state, clause, action) in [
        (
            "session",
            "report.py",
            "idle in transaction",
            "the transaction of report.py is open (idle in transaction)",
            "end the transaction of report.py, whose client",
        ),
        (
            "session",
            "",
            "active",
            "the transaction of a session without an application name is open (active)",
            "end the transaction of a session without an application name, which",
        ),
        (
            "prepared transaction",
            "order 4711",
            "prepared",
            "prepared transaction order 4711 is not ended",
            "end prepared transaction order 4711: COMMIT PREPARED or ROLLBACK PREPARED",
        ),
        (
            "replication slot",
            "old_replica",
            "inactive",
            "replication slot old_replica stands still without a consumer",
            "drop replication slot old_replica if nobody needs it",
        ),
        (
            "replication slot",
            "replica",
            "active",
            "replication slot replica does not move on",
            "find what holds the consumer of replication slot replica up",
        ),
        (
            "standby",
            "walreceiver",
            "",
            "standby walreceiver asks to keep them (hot_standby_feedback)",
            "end the long query on standby walreceiver",
        ),
    ] {
        let load = DeadRows {
            holders: vec![holder(kind, name, state, 52_000.0, Some(4.0))],
            ..DeadRows::default()
        };
        let (detail, actions) = load.told();
        let kept = "VACUUM cannot remove rows that died in the last 52000 transactions while";
        for part in [
            format!("{kept} {clause}.").as_str(),
            "In this step alone 42000 rows of the table were updated or deleted.",
        ] {
            assert!(detail.contains(part), "{part}: {detail}");
        }
        assert!(actions.starts_with(action), "{actions}");
        assert!(actions.contains(VACUUM), "{actions}");
    }
}

/// Planted: a standby that gives no name when it connects.
#[test]
fn a_standby_without_a_name_is_told_as_such() {
    let load = DeadRows {
        holders: vec![holder("standby", "", "", 52_000.0, Some(4.0))],
        ..DeadRows::default()
    };
    let (detail, actions) = load.told();
    let clause = "while a standby without a name asks to keep them (hot_standby_feedback).";
    assert!(detail.contains(clause), "{detail}");
    let action = "end the long query on a standby without a name, or switch";
    assert!(actions.starts_with(action), "{actions}");
}

#[test]
fn each_of_two_holders_is_named() {
    let slot = holder(
        "replication slot",
        "old_replica",
        "inactive",
        90_000.0,
        Some(38_004.0),
    );
    let load = DeadRows {
        holders: vec![slot, idle()],
        ..DeadRows::default()
    };
    let (detail, actions) = load.told();
    for part in ["90000 transactions while", "52000 transactions while"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    assert!(
        actions.starts_with("drop replication slot old_replica"),
        "{actions}"
    );
    let (end, vacuum) = (actions.find("end the transaction"), actions.find(VACUUM));
    assert!(end.unwrap() < vacuum.unwrap(), "{actions}");
}

/// Neither is the open transaction suspected by its age, as in reports that do not tell the holders: it holds
/// nothing, or is one of another database.
#[test]
fn who_began_within_the_step_or_moved_on_in_it_is_no_holder() {
    let healthy = |kind, state| holder(kind, "replica", state, 12.0, None);
    for holders in [
        vec![],
        vec![healthy("session", "active")],
        vec![healthy("replication slot", "active")],
        vec![healthy("standby", "")],
        // No transaction began meanwhile, so that it keeps nothing.
        vec![holder("session", "report.py", "active", 0.0, Some(0.0))],
        vec![holder("of the future", "it", "", 52_000.0, Some(4.0))],
    ] {
        let load = DeadRows {
            holders: holders.clone(),
            ..DeadRows::default()
        };
        let (detail, actions) = load.told();
        assert!(actions.starts_with(VACUUM), "{holders:?}: {actions}");
        for part in ["cannot remove", "open", "In this step alone"] {
            assert!(!detail.contains(part), "{holders:?}: {detail}");
        }
    }
}

/// A healthy standby tells its oldest query every 10 s, so that in a short step it does not move on either.
#[test]
fn a_standby_or_the_slot_of_one_is_a_holder_from_thirty_seconds_on() {
    let is_named = |kind: &str, state: &str, span_s: f64| {
        let load = DeadRows {
            span_s,
            holders: vec![holder(kind, "replica", state, 52_000.0, Some(4.0))],
            ..DeadRows::default()
        };
        load.told().0.contains("cannot remove")
    };
    for (kind, state) in [("standby", ""), ("replication slot", "active")] {
        assert!(is_named(kind, state, 30.0), "{kind}");
        assert!(!is_named(kind, state, 29.0), "{kind}");
    }
    assert!(is_named("replication slot", "inactive", 2.0));
    assert!(is_named("session", "active", 2.0));
}

/// Rows that died before the holder began are not kept, so that VACUUM may help at once.
#[test]
fn a_holder_comes_first_only_if_the_load_reads_the_table_and_rows_died_in_the_step() {
    let mended_first = |load: &DeadRows| {
        let (detail, actions) = load.told();
        assert!(detail.contains("while the transaction of report.py"));
        assert!(actions.contains("end the transaction"), "{actions}");
        let is_known = !detail.contains("How many of these rows died since then is not known");
        assert_eq!(is_known, !actions.starts_with(VACUUM), "{detail}");
        is_known
    };
    let died = |updated, deleted| DeadRows {
        updated,
        deleted,
        ..DeadRows::default()
    };
    assert!(mended_first(&died(600.0, 400.0)));
    assert!(!mended_first(&died(600.0, 399.0)));
    let scans = |scans| DeadRows {
        scans,
        ..DeadRows::default()
    };
    assert!(mended_first(&scans(1.0)));
    assert!(!mended_first(&scans(0.0)));
}

#[test]
fn a_table_without_many_dead_rows_has_no_holder() {
    let mut server = DeadRows::default().server();
    server.tables[0] = tables("accounts", &[("dead", 999.0), ("live", 1e3)]);
    assert!(finding(&assess(&server), "dead_rows").is_none());
}
