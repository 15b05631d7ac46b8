//! Tests of statements and tables that findings name because they do most of the work: reading, writing the log,
//! planning, spilling.

use super::causes::{assess, first, statements, tables};
use super::common::server::{Server, row};
use super::{finding, named};
use crate::assessment::{Assessment, Finding, Rule};

const TEXT: &str = "SELECT note FROM logs WHERE who = $1";
const MIB: f64 = 1_048_576.0;

/// Load of which one statement does the share `part` of the work `column`: `each` for every call of the load.
fn working(
    waits: &[(&'static str, f64)],
    (column, sum): (&'static str, &'static str),
    (each, part): (f64, f64),
    more: &[(&'static str, f64)],
) -> Server {
    let calls = Server::default().calls();
    let mut figures = vec![(sum, each * calls)];
    figures.extend(more);
    let work = [
        (column, part * each * calls),
        ("read_ns", 1e5 * calls),
        ("plans", calls),
        ("temp_blocks_read", calls),
        ("temp_ns", 2e5 * calls),
    ];
    Server {
        waits: waits.to_vec(),
        figures,
        tables: vec![statements(TEXT, 1.0, &work)],
        ..Server::default()
    }
}

fn told<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

fn labels(finding: &Finding) -> Vec<&str> {
    finding.evidence.iter().map(|e| e.label.as_str()).collect()
}

/// Panics unless the finding of `rule` names the statement with `words` and shows the evidence `label`, and does
/// not name it if it does a tenth of the work.
fn is_named_for_its_work(rule: &str, mut server: Server, words: &str, label: &str) {
    let assessment = assess(&server);
    let found = told(&assessment, rule);
    let own = format!("{TEXT} accounts for");
    for words in [words, &own] {
        assert!(found.detail.contains(words), "{rule}: {}", found.detail);
    }
    let shown = labels(found);
    for label in [label, "calls of the statement"] {
        assert!(shown.contains(&label), "{rule}: {shown:?}");
    }
    for (name, value) in &mut server.tables[0].1[0].figures {
        if !["calls", "exec_ns", "rows"].contains(&name.as_str()) {
            *value *= 0.1;
        }
    }
    let assessment = assess(&server);
    let detail = &told(&assessment, rule).detail;
    assert!(!detail.contains("accounts for"), "{rule}: {detail}");
}

#[test]
fn a_finding_names_the_statement_that_reads_plans_or_spills_most() {
    let calls = Server::default().calls();
    let read = [("IO.DataFileRead", 0.6)];
    is_named_for_its_work(
        "read_waits",
        working(
            &read,
            ("blocks_read", "statements.blocks_read"),
            (12.0, 0.9),
            &[("statements.read_ns", 1e6 * calls)],
        ),
        "90 % of the pages that statements read from outside shared buffers: 10.8 pages",
        "time of the statement in reading pages",
    );
    is_named_for_its_work(
        "planning_time",
        working(
            &[],
            ("plan_ns", "statements.plan_ns"),
            (1.2e6, 0.5),
            &[("statements.plans", calls)],
        ),
        "50 % of the time of planning: 600 µs",
        "plans of the statement",
    );
    is_named_for_its_work(
        "jit",
        working(
            &[],
            ("jit_ns", "statements.jit_ns"),
            (8e5, 1.0),
            &[("statements.exec_ns", 1.6e6 * calls)],
        ),
        "It takes 50 % of the time of executing them.",
        "time of compiling the statement",
    );
    is_named_for_its_work(
        "temp_files",
        working(
            &[],
            ("temp_blocks_written", "statements.temp_blocks_written"),
            (1000.0, 0.8),
            &[
                ("database.temp_bytes", 8.0 * MIB * calls),
                ("statements.temp_ns", 1e6 * calls),
                ("statements.temp_blocks_read", 2000.0 * calls),
            ],
        ),
        "80 % of the pages that statements write to temporary files: 800 pages",
        "pages of temporary files read by the statement",
    );
}

#[test]
fn a_finding_names_the_statement_that_writes_most() {
    let log = [
        ("wal.bytes", 80.0 * MIB),
        ("wal.full_page_images", 9_000.0),
        ("checkpointer.requested", 3.0),
        ("checkpointer.timed", 0.0),
    ];
    let commit = [("LWLock.WALWrite", 0.6)];
    let written = ("wal_bytes", "statements.wal_bytes");
    is_named_for_its_work(
        "commit_waits",
        working(&commit, written, (4096.0, 1.0), &[]),
        "100 % of the log that statements write: 4.00 KiB",
        "log written by the statement",
    );
    is_named_for_its_work(
        "full_page_images",
        working(&[], ("wal_fpi", "statements.wal_fpi"), (3.0, 0.8), &log),
        "80 % of the whole pages that statements write to the log: 2.40 pages",
        "whole pages written by the statement",
    );
    let changed = ("blocks_dirtied", "statements.blocks_dirtied");
    is_named_for_its_work(
        "requested_checkpoints",
        working(&[], changed, (3.0, 0.8), &log),
        "80 % of the pages that statements change: 2.40 pages",
        "pages changed by the statement",
    );
}

/// The database's counters were not read, so the statements tell what was spilt.
#[test]
fn statements_tell_of_temporary_files_where_the_database_does_not() {
    let server = working(
        &[("IO.BufFileWrite", 0.08)],
        ("temp_blocks_written", "statements.temp_blocks_written"),
        (1000.0, 1.0),
        &[],
    );
    let mut reports = server.run();
    for step in &mut reports[0].steps {
        let figures = &mut step.server.as_mut().unwrap().figures;
        figures.remove("database.temp_bytes").unwrap();
    }
    let assessment = super::assess_reports(&reports);
    let found = first(&assessment, "temp_files");
    assert!(found.title.contains("7.81 MiB"), "{}", found.title);
}

fn on_cpu(figures: &[(&str, f64)], more: &[(&'static str, f64)]) -> Assessment {
    let calls = Server::default().calls();
    let figures: Vec<_> = figures.iter().map(|(name, each)| (*name, *each)).collect();
    assess(&Server {
        figures: [&[("statements.blocks_hit", 2_000.0 * calls)], more].concat(),
        tables: vec![statements(TEXT, 1.0, &figures)],
        ..Server::default()
    })
}

#[test]
fn the_statement_on_the_cpu_is_told_by_its_pages_and_by_calls_that_differ() {
    let calls = Server::default().calls();
    let pages = |each: f64| ("blocks_hit", each * calls);
    let detail = |assessment: &Assessment| told(assessment, "statement_cpu").detail.clone();
    let many = on_cpu(&[pages(1_900.0), ("exec_mean_ns", 1.8e6)], &[]);
    let text = detail(&many);
    assert!(
        text.contains("95 % of the pages that statements look at"),
        "{text}"
    );
    assert!(text.contains("1900 pages at each of its"), "{text}");
    assert!(labels(told(&many, "statement_cpu")).contains(&"mean time of its calls"));
    let few = detail(&on_cpu(&[pages(20.0)], &[]));
    assert!(!few.contains("pages"), "{few}");

    let spread = [("stddev_exec_ns", 9e6), ("max_exec_ns", 2.5e9)];
    let differ = on_cpu(&spread, &[]);
    let text = detail(&differ);
    assert!(text.contains("the longest took 2.50 s"), "{text}");
    assert!(text.contains("the standard deviation is 9.00 ms"), "{text}");
    let alike = detail(&on_cpu(
        &[("stddev_exec_ns", 3e5), ("max_exec_ns", 4e6)],
        &[],
    ));
    assert!(!alike.contains("deviation"), "{alike}");

    let forgot = detail(&on_cpu(&[], &[("statements.dealloc", 7.0)]));
    assert!(forgot.contains("full 7 times"), "{forgot}");
    let kept = detail(&on_cpu(&[], &[("statements.dealloc", 0.0)]));
    assert!(!kept.contains("forgot"), "{kept}");
    for assessment in [&many, &differ] {
        assert_eq!(named(assessment), Vec::<&str>::new());
    }
}

#[test]
fn the_table_behind_a_wait_is_named_with_its_figure() {
    let of = |event: &'static str, figures: &[(&str, f64)]| {
        let mut large = tables("orders", figures);
        let small = row(
            &[("relation", "other")],
            &[
                ("inserted", 3.0),
                ("updated", 5.0),
                ("pages", 900.0),
                ("blocks_read", 2.0),
            ],
        );
        large.1.push(small);
        let assessment = assess(&Server {
            waits: vec![(event, 0.6)],
            tables: vec![large],
            ..Server::default()
        });
        assessment.findings[0].detail.clone()
    };
    for (event, figures, words) in [
        (
            "Lock.extend",
            &[("inserted", 70_000.0)][..],
            "Most rows are inserted into table orders: 70000.",
        ),
        (
            "LWLock.BufferContent",
            &[("updated", 50_000.0), ("pages", 4.0)],
            "Table orders has 4 pages, in which 50000 rows were updated.",
        ),
        (
            "LWLock.BufferContent",
            &[("inserted", 70_000.0), ("pages", 800.0)],
            "Most rows are inserted into table orders: 70000.",
        ),
        (
            "IO.DataFileRead",
            &[("blocks_read", 90_000.0)],
            "Most pages are read from table orders: 90000.",
        ),
    ] {
        let detail = of(event, figures);
        assert!(detail.contains(words), "{event}: {detail}");
    }
    let none = of("Lock.extend", &[("inserted", 2.0)]);
    assert!(none.contains("table other: 3."), "{none}");
    let even = of("Lock.tuple", &[("inserted", 70_000.0)]);
    assert!(!even.contains("Most rows"), "{even}");
}

#[test]
fn rows_that_a_client_takes_slowly_are_told_for_each_statement() {
    let calls = Server::default().calls();
    let assessment = assess(&Server {
        waits: vec![("Client.ClientWrite", 0.6)],
        figures: vec![
            ("statements.rows", 5_000.0 * calls),
            ("statements.calls", calls),
        ],
        ..Server::default()
    });
    let found = first(&assessment, "client_waits");
    let words = "A statement returns or changes 5000 rows on average.";
    assert!(found.detail.contains(words), "{}", found.detail);
}

#[test]
fn the_statement_that_waits_is_named_with_its_sessions() {
    let waiting = |statement: &str, event: &str, sessions: f64| {
        row(
            &[("statement", statement), ("event", event)],
            &[("sessions_mean", sessions)],
        )
    };
    let assessment = assess(&Server {
        waits: vec![("Lock.tuple", 0.6)],
        tables: vec![(
            "waiting_statements",
            vec![
                waiting("SELECT ?", "", 9.0),
                waiting("UPDATE a SET b = ?", "Lock.tuple", 2.0),
                waiting("UPDATE c SET d = ?", "Lock.tuple", 0.2),
            ],
        )],
        ..Server::default()
    });
    let found = first(&assessment, "lock_waits");
    assert!(
        found.title.contains("UPDATE a SET b = ?"),
        "{}",
        found.title
    );
    let sessions = found.evidence.iter();
    let sessions = sessions.filter(|e| e.label == "sessions that wait in this statement");
    let shown: Vec<&str> = sessions.map(|e| e.shown.as_str()).collect();
    assert_eq!(shown, ["2"]);
    assert_eq!(found.rule(), Rule::LockWaits);
}

/// A call of 2 ms spills 1.1 MiB, and the server measured the time of its files.
#[test]
fn the_time_in_temporary_files_that_the_server_measured_is_what_they_cost() {
    let calls = Server::default().calls();
    let told = |ns: f64| {
        let assessment = assess(&Server {
            figures: vec![
                ("database.temp_bytes", 1.1 * MIB * calls),
                ("statements.temp_ns", ns * calls),
            ],
            ..Server::default()
        });
        let found = finding(&assessment, "temp_files").unwrap();
        found.impact.unwrap().ratio
    };
    // Less than the time to copy the bytes twice at 2 GiB/s is no better bound.
    let copied = told(0.0);
    assert!(
        (told(1e5) - copied).abs() < 1e-9 && copied > 0.1,
        "{copied}"
    );
}
