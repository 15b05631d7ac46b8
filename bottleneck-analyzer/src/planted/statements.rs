//! Tests of PostgreSQL's statements: scans, triggers, sorts and planning.

use super::causes::{assess, first, ruled_out, statements, tables};
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown, named};

#[test]
fn a_table_read_whole_is_named_with_its_statement() {
    let scanned = |rows: f64, text: &str| Server {
        tables: vec![
            statements(text, 1.0, &[]),
            tables(
                "shop.orders",
                &[("seq_scan", 3_000.0), ("seq_tup_read", 3_000.0 * rows)],
            ),
        ],
        ..Server::default()
    };
    let text = "SELECT sum(total) FROM orders WHERE customer = $1";
    let assessment = assess(&scanned(200_000.0, text));
    let found = first(&assessment, "sequential_scans");
    for word in ["shop.orders", "200000 rows", text] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
    // A small table is read fastest as a whole. A statement that needs all rows must read the whole table.
    for harmless in [
        scanned(200.0, text),
        scanned(200_000.0, "SELECT sum(total) FROM orders"),
        scanned(200_000.0, "SELECT name FROM customers WHERE id = $1"),
    ] {
        let assessment = assess(&harmless);
        assert_eq!(named(&assessment), Vec::<&str>::new());
        assert!(ruled_out(&assessment, "sequential_scans"));
    }
    let unknown = assess_reports(&scanned(200_000.0, text).run_without("tables"));
    assert!(is_unknown(&unknown, "sequential_scans"));
}

/// The statement casts the column. The server then reads an index from end to end, and counts no
/// scan of the table.
#[test]
fn an_index_that_is_read_whole_is_named_and_a_range_of_it_is_not() {
    let text = "SELECT count(*) FROM logs WHERE who::int = $1";
    let scanned = |entries: f64| Server {
        tables: vec![
            statements(text, 1.0, &[]),
            tables(
                "logs",
                &[
                    ("idx_scan", 3_000.0),
                    ("idx_entries_read", 3_000.0 * entries),
                    ("rows_estimated", 100_000.0),
                ],
            ),
        ],
        ..Server::default()
    };
    let assessment = assess(&scanned(100_000.0));
    let found = first(&assessment, "sequential_scans");
    for word in ["An index of logs is read whole", text] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
    let range = assess(&scanned(20_000.0));
    assert_eq!(named(&range), Vec::<&str>::new());
}

/// Reports of the previous release do not count the scans of each table. Rows read, compared with rows
/// returned, reveal a scan.
#[test]
fn rows_read_in_older_reports_tell_of_a_scan() {
    let read = |rows: f64| Server {
        figures: vec![("database.rows_returned", rows * Server::default().calls())],
        tables: vec![statements("SELECT a FROM b WHERE c = $1", 1.0, &[])],
        ..Server::default()
    };
    let assessment = assess(&read(190_000.0));
    let found = first(&assessment, "sequential_scans");
    assert!(
        found.title.contains("SELECT a FROM b WHERE c = $1"),
        "{}",
        found.title
    );
    assert!(ruled_out(&assess(&read(3.0)), "sequential_scans"));
}

#[test]
fn a_foreign_key_without_an_index_is_named_and_not_the_statement_s_own_table() {
    let calls = Server::default().calls();
    let deleting = |scans: f64| Server {
        tables: vec![
            statements("DELETE FROM parent WHERE id = $1", 1.0, &[]),
            (
                "tables",
                vec![
                    row(&[("relation", "parent")], &[("deleted", calls)]),
                    row(
                        &[("relation", "child")],
                        &[("seq_scan", scans), ("seq_tup_read", scans * 50_000.0)],
                    ),
                ],
            ),
            (
                "unindexed_foreign_keys",
                vec![row(
                    &[
                        ("child", "child"),
                        ("columns", "parent_id"),
                        ("parent", "parent"),
                    ],
                    &[],
                )],
            ),
        ],
        ..Server::default()
    };
    let assessment = assess(&deleting(calls));
    let found = first(&assessment, "unindexed_foreign_key");
    assert!(found.title.contains("child (parent_id)"), "{}", found.title);
    assert!(finding(&assessment, "sequential_scans").is_none());
    let fine = assess(&deleting(3.0));
    assert_eq!(named(&fine), Vec::<&str>::new());
    assert!(ruled_out(&fine, "unindexed_foreign_key"));
}

#[test]
fn a_trigger_that_takes_the_time_is_named_and_a_function_that_is_asked_for_is_no_problem() {
    let calls = Server::default().calls();
    let timed = |part: f64, with_trigger: bool| {
        let function = row(
            &[("function", "shop.audit")],
            &[
                ("calls", calls),
                ("self_ns", part * 2e6 * calls),
                ("total_ns", part * 3e6 * calls),
            ],
        );
        let mut tables = vec![("functions", vec![function])];
        if with_trigger {
            let labels = [
                ("relation", "orders"),
                ("trigger", "audit_it"),
                ("function", "shop.audit"),
            ];
            tables.push(("triggers", vec![row(&labels, &[])]));
        }
        Server {
            tables,
            ..Server::default()
        }
    };
    let assessment = assess(&timed(0.6, true));
    let found = first(&assessment, "function_time");
    assert!(
        found.title.contains("trigger audit_it on orders"),
        "{}",
        found.title
    );
    let (alone, whole) = ("1.20 ms at each", "and 1.80 ms with them");
    assert!(
        found.detail.contains(alone) && found.detail.contains(whole),
        "{}",
        found.detail
    );
    assert_eq!(named(&assess(&timed(0.6, false))), Vec::<&str>::new());
    assert!(ruled_out(&assess(&timed(0.02, true)), "function_time"));
    let unknown = assess_reports(&timed(0.6, true).run_without("functions"));
    assert!(is_unknown(&unknown, "function_time"));
}

#[test]
fn sorts_that_spill_are_named_with_what_they_spill() {
    let spilling = |bytes: f64, part: f64| Server {
        waits: vec![("IO.BufFileWrite", part)],
        figures: vec![
            ("database.temp_bytes", bytes * Server::default().calls()),
            ("database.temp_files", 2.0 * Server::default().calls()),
        ],
        tables: vec![statements(
            "SELECT * FROM t ORDER BY x",
            10.0,
            &[("temp_blocks_written", 9e6)],
        )],
        ..Server::default()
    };
    let assessment = assess(&spilling(14e6, 0.08));
    let found = first(&assessment, "temp_files");
    for word in ["13.4 MiB", "ORDER BY x", "BufFileWrite"] {
        assert!(found.title.contains(word), "{word}: {}", found.title);
    }
    let files = "6000 files of 6.68 MiB on average";
    assert!(found.detail.contains(files), "{}", found.detail);
    let fine = assess(&spilling(1e4, 0.0));
    assert_eq!(named(&fine), Vec::<&str>::new());
    assert!(ruled_out(&fine, "temp_files"));
    let unknown = assess_reports(&spilling(14e6, 0.08).run_without("database.temp_bytes"));
    assert!(is_unknown(&unknown, "temp_files"));
}

#[test]
fn planning_and_compiling_are_told_by_their_time() {
    let calls = Server::default().calls();
    let planned = |ns: f64| Server {
        figures: vec![
            ("statements.plan_ns", ns * calls),
            ("statements.plans", calls),
        ],
        ..Server::default()
    };
    first(&assess(&planned(1.2e6)), "planning_time");
    let fine = assess(&planned(2e4));
    assert!(ruled_out(&fine, "planning_time") && named(&fine).is_empty());
    assert!(is_unknown(&assess(&Server::default()), "planning_time"));
    let compiled = |ns: f64| Server {
        figures: vec![("statements.jit_ns", ns * calls)],
        ..Server::default()
    };
    first(&assess(&compiled(8e5)), "jit");
    assert!(ruled_out(&assess(&compiled(1e3)), "jit"));
}
