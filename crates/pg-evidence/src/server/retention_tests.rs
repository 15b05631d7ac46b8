//! Tests of the rows that are written about holders of dead rows and about replication slots.

use super::*;

fn holder(kind: &str, identity: &str, xid: &str, age: i64) -> RowHolder {
    RowHolder {
        kind: kind.to_owned(),
        name: "report".to_owned(),
        identity: identity.to_owned(),
        xid: xid.to_owned(),
        age,
        ..RowHolder::default()
    }
}

fn holders(holders: &[RowHolder]) -> Retention {
    Retention {
        holders: holders.to_vec(),
        ..Retention::default()
    }
}

/// Returns the rows of a table after `after` was read a step later than `before`.
fn rows(before: &Retention, after: &Retention, table: &str) -> Vec<EvidenceRow> {
    let mut evidence = ServerEvidence::default();
    report(&Ok(before.clone()), &Ok(after.clone()), &mut evidence);
    evidence.tables[table].clone()
}

#[test]
fn a_holder_has_held_since_the_beginning_only_in_the_same_transaction_and_from_the_same_id() {
    let before = holders(&[holder("session", "7 noon", "100", 3)]);
    let begin = |then: RowHolder| {
        let rows = rows(&before, &holders(&[then]), "xmin_holders");
        assert_eq!(rows[0].figures["age_transactions"], 50.0);
        rows[0].figures.get("begin_age_transactions").copied()
    };
    assert_eq!(begin(holder("session", "7 noon", "100", 50)), Some(3.0));
    for other in [
        holder("session", "7 noon", "140", 50),
        holder("session", "7 later", "100", 50),
        holder("session", "8 noon", "100", 50),
        holder("standby", "7 noon", "100", 50),
    ] {
        assert_eq!(begin(other.clone()), None, "{other:?}");
    }
}

#[test]
fn of_each_kind_the_one_that_stood_still_for_longest_is_told_and_the_oldest_comes_first() {
    let stood = [
        holder("session", "1", "100", 10),
        holder("session", "2", "105", 5),
        holder("replication slot", "", "90", 20),
    ];
    let after = holders(&[
        holder("session", "1", "100", 30),
        holder("session", "2", "105", 25),
        holder("session", "3", "60", 70),
        holder("replication slot", "", "90", 40),
    ]);
    let told: Vec<(String, f64)> = rows(&holders(&stood), &after, "xmin_holders")
        .iter()
        .map(|row| (row.labels["kind"].clone(), row.figures["age_transactions"]))
        .collect();
    let expected = [("replication slot", 40.0), ("session", 30.0)];
    assert_eq!(told, expected.map(|(kind, age)| (kind.to_owned(), age)));
}

#[test]
fn holders_that_cannot_be_seen_are_unavailable_and_slots_are_told_all_the_same() {
    let hidden = Retention {
        hidden: 1,
        ..Retention::default()
    };
    let standby = Retention {
        is_standby: true,
        ..Retention::default()
    };
    for (before, after, reason) in [
        (&hidden, &Retention::default(), "pg_read_all_stats"),
        (&Retention::default(), &hidden, "pg_read_all_stats"),
        (&standby, &standby, "VACUUM runs on its primary"),
    ] {
        let mut evidence = ServerEvidence::default();
        report(&Ok(before.clone()), &Ok(after.clone()), &mut evidence);
        assert!(evidence.unavailable["xmin_holders"].contains(reason));
        assert!(!evidence.tables.contains_key("xmin_holders"));
        assert!(evidence.tables["replication_slots"].is_empty());
    }
}

#[test]
fn a_reading_that_failed_leaves_both_tables_unavailable() {
    let failed = Err("permission denied".to_owned());
    let read = Ok(Retention::default());
    for (before, after) in [(&failed, &read), (&read, &failed)] {
        let mut evidence = ServerEvidence::default();
        report(before, after, &mut evidence);
        assert!(evidence.tables.is_empty());
        for table in ["xmin_holders", "replication_slots"] {
            assert_eq!(evidence.unavailable[table], "permission denied");
        }
    }
}

fn slot(start_bytes: Option<f64>, kept_bytes: Option<f64>) -> Retention {
    let slot = SlotLog {
        name: "replica".to_owned(),
        state: "inactive".to_owned(),
        start_bytes,
        kept_bytes,
        ..SlotLog::default()
    };
    Retention {
        slots: vec![slot],
        ..Retention::default()
    }
}

#[test]
fn the_log_of_a_slot_is_told_at_both_ends_of_the_step_with_the_part_that_it_let_go_of() {
    let begin = slot(Some(1_000.0), Some(50.0));
    let of = |before: &Retention, after: &Retention| {
        rows(before, after, "replication_slots")[0].figures.clone()
    };
    let grown = of(&begin, &slot(Some(1_200.0), Some(80.0)));
    assert_eq!(grown["begin_kept_bytes"], 50.0);
    assert_eq!(grown["kept_bytes"], 80.0);
    assert_eq!(grown["released_bytes"], 200.0);
    // The slot is new, was made anew, or keeps nothing.
    let nothing = slot(None, None);
    let back = slot(Some(900.0), Some(80.0));
    for (before, after, kept) in [
        (&Retention::default(), &begin, Some(50.0)),
        (&nothing, &begin, Some(50.0)),
        (&begin, &back, Some(80.0)),
        (&begin, &nothing, None),
    ] {
        let figures = of(before, after);
        assert_eq!(figures.get("kept_bytes").copied(), kept);
        assert!(!figures.contains_key("begin_kept_bytes"), "{figures:?}");
        assert!(!figures.contains_key("released_bytes"), "{figures:?}");
    }
}
