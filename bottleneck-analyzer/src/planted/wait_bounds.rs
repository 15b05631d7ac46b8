//! Tests of the rules about waits, deadlocks, scans and foreign keys, on both sides of their bounds, and of the
//! statements and tables that they name.

use bench_report::{EvidenceRow, Operation, Summary};

use crate::assessment::{Finding, FindingKind, ImpactOf};

use super::causes::{assess, statements, tables};
use super::common::Plant;
use super::common::parts::PlantFigure as _;
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_told, is_unknown, told};

const SELECT: &str = "SELECT note FROM logs WHERE who = $1";

/// Panics unless the cause of the finding itself takes about `expected` nanoseconds of a call.
#[track_caller]
fn takes_ns(finding: &Finding, expected: f64) {
    let mut all = finding.computed.iter();
    let own = all.find(|figure| figure.what.starts_with("time that the cause itself takes"));
    let own = own.unwrap().value;
    assert!((own / expected - 1.0).abs() < 1e-6, "{own}");
}

/// Load in which this share of the sessions in service waits for `event`, with these figures of the server.
fn waiting(event: &'static str, part: f64, figures: &[(&'static str, f64)]) -> Server {
    Server {
        waits: vec![(event, part)],
        figures: figures.to_vec(),
        ..Server::default()
    }
}

/// Planted: a client whose threads are nearly all busy, on a machine with room. It keeps its transactions open, or
/// takes its results slowly.
#[test]
fn a_full_client_explains_results_that_it_takes_slowly_and_no_open_transactions() {
    let with = |server: &Server, cpu_ratio: f64, rule: &str| {
        let reports = server.run_with(|_, step| step.generator.cpu_ratio = cpu_ratio);
        told(&assess_reports(&reports), rule).kind
    };
    let kept = Server {
        idle_in_transaction: 0.7,
        service_ns: 2e7,
        ..Server::default()
    };
    let rule = "kept_transactions";
    assert_eq!(with(&kept, 0.5, rule), FindingKind::Problem);
    assert_eq!(with(&kept, 0.95, rule), FindingKind::Problem);
    let slow = waiting("Client.ClientWrite", 0.6, &[]);
    let rule = "client_waits";
    assert_eq!(with(&slow, 0.5, rule), FindingKind::Problem);
    assert_eq!(with(&slow, 0.95, rule), FindingKind::Information);
}

/// Planted: a server that was only watched. Of its 900 transactions a second 4 end in a deadlock in 1.5 s, each of
/// which costs a second: a third of the time of its 8 sessions.
#[test]
fn deadlocks_of_a_server_that_was_only_watched_take_a_share_of_the_time_of_its_sessions() {
    let mut report = Plant::default().postgres();
    "observe".clone_into(&mut report.scenario);
    report.summary = Summary::default();
    report.steps.truncate(1);
    let step = &mut report.steps[0];
    let watched = Operation {
        attempted: 900,
        succeeded: 900,
        throughput_per_s: 900.0,
        ..Operation::default()
    };
    step.operations = [("transaction".to_owned(), watched)].into();
    let server = step.server.as_mut().unwrap();
    for (name, value) in [
        ("sessions.cpu_mean", 8.0),
        ("sessions.lock_mean", 0.0),
        ("sessions.lwlock_mean", 0.0),
        ("sessions.io_mean", 0.0),
        ("sessions.client_mean", 0.0),
        ("deltas.span_s", 1.5),
        ("database.commits", 1_350.0),
        ("database.deadlocks", 4.0),
    ] {
        server.plant(name, value);
    }
    let assessment = assess_reports(&[report]);
    let impact = told(&assessment, "deadlocks").impact.unwrap();
    assert_eq!(impact.of, ImpactOf::SessionTime);
    assert!((impact.ratio - 1.0 / 3.0).abs() < 1e-6, "{impact:?}");
}

/// Planted: 4 deadlocks, where neither the calls are known nor a transaction was committed.
#[test]
fn deadlocks_without_a_commit_are_compared_with_nothing() {
    let server = Server {
        figures: vec![("database.deadlocks", 4.0), ("database.commits", 0.0)],
        ..Server::default()
    };
    let assessment = assess_reports(&server.run_without("deltas.span_s"));
    let found = told(&assessment, "deadlocks");
    assert_eq!(found.kind, FindingKind::Information);
    assert_eq!(found.impact, None);
    assert!(!found.detail.contains("one for every"), "{}", found.detail);
}

/// Load that changes rows of the table `parent`, whose foreign key in the table `child` has no index. The child is
/// read whole `scans` times, with `rows` rows each time.
fn keyed((deleted, updated): (f64, f64), scans: f64, rows: f64) -> Server {
    let labels = [
        ("child", "child"),
        ("columns", "parent_id"),
        ("parent", "parent"),
    ];
    let parent = [("deleted", deleted), ("updated", updated)];
    let child = [("seq_scan", scans), ("seq_tup_read", scans * rows)];
    Server {
        tables: vec![
            (
                "tables",
                vec![
                    row(&[("relation", "parent")], &parent),
                    row(&[("relation", "child")], &child),
                ],
            ),
            ("unindexed_foreign_keys", vec![row(&labels, &[])]),
        ],
        ..Server::default()
    }
}

#[test]
fn a_foreign_key_is_told_from_a_thousand_rows_and_twenty_changes_on() {
    let is_told = |changes: f64, rows: f64| {
        let server = keyed((changes, 0.0), changes, rows);
        is_told(&assess(&server), "unindexed_foreign_key")
    };
    assert!(is_told(100.0, 1_000.0));
    assert!(!is_told(100.0, 999.0));
    assert!(is_told(20.0, 1_000.0));
    assert!(!is_told(19.0, 1_000.0));
}

/// Planted: a child that is read from half as often as rows of the parent are deleted to twice as often as they are
/// changed, or beyond that.
#[test]
fn a_child_that_is_read_about_as_often_as_its_parents_change_is_read_for_them() {
    let is_told = |changes: (f64, f64), scans: f64| {
        let server = keyed(changes, scans, 5_000.0);
        is_told(&assess(&server), "unindexed_foreign_key")
    };
    assert!(is_told((100.0, 0.0), 50.0));
    assert!(!is_told((100.0, 0.0), 49.0));
    assert!(is_told((100.0, 0.0), 200.0));
    assert!(!is_told((100.0, 0.0), 201.0));
    assert!(is_told((100.0, 50.0), 300.0));
    assert!(!is_told((100.0, 50.0), 301.0));
    assert!(is_told((0.0, 50.0), 100.0));
    assert!(!is_told((0.0, 19.0), 19.0));
}

/// Returns a row of a statement that was called 3,000 times, for `ns` nanoseconds each time, and returned `rows`
/// rows each time.
fn statement(text: &str, ns: f64, rows: f64) -> EvidenceRow {
    let figures = [
        ("calls", 3_000.0),
        ("exec_ns", 3_000.0 * ns),
        ("rows", 3_000.0 * rows),
    ];
    row(&[("statement", text), ("toplevel", "true")], &figures)
}

/// Planted: statements that only read the parent or change another table, which take longer than the one that
/// changes the parent. That takes a quarter of the time.
#[test]
fn a_foreign_key_costs_the_share_of_the_statement_that_changes_the_parent() {
    for text in [
        "UPDATE parent SET id = $1 WHERE id = $2",
        "DELETE FROM parent WHERE id = $1",
    ] {
        let mut server = keyed((3_000.0, 0.0), 3_000.0, 5_000.0);
        let rows = vec![
            statement("SELECT note FROM parent", 8e5, 1.0),
            statement("DELETE FROM people WHERE id = $1", 4e5, 1.0),
            statement(text, 4e5, 1.0),
        ];
        server.tables.push(("statements", rows));
        let assessment = assess(&server);
        let found = told(&assessment, "unindexed_foreign_key");
        assert!(found.title.contains(text), "{}", found.title);
        // The server works for 1.9 ms of a call.
        takes_ns(found, 1.9e6 / 4.0);
    }
}

#[test]
fn a_table_is_read_whole_from_ten_scans_of_ten_thousand_rows_on() {
    let is_told = |scans: f64, rows: f64| {
        let read = [("seq_scan", scans), ("seq_tup_read", scans * rows)];
        let assessment = assess(&Server {
            tables: vec![statements(SELECT, 1.0, &[]), tables("logs", &read)],
            ..Server::default()
        });
        is_told(&assessment, "sequential_scans")
    };
    assert!(is_told(10.0, 10_000.0));
    assert!(!is_told(9.0, 10_000.0));
    assert!(!is_told(10.0, 9_999.0));
}

/// Planted: a table of a number of rows, whose index is scanned.
#[test]
fn an_index_is_read_whole_from_ten_scans_of_ten_thousand_entries_and_nine_tenths_on() {
    let is_told = |scans: f64, entries: f64, rows: f64| {
        let read = [
            ("idx_scan", scans),
            ("idx_entries_read", scans * entries),
            ("rows_estimated", rows),
        ];
        let assessment = assess(&Server {
            tables: vec![statements(SELECT, 1.0, &[]), tables("logs", &read)],
            ..Server::default()
        });
        is_told(&assessment, "sequential_scans")
    };
    assert!(is_told(10.0, 10_000.0, 10_000.0));
    assert!(!is_told(9.0, 10_000.0, 10_000.0));
    assert!(!is_told(10.0, 9_999.0, 9_999.0));
    assert!(is_told(10.0, 18_010.0, 20_000.0));
    assert!(!is_told(10.0, 17_990.0, 20_000.0));
}

/// Planted: rows read for each of 3,000 transactions, in a server whose tables were not counted.
#[test]
fn rows_that_were_not_counted_by_table_are_told_from_ten_thousand_for_a_transaction_on() {
    let is_told = |rows: f64| {
        let figures = vec![
            ("database.rows_returned", 3_000.0 * rows),
            ("database.commits", 3_000.0),
        ];
        let assessment = assess(&Server {
            figures,
            tables: vec![statements(SELECT, 1.0, &[])],
            ..Server::default()
        });
        is_told(&assessment, "sequential_scans")
    };
    assert!(is_told(10_000.0));
    assert!(!is_told(9_999.0));
}

/// Planted: a statement that keeps a hundredth of the rows that it reads, and takes half of the time of all. Part of
/// the time in service is a wait for pages, by either of its names.
#[test]
fn a_scan_costs_the_time_of_reading_the_rows_that_are_not_kept() {
    for waits in [
        vec![],
        vec![("IO.DataFileRead", 0.2)],
        vec![("IO.AioIoCompletion", 0.2)],
    ] {
        let read = [("seq_scan", 3_000.0), ("seq_tup_read", 3_000.0 * 1e5)];
        let rows = vec![
            statement(SELECT, 9e5, 1_000.0),
            statement("UPDATE people SET seen = $1 WHERE id = $2", 9e5, 1.0),
        ];
        let assessment = assess(&Server {
            waits,
            tables: vec![("statements", rows), tables("logs", &read)],
            ..Server::default()
        });
        // The server works and reads for 1.9 ms of a call.
        takes_ns(
            told(&assessment, "sequential_scans"),
            1.9e6 * 0.5 * (1.0 - 0.01),
        );
    }
}

/// Planted: a wait of a fifth of the time of a single user, or of a little more or less.
#[test]
fn a_wait_is_told_from_a_fifth_of_a_session_on_unless_its_time_is_wasted() {
    let is_told = |event: &'static str, part: f64, rule: &str| {
        let server = Server {
            users: 1.0,
            outside: 0.0,
            ..waiting(event, part, &[])
        };
        is_told(&assess(&server), rule)
    };
    assert!(is_told("Lock.relation", 0.21, "lock_waits"));
    assert!(!is_told("Lock.relation", 0.19, "lock_waits"));
    assert!(is_told("Timeout.PgSleep", 0.19, "sleeps"));
}

/// Planted: waits of a fifth of the time in service, and of 30 %.
#[test]
fn a_wait_for_a_file_is_told_from_a_larger_share_on_than_one_for_a_lock() {
    let is_told = |event: &'static str, part: f64, rule: &str| {
        is_told(&assess(&waiting(event, part, &[])), rule)
    };
    for (event, rule) in [
        ("IO.DataFileRead", "read_waits"),
        ("IO.WalSync", "commit_waits"),
    ] {
        assert!(is_told(event, 0.3, rule), "{event}");
        assert!(!is_told(event, 0.2, rule), "{event}");
    }
    for (event, rule) in [
        ("Lock.relation", "lock_waits"),
        ("LWLock.LockManager", "lwlock_waits"),
    ] {
        assert!(is_told(event, 0.2, rule), "{event}");
        assert!(!is_told(event, 0.1, rule), "{event}");
    }
}

/// Planted: commits of 5.1 and of 4.8 ms, and short ones in which 1.14 or 0.76 sessions wait for the flush of others.
#[test]
fn commits_are_a_problem_if_they_are_slow_or_a_session_waits_for_the_flush_of_others() {
    let kind = |server: &Server| told(&assess(server), "commit_waits").kind;
    let slow = |part: f64| Server {
        service_ns: 1.7e7,
        outside: 0.0,
        ..waiting("IO.WalSync", part, &[])
    };
    assert_eq!(kind(&slow(0.30)), FindingKind::Problem);
    assert_eq!(kind(&slow(0.28)), FindingKind::Information);
    let behind = |part: f64| Server {
        users: 2.0,
        ..waiting("LWLock.WALWrite", part, &[])
    };
    assert_eq!(kind(&behind(0.6)), FindingKind::Problem);
    assert_eq!(kind(&behind(0.4)), FindingKind::Information);
}

/// Planted: 400 users before a pool of 8. The wait for a lock takes a fifth of the time in service, and less than a
/// hundredth of a call, of which it is no part of its own.
#[test]
fn a_wait_that_is_a_small_part_of_a_call_in_a_long_queue_takes_its_time_all_the_same() {
    let assessment = assess(&Server {
        users: 400.0,
        ..waiting("Lock.relation", 0.2, &[])
    });
    // 1.52 sessions wait, at 4,000 calls a second.
    takes_ns(told(&assessment, "lock_waits"), 3.8e5);
}

/// Planted: a client that pauses for 14 ms in its transactions, and has four threads that work for 6 % of the time.
/// With 16 % of it in the queue for a CPU 1.1 answers wait for the threads, and with 24 % 1.7. Of 2.66 sessions that
/// are idle in a transaction, half are 1.33.
#[test]
fn threads_of_a_client_explain_its_pauses_if_half_of_the_sessions_wait_for_them() {
    let server = Server {
        idle_in_transaction: 0.7,
        service_ns: 2e7,
        cpu: (0.5, 0.05, 0.06),
        ..Server::default()
    };
    let with = |ready_ns: u64| {
        assess_reports(&server.run_with(|_, step| step.generator.ready_ns = Some(ready_ns)))
    };
    let rule = "kept_transactions";
    let few = with(640_000_000);
    assert!(finding(&few, rule).is_some() && !is_unknown(&few, rule));
    let many = with(960_000_000);
    assert!(finding(&many, rule).is_none() && is_unknown(&many, rule));
}
