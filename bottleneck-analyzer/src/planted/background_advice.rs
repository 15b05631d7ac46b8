//! Tests of what is said, and what is left open, about PostgreSQL's background work: checkpoints, whole pages in
//! the log, dead rows, deadlocks, and counters that were reset.

use serde_json::{Value, json};

use super::causes::{assess, first, ruled_out, tables};
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown, named};
use crate::assessment::{Assessment, Finding, FindingKind};

const MIB: f64 = 1_048_576.0;

/// Assesses a load on a server with these settings.
fn assess_with(server: &Server, settings: Value) -> Assessment {
    let mut reports = server.run();
    reports[0].config.insert("server_settings".into(), settings);
    assess_reports(&reports)
}

fn counting(figures: &[(&'static str, f64)]) -> Server {
    Server {
        figures: figures.to_vec(),
        ..Server::default()
    }
}

fn found<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

fn actions(finding: &Finding) -> String {
    finding.advice.as_ref().unwrap().actions.join("; ")
}

/// Load during which `requested` checkpoints were forced, with `mib` MiB of log in `span_s` seconds.
fn checkpoints(requested: f64, mib: f64, span_s: f64) -> Server {
    counting(&[
        ("checkpointer.requested", requested),
        ("checkpointer.timed", 0.0),
        ("wal.bytes", mib * MIB),
        ("deltas.span_s", span_s),
    ])
}

#[test]
fn one_checkpoint_that_somebody_asked_for_is_no_reason_to_raise_max_wal_size() {
    let assessment = assess_with(
        &checkpoints(1.0, 30.0, 30.0),
        json!({"max_wal_size": "4GB"}),
    );
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let one = found(&assessment, "requested_checkpoints");
    assert_eq!(one.kind, FindingKind::Information);
    assert!(!one.title.contains("max_wal_size"), "{}", one.title);
    for word in [
        "wrote 30.0 MiB of log, too little for max_wal_size (4GB)",
        "somebody asked for a checkpoint",
    ] {
        assert!(one.detail.contains(word), "{word}: {}", one.detail);
    }
    assert!(!actions(one).contains("max_wal_size"), "{}", actions(one));
}

#[test]
fn a_max_wal_size_is_to_be_raised_only_if_it_is_too_small_for_five_minutes() {
    let of = |size: &str| {
        let assessment = assess_with(
            &checkpoints(1.0, 700.0, 600.0),
            json!({"max_wal_size": size}),
        );
        let of_size = found(&assessment, "requested_checkpoints");
        assert!(
            of_size.title.contains("(max_wal_size)"),
            "{}",
            of_size.title
        );
        actions(of_size)
    };
    let small = of("512MB");
    assert!(
        small.contains("raise max_wal_size: at 1.17 MiB/s of log"),
        "{small}"
    );
    let enough = of("1GB");
    assert!(!enough.contains("raise"), "{enough}");
    assert!(enough.contains("max_wal_size is enough"), "{enough}");
}

#[test]
fn checkpoints_whose_reason_is_not_known_are_to_be_looked_up_in_the_log_of_the_server() {
    let assessment = assess(&checkpoints(3.0, 100.0, 30.0));
    let some = found(&assessment, "requested_checkpoints");
    assert!(!some.title.contains("max_wal_size"), "{}", some.title);
    let advised = actions(some);
    assert!(
        advised.starts_with("see why in the server's log"),
        "{advised}"
    );
    assert!(!advised.contains("raise"), "{advised}");
}

/// Load that writes `pages` whole pages into 100 MB of log.
fn whole_pages(pages: f64) -> Server {
    counting(&[("wal.full_page_images", pages), ("wal.bytes", 1e8)])
}

#[test]
fn compressed_pages_leave_open_how_much_of_the_log_they_are() {
    let of = |pages: f64, method: &str| {
        assess_with(&whole_pages(pages), json!({"wal_compression": method}))
    };
    let compressed = of(9_000.0, "lz4");
    assert!(finding(&compressed, "full_page_images").is_none());
    assert!(is_unknown(&compressed, "full_page_images"));
    // The upper bound is small enough to rule it out.
    assert!(ruled_out(&of(900.0, "lz4"), "full_page_images"));
    let plain = of(9_000.0, "off");
    let many = found(&plain, "full_page_images");
    assert!(many.title.starts_with("74 %"), "{}", many.title);
    assert!(
        actions(many).contains("wal_compression = lz4"),
        "{}",
        actions(many)
    );
}

#[test]
fn pages_of_more_bytes_than_the_log_has_are_at_most_all_of_it() {
    let assessment = assess(&whole_pages(20_000.0));
    let many = found(&assessment, "full_page_images");
    assert!(
        many.title.starts_with("At most all of the write-ahead log"),
        "{}",
        many.title
    );
}

#[test]
fn a_few_deadlocks_among_many_calls_are_information_and_a_problem_where_they_cost_a_tenth() {
    let deadlocks = |span_s: f64| {
        assess(&counting(&[
            ("database.deadlocks", 3.0),
            ("deltas.span_s", span_s),
        ]))
    };
    let few = deadlocks(60.0);
    assert_eq!(named(&few), Vec::<&str>::new());
    let told = found(&few, "deadlocks");
    assert_eq!(told.kind, FindingKind::Information);
    assert!(told.title.contains("3 deadlocks"), "{}", told.title);
    assert!(
        told.detail.contains("one for every 40000 calls"),
        "{}",
        told.detail
    );
    // Three waits of a second in 1.5 s of four users: half of their time.
    first(&deadlocks(1.5), "deadlocks");
}

/// 2,000 calls a second, of which a thousandth is two in a second and 120 in a minute.
#[test]
fn deadlocks_are_told_from_three_on_or_if_they_are_more_than_a_thousandth_of_the_calls() {
    let deadlocks = |count: f64, span_s: f64| {
        assess(&counting(&[
            ("database.deadlocks", count),
            ("deltas.span_s", span_s),
        ]))
    };
    assert!(ruled_out(&deadlocks(2.0, 60.0), "deadlocks"));
    let few = deadlocks(3.0, 60.0);
    assert_eq!(found(&few, "deadlocks").kind, FindingKind::Information);
    assert!(ruled_out(&deadlocks(2.0, 1.0), "deadlocks"));
    let frequent = deadlocks(3.0, 1.0);
    let told = found(&frequent, "deadlocks");
    assert_eq!(told.kind, FindingKind::Problem);
    // Three waits of a second among 2,000 calls.
    let saved = told.impact.unwrap().saved_ns.unwrap();
    assert!((saved / 1.5e6 - 1.0).abs() < 1e-6, "{saved}");
}

/// Load on a table with 40,000 dead rows.
fn dead_rows(live: f64, figures: &[(&'static str, f64)]) -> Server {
    Server {
        tables: vec![tables("accounts", &[("dead", 40_000.0), ("live", live)])],
        ..counting(figures)
    }
}

#[test]
fn dead_rows_are_laid_to_a_transaction_only_if_one_was_open_for_long() {
    let advised = |figures: &[(&'static str, f64)]| {
        let assessment = assess(&dead_rows(1e5, figures));
        let rows = found(&assessment, "dead_rows");
        (actions(rows), rows.detail.clone())
    };
    for unsuspected in [&[("transactions.oldest_age_s", 0.25)][..], &[]] {
        let (actions, detail) = advised(unsuspected);
        assert!(
            actions.starts_with("VACUUM (VERBOSE) accounts"),
            "{actions}"
        );
        assert!(!actions.contains("transactions"), "{actions}");
        assert!(!detail.contains("open for"), "{detail}");
    }
    let (actions, detail) = advised(&[("transactions.oldest_age_s", 600.0)]);
    assert!(
        actions.starts_with("end transactions that stay open"),
        "{actions}"
    );
    assert!(actions.contains("VACUUM"), "{actions}");
    assert!(detail.contains("has been open for"), "{detail}");
    let (actions, _) = advised(&[("transactions.prepared", 2.0)]);
    assert!(
        actions.starts_with("end prepared transactions"),
        "{actions}"
    );
}

#[test]
fn dead_rows_of_a_server_whose_autovacuum_is_off_are_told_with_that() {
    let advised = |autovacuum: &str| {
        let assessment = assess_with(&dead_rows(1e5, &[]), json!({"autovacuum": autovacuum}));
        actions(found(&assessment, "dead_rows"))
    };
    assert!(advised("off").contains("switch autovacuum on"));
    let on = advised("on");
    assert!(on.contains("see the options of the table"), "{on}");
    assert!(!on.contains("switch autovacuum on"), "{on}");
}

#[test]
fn a_table_without_live_rows_is_told_as_one_of_dead_rows_alone() {
    let title = |live: f64| {
        let assessment = assess(&dead_rows(live, &[]));
        found(&assessment, "dead_rows").title.clone()
    };
    let none = title(0.0);
    assert!(
        none.starts_with("Nearly all rows of table accounts are dead: 40000"),
        "{none}"
    );
    let some = title(1e5);
    assert!(
        some.contains("40000 dead rows beside 100000 live ones"),
        "{some}"
    );
    assert!(ruled_out(&assess(&dead_rows(1e6, &[])), "dead_rows"));
}

/// A collector leaves out tables whose counters fell during the step.
#[test]
fn tables_whose_counters_were_reset_are_unknown_and_not_fine() {
    let key = row(
        &[
            ("child", "child"),
            ("columns", "parent_id"),
            ("parent", "parent"),
        ],
        &[],
    );
    let server = Server {
        tables: vec![
            tables("accounts", &[("dead", 3.0), ("live", 1e5)]),
            ("unindexed_foreign_keys", vec![key]),
        ],
        ..Server::default()
    };
    let (counted, reset) = (
        assess(&server),
        assess_reports(&server.run_without("tables")),
    );
    for rule in ["dead_rows", "unindexed_foreign_key"] {
        assert!(ruled_out(&counted, rule), "{rule}");
        assert!(!is_unknown(&counted, rule), "{rule}");
        assert!(is_unknown(&reset, rule), "{rule}");
        assert!(!ruled_out(&reset, rule), "{rule}");
    }
}
