//! Tests of the work of PostgreSQL's statements and of its log, on both sides of the bounds of the rules: temporary
//! files, large values, planning, whole pages, checkpoints, and the statement on the CPU.

use serde_json::json;

use crate::assessment::{Assessment, Finding, FindingKind};

use super::causes::{assess, tables};
use super::common::server::{Server, row};
use super::{assess_reports, is_told, told};

const MIB: f64 = 1_048_576.0;
/// Calls of the load in the two seconds for which the counters of [`counting`] ran.
const CALLS: f64 = 4_000.0;
const SELECT: &str = "SELECT note FROM logs WHERE who = $1";

/// Load of 2,000 calls per second, with counters over two seconds.
fn counting(figures: &[(&'static str, f64)]) -> Server {
    let span = [("deltas.span_s", 2.0), ("database.commits", CALLS)];
    Server {
        figures: [&span, figures].concat(),
        ..Server::default()
    }
}

/// Returns the statement with which `rule` is ruled out.
#[track_caller]
fn reason(assessment: &Assessment, rule: &str) -> String {
    let mut all = assessment.ruled_out.iter();
    let found = all.find(|r| r.rule == rule);
    found.unwrap().statement.clone()
}

/// Planted: temporary files of 1 MiB for each call, and of one byte less.
#[test]
fn temporary_files_are_told_from_one_mebibyte_of_a_call_on() {
    let with = |each: f64| assess(&counting(&[("database.temp_bytes", each * CALLS)]));
    let enough = with(MIB);
    assert!(is_told(&enough, "temp_files"));
    let title = &told(&enough, "temp_files").title;
    let words = "spill 1.00 MiB of temporary files at each call";
    assert!(title.contains(words), "{title}");
    assert!(!is_told(&with(MIB - 1.0), "temp_files"));
}

/// Planted: 4 MiB of temporary files for each call, in a file for half of the calls, for one less, and in none.
#[test]
fn only_some_calls_spill_if_there_are_fewer_files_than_half_of_the_calls() {
    let with = |files: f64| {
        let assessment = assess(&counting(&[
            ("database.temp_bytes", 4.0 * MIB * CALLS),
            ("database.temp_files", files),
        ]));
        let found = told(&assessment, "temp_files");
        (found.title.clone(), found.detail.clone())
    };
    let at_each_call = "spill 4.00 MiB of temporary files at each call";
    let (title, detail) = with(2_000.0);
    assert!(title.contains(at_each_call), "{title}");
    let words = "The server wrote 2000 files of 8.00 MiB on average.";
    assert!(detail.contains(words), "{detail}");
    let (title, detail) = with(1_999.0);
    let words = "of some calls spill 1999 temporary files of 8.00 MiB on average";
    assert!(title.contains(words), "{title}");
    let words = "so that at most 50 % of the calls spill.";
    assert!(detail.contains(words), "{detail}");
    let (title, detail) = with(0.0);
    assert!(title.contains(at_each_call), "{title}");
    assert!(!detail.contains("The server wrote"), "{detail}");
}

/// Planted: a table of whose blocks three tenths or fewer, or one of a call or fewer, are those of large values.
#[test]
fn large_values_are_told_from_one_block_of_a_call_and_three_tenths_of_a_table_on() {
    let with = |toast: f64, hit: f64, read: f64| {
        let figures = [
            ("toast_blocks", toast),
            ("blocks_hit", hit),
            ("blocks_read", read),
        ];
        assess(&Server {
            tables: vec![tables("documents", &figures)],
            ..counting(&[])
        })
    };
    let part = with(39_000.0, 70_000.0, 21_000.0);
    assert!(is_told(&part, "toast"));
    let detail = &told(&part, "toast").detail;
    let words = "30 % of the blocks of documents";
    assert!(detail.contains(words), "{detail}");
    assert!(!is_told(&with(38_999.0, 70_001.0, 21_000.0), "toast"));
    assert!(is_told(&with(CALLS, 4_000.0, 0.0), "toast"));
    assert!(!is_told(&with(CALLS - 1.0, 4_000.0, 0.0), "toast"));
}

/// Planted: plans of 1 ms, and of a nanosecond less.
#[test]
fn planning_is_a_problem_from_one_millisecond_of_a_plan_on() {
    let kind = |each: f64| {
        let assessment = assess(&counting(&[
            ("statements.plan_ns", each * CALLS),
            ("statements.plans", CALLS),
        ]));
        told(&assessment, "planning_time").kind
    };
    assert_eq!(kind(1e6), FindingKind::Problem);
    assert_eq!(kind(999_999.0), FindingKind::Information);
}

/// Assesses a load that writes `pages` whole pages into `bytes` of log, with this `wal_compression`.
fn whole_pages(pages: f64, bytes: f64, compression: &str) -> Assessment {
    let server = counting(&[("wal.full_page_images", pages), ("wal.bytes", bytes)]);
    let mut reports = server.run();
    let settings = json!({ "wal_compression": compression });
    reports[0].config.insert("server_settings".into(), settings);
    assess_reports(&reports)
}

/// Planted: logs of 5,000 pages and of 16 MiB, which is 2,048 pages.
#[test]
fn whole_pages_are_told_from_two_fifths_of_sixteen_mebibytes_of_log_on() {
    let rule = "full_page_images";
    let log = 5_000.0 * 8_192.0;
    let enough = whole_pages(2_000.0, log, "off");
    let title = &told(&enough, rule).title;
    assert!(title.starts_with("40 % of the write-ahead log"), "{title}");
    assert!(!is_told(&whole_pages(1_999.0, log, "off"), rule));
    let all = whole_pages(2_048.0, 16.0 * MIB, "off");
    let title = &told(&all, rule).title;
    assert!(title.starts_with("100 % of the write-ahead log"), "{title}");
    let small = whole_pages(2_048.0, 16.0 * MIB - 1.0, "off");
    assert!(!is_told(&small, rule));
}

/// Planted: a small log of 1,000 pages that is made of whole pages, of more than it has room for, or of few of them
/// that may be compressed.
#[test]
fn a_share_of_whole_pages_is_an_upper_bound_if_they_are_compressed_or_more_than_the_log() {
    let said = |pages: f64, compression: &str| {
        let assessment = whole_pages(pages, 1_000.0 * 8_192.0, compression);
        reason(&assessment, "full_page_images")
    };
    assert_eq!(said(1_000.0, "off"), "whole pages in the log: 100 % of it");
    assert_eq!(
        said(1_001.0, "off"),
        "whole pages in the log: at most 100 % of it"
    );
    assert_eq!(said(100.0, "off"), "whole pages in the log: 10 % of it");
    assert_eq!(
        said(100.0, "lz4"),
        "whole pages in the log: at most 10 % of it"
    );
}

#[test]
fn checkpoints_are_told_if_one_or_more_and_as_many_as_were_due_were_forced() {
    let forced = |requested: f64, timed: f64| {
        let figures = [
            ("checkpointer.requested", requested),
            ("checkpointer.timed", timed),
        ];
        is_told(&assess(&counting(&figures)), "requested_checkpoints")
    };
    assert!(forced(1.0, 1.0));
    assert!(!forced(1.0, 2.0));
    assert!(!forced(0.0, 0.0));
}

/// Returns what is told of the statement on the CPU. Each of `statements` has its text and its figures.
fn on_cpu(statements: &[(&str, &[(&str, f64)])], figures: &[(&'static str, f64)]) -> Finding {
    let rows = statements.iter().map(|(text, figures)| {
        let labels = [("statement", *text), ("toplevel", "true")];
        row(&labels, figures)
    });
    let assessment = assess(&Server {
        service_ns: 2e7,
        figures: figures.to_vec(),
        tables: vec![("statements", rows.collect())],
        ..Server::default()
    });
    told(&assessment, "statement_cpu").clone()
}

/// Planted: calls of 2 ms whose times differ by as much, the longest of 20 ms, and a nanosecond less of either.
#[test]
fn calls_differ_if_both_their_deviation_and_the_longest_one_are_large() {
    let is_spread = |deviation: f64, longest: f64| {
        let figures = [
            ("calls", 1_000.0),
            ("exec_ns", 2e9),
            ("rows", 1_000.0),
            ("stddev_exec_ns", deviation),
            ("max_exec_ns", longest),
        ];
        let found = on_cpu(&[(SELECT, &figures)], &[]);
        let words = "take far longer than the others";
        let mut shown = found.evidence.iter();
        let is_shown = shown.any(|e| e.label == "its longest call");
        assert_eq!(found.detail.contains(words), is_shown, "{}", found.detail);
        is_shown
    };
    assert!(is_spread(2e6, 2e7));
    assert!(!is_spread(1_999_999.0, 2e7));
    assert!(!is_spread(2e6, 19_999_999.0));
}

/// Planted: 1,000 calls that look at a hundred pages each or at fewer, and return ten rows each or more.
#[test]
fn pages_of_the_statement_are_told_from_a_hundred_and_ten_for_each_row_on() {
    let is_told = |pages: f64, rows: f64, all: f64| {
        let figures = [
            ("calls", 1_000.0),
            ("exec_ns", 2e9),
            ("rows", rows),
            ("blocks_hit", pages),
        ];
        let found = on_cpu(&[(SELECT, &figures)], &[("statements.blocks_hit", all)]);
        found.detail.contains("accounts for")
    };
    assert!(is_told(100_000.0, 10_000.0, 100_000.0));
    assert!(!is_told(99_999.0, 1_000.0, 99_999.0));
    assert!(!is_told(100_000.0, 10_001.0, 100_000.0));
    // Three tenths of the pages of all statements, and less.
    assert!(is_told(300_000.0, 1_000.0, 1_000_000.0));
    assert!(!is_told(299_999.0, 1_000.0, 1_000_000.0));
}

/// Returns what is told of a statement, beside another; of each the calls and their time in nanoseconds are given.
fn beside_another(own: (f64, f64), other: (f64, f64)) -> Finding {
    let figures = |(calls, ns): (f64, f64)| [("calls", calls), ("exec_ns", ns), ("rows", calls)];
    let all = [("statements.exec_ns", own.1 + other.1)];
    let (own, other) = (figures(own), figures(other));
    let update = "UPDATE people SET seen = $1 WHERE id = $2";
    on_cpu(&[(SELECT, &own), (update, &other)], &all)
}

#[test]
fn a_statement_that_stands_out_is_a_problem_from_fifty_calls_of_five_milliseconds_on() {
    let kind = |calls: f64, each: f64| beside_another((calls, each * calls), (100.0, 1e7)).kind;
    assert_eq!(kind(50.0, 5e6), FindingKind::Problem);
    assert_eq!(kind(49.0, 5e6), FindingKind::Information);
    assert_eq!(kind(50.0, 4_999_999.0), FindingKind::Information);
}

/// Planted: a statement of 12 ms beside one that takes a tenth of that or more, or has fewer calls.
#[test]
fn a_statement_stands_out_from_ten_times_the_others_on_if_these_have_as_many_calls() {
    let stands_out = |calls: f64, each: f64| {
        let found = beside_another((1_000.0, 12e9), (calls, each * calls));
        found.detail.contains("It stands out")
    };
    assert!(stands_out(1_000.0, 1_200_000.0));
    assert!(!stands_out(1_000.0, 1_200_001.0));
    assert!(!stands_out(999.0, 1_000_000.0));
}
