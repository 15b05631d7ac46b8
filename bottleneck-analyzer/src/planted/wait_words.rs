//! Tests of what findings about waits say beside their time: reads and writes that the server counted, tables,
//! statements, other sessions, functions, and what the holders of a lock do.

use bench_report::EvidenceRow;

use crate::assessment::{Assessment, Finding, FindingKind};
use crate::run_reports::RunReports;
use crate::thresholds::Thresholds;
use crate::{analysis, cli};

use super::causes::{assess, blocker};
use super::common::save;
use super::common::server::{Server, row};
use super::finding;

const SELECT: &str = "SELECT note FROM logs WHERE who = $1";
const PAGE: f64 = 8_192.0;

#[track_caller]
fn told<'a>(assessment: &'a Assessment, rule: &str) -> &'a Finding {
    finding(assessment, rule).unwrap_or_else(|| panic!("{rule}: {:?}", assessment.findings))
}

/// Returns the explanation of `rule` for a load in which 60 % of the time in service is a wait for `event`, with
/// these figures and tables of the server.
#[track_caller]
fn detail(
    (rule, event): (&str, &'static str),
    figures: &[(&'static str, f64)],
    tables: Vec<(&'static str, Vec<EvidenceRow>)>,
) -> String {
    let assessment = assess(&Server {
        waits: vec![(event, 0.6)],
        service_ns: 2e7,
        figures: figures.to_vec(),
        tables,
        ..Server::default()
    });
    told(&assessment, rule).detail.clone()
}

const READS: (&str, &str) = ("read_waits", "IO.DataFileRead");

/// Planted: pages that sessions read, and pages that they pushed out of the cache meanwhile.
#[test]
fn a_cache_is_full_if_half_of_a_thousand_pages_push_others_out_and_has_room_up_to_a_tenth() {
    let told = |pages: f64, out: f64| {
        let figures = [
            ("io.client_read_bytes", pages * PAGE),
            ("io.client_evictions", out),
        ];
        let detail = detail(READS, &figures, vec![]);
        let is_full = detail.contains("pages out of shared_buffers: it is full");
        (is_full, detail.contains("they pushed only"))
    };
    assert_eq!(told(1_000.0, 500.0), (true, false));
    assert_eq!(told(1_000.0, 499.0), (false, false));
    assert_eq!(told(1_000.0, 101.0), (false, false));
    assert_eq!(told(1_000.0, 100.0), (false, true));
    assert_eq!(told(999.0, 999.0), (false, false));
    assert_eq!(told(999.0, 1.0), (false, false));
}

#[test]
fn reads_of_other_processes_are_told_from_a_tenth_of_the_sessions_reads_on() {
    let is_told = |others: f64| {
        let figures = [("io.client_reads", 1_000.0), ("io.other_reads", others)];
        detail(READS, &figures, vec![]).contains("Other processes of the server")
    };
    assert!(is_told(100.0));
    assert!(!is_told(99.0));
}

/// Planted: short reads of a server whose sessions wait for some pages that they read, and for others that were read
/// ahead.
#[test]
fn short_reads_tell_of_no_cache_where_some_pages_were_read_ahead() {
    let assessment = assess(&Server {
        waits: vec![("IO.DataFileRead", 0.4), ("IO.AioIoCompletion", 0.2)],
        figures: vec![
            ("io.client_reads", 30_000.0),
            ("io.client_read_ns", 30_000.0 * 5e4),
        ],
        ..Server::default()
    });
    let detail = &told(&assessment, "read_waits").detail;
    assert!(detail.contains("50.0 µs of waiting each"), "{detail}");
    assert!(!detail.contains("so short"), "{detail}");
}

/// Planted: a background writer that never stopped at its limit.
#[test]
fn a_background_writer_is_too_slow_if_sessions_make_half_of_the_writes() {
    let is_too_slow = |writes: &[(&'static str, f64)]| {
        let mut figures = vec![("bgwriter.stopped_early", 0.0)];
        figures.extend(writes);
        let event = ("io_waits", "IO.DataFileWrite");
        detail(event, &figures, vec![]).contains("never reached bgwriter_lru_maxpages")
    };
    let (own, other) = ("io.client_writes", "io.other_writes");
    assert!(is_too_slow(&[(own, 5_000.0), (other, 5_000.0)]));
    assert!(!is_too_slow(&[(own, 4_999.0), (other, 5_001.0)]));
    assert!(!is_too_slow(&[(own, 5_000.0)]));
    let before_16 = |own: f64, checkpoints: f64, cleaned: f64| {
        is_too_slow(&[
            ("bgwriter.backend_buffers_written", own),
            ("checkpointer.buffers_written", checkpoints),
            ("bgwriter.buffers_cleaned", cleaned),
        ])
    };
    assert!(before_16(5_000.0, 3_000.0, 2_000.0));
    assert!(!before_16(4_000.0, 3_000.0, 3_000.0));
}

/// Returns the table of tables, each of which has a name and figures.
fn tables(all: &[(&str, &[(&str, f64)])]) -> Vec<(&'static str, Vec<EvidenceRow>)> {
    let rows = all.iter();
    let rows = rows.map(|(name, figures)| row(&[("relation", *name)], figures));
    vec![("tables", rows.collect())]
}

#[test]
fn a_table_is_named_from_half_of_the_rows_that_are_inserted_on() {
    for event in [
        ("lock_waits", "Lock.extend"),
        ("io_waits", "IO.DataFileExtend"),
    ] {
        let inserted = |counts: &[f64]| {
            let names = ["first", "second", "third"].into_iter();
            let figures: Vec<_> = counts.iter().map(|count| [("inserted", *count)]).collect();
            let all: Vec<(&str, &[(&str, f64)])> = names
                .zip(figures.iter().map(|figures| &figures[..]))
                .collect();
            detail(event, &[], tables(&all))
        };
        let half = inserted(&[3_000.0, 5_000.0, 2_000.0]);
        let words = "Most rows are inserted into table second: 5000.";
        assert!(half.contains(words), "{half}");
        for none in [[3_000.0, 4_000.0, 3_000.0], [0.0, 0.0, 0.0]] {
            let none = inserted(&none);
            assert!(!none.contains("Most rows"), "{none}");
        }
    }
}

#[test]
fn a_table_with_more_updates_than_pages_is_the_one_whose_pages_all_change() {
    let event = ("lwlock_waits", "LWLock.BufferContent");
    let updated = |pages: f64, updated: f64| {
        let figures = [("pages", pages), ("updated", updated)];
        let other = [("pages", 100.0), ("updated", 400.0)];
        let alone = detail(event, &[], tables(&[("people", &figures[..])]));
        let beside = tables(&[("people", &figures[..]), ("orders", &other[..])]);
        (alone, detail(event, &[], beside))
    };
    let (alone, beside) = updated(10.0, 50.0);
    let words = "Table people has 10 pages, in which 50 rows were updated.";
    assert!(alone.contains(words), "{alone}");
    assert!(beside.contains(words), "{beside}");
    let (more, beside) = updated(100.0, 101.0);
    assert!(more.contains("in which 101 rows were updated"), "{more}");
    let words = "Table orders has 100 pages, in which 400 rows were updated.";
    assert!(beside.contains(words), "{beside}");
    let (as_many, _) = updated(100.0, 100.0);
    assert!(!as_many.contains("in which"), "{as_many}");
}

/// Planted: 15 million rows in 3,000 statements, in no statement, and in a server that waits for the rest of a
/// message and sends nothing.
#[test]
fn rows_are_told_for_each_statement_only_where_a_client_takes_them_slowly() {
    let sent = |event: &'static str, calls: f64| {
        let figures = [("statements.rows", 1.5e7), ("statements.calls", calls)];
        detail(("client_waits", event), &figures, vec![])
    };
    let words = "A statement returns or changes";
    let some = sent("Client.ClientWrite", 3_000.0);
    assert!(some.contains(words), "{some}");
    let none = sent("Client.ClientWrite", 0.0);
    assert!(!none.contains(words), "{none}");
    let reading = sent("Client.ClientRead", 3_000.0);
    assert!(!reading.contains(words), "{reading}");
}

/// Planted: a cache of transaction states of which 70 blocks were read and none was found.
#[test]
fn a_cache_is_shown_without_the_figures_that_are_zero() {
    let figures = [("blocks_read", 70.0), ("blocks_hit", 0.0)];
    let assessment = assess(&Server {
        waits: vec![("LWLock.SubtransSLRU", 0.6)],
        tables: vec![("slru", vec![row(&[("name", "Subtrans")], &figures)])],
        ..Server::default()
    });
    let found = told(&assessment, "lwlock_waits");
    let is_shown = |label: &str| found.evidence.iter().any(|item| item.label == label);
    assert!(is_shown("Subtrans: blocks_read"), "{:?}", found.evidence);
    assert!(!is_shown("Subtrans: blocks_hit"), "{:?}", found.evidence);
}

/// Planted: sessions whose statement the server does not tell, and which are more than those of another one.
#[test]
fn a_wait_is_named_by_a_statement_that_is_known() {
    let waiting = |statement: &str, sessions: f64| {
        let labels = [("statement", statement), ("event", "Lock.tuple")];
        row(&labels, &[("sessions_mean", sessions)])
    };
    let rows = vec![waiting("", 2.0), waiting("UPDATE a SET b = ?", 0.5)];
    let assessment = assess(&Server {
        waits: vec![("Lock.tuple", 0.6)],
        tables: vec![("waiting_statements", rows)],
        ..Server::default()
    });
    let title = &told(&assessment, "lock_waits").title;
    assert!(title.contains("UPDATE a SET b = ?"), "{title}");
}

/// Planted: a statement that takes 5.4 s of the time of all. That is more than half of 10 s, and half of 10.8 s.
#[test]
fn a_sleep_is_laid_to_the_statement_that_takes_more_than_half_of_the_time_and_a_lock_is_not() {
    let is_named = |(rule, event): (&str, &'static str), all_ns: f64| {
        let figures = [("calls", 3_000.0), ("exec_ns", 5.4e9), ("rows", 3_000.0)];
        let labels = [("statement", SELECT), ("toplevel", "true")];
        let assessment = assess(&Server {
            waits: vec![(event, 0.6)],
            figures: vec![("statements.exec_ns", all_ns)],
            tables: vec![("statements", vec![row(&labels, &figures)])],
            ..Server::default()
        });
        told(&assessment, rule).title.contains(SELECT)
    };
    for event in [
        ("sleeps", "Timeout.PgSleep"),
        ("read_waits", "IO.DataFileRead"),
    ] {
        assert!(is_named(event, 1e10), "{event:?}");
        assert!(!is_named(event, 1.08e10), "{event:?}");
    }
    assert!(!is_named(("lock_waits", "Lock.relation"), 1e10));
}

/// Planted: sessions of the load, of a report of which hardly one waits, and two of others, of which one has no name.
#[test]
fn sessions_beside_the_load_are_told_from_a_tenth_of_one_on() {
    let waiting = |application: &str, sessions: f64| {
        let labels = [("application", application), ("event", "IO.DataFileRead")];
        row(&labels, &[("sessions_mean", sessions)])
    };
    let rows = vec![
        waiting("ours", 2.0),
        waiting("watch", 3.0),
        waiting("report.py", 0.09),
        waiting("psql", 0.11),
        waiting("", 0.3),
    ];
    let detail = detail(READS, &[], vec![("backends", rows)]);
    let words = "on average: psql 0.11, a session without an application name 0.30.";
    assert!(detail.contains(words), "{detail}");
}

/// Returns the explanation of a load that sleeps in a server with a trigger. Its function was called `calls` times
/// for 1 s, and another one, which watches the server, for 9 s. The figures of the functions belong to another rule,
/// so the walk over the figures of sentences is left out.
fn asleep(calls: f64) -> String {
    let function = |name: &str, calls: f64, self_ns: f64| {
        let figures = [
            ("calls", calls),
            ("self_ns", self_ns),
            ("total_ns", self_ns),
        ];
        row(&[("function", name)], &figures)
    };
    let trigger = [
        ("relation", "orders"),
        ("trigger", "nap_it"),
        ("function", "shop.nap"),
    ];
    let server = Server {
        waits: vec![("Timeout.PgSleep", 0.6)],
        tables: vec![
            (
                "functions",
                vec![
                    function("shop.nap", calls, 1e9),
                    function("pg_stat_statements", 10.0, 9e9),
                ],
            ),
            ("triggers", vec![row(&trigger, &[])]),
        ],
        ..Server::default()
    };
    let home = tempfile::tempdir().unwrap();
    for report in server.run() {
        save(home.path(), &report);
    }
    let run = RunReports::load(&[home.path().to_owned()]).unwrap();
    let assessment = analysis::assess(&run, &Thresholds::load(None).unwrap(), cli::tool());
    told(&assessment, "sleeps").detail.clone()
}

#[test]
fn a_sleep_is_told_with_the_function_that_takes_longest_and_with_the_triggers() {
    let triggers = " Triggers: nap_it on orders calls shop.nap.";
    let called = asleep(1_000.0);
    let words =
        " Function shop.nap takes 1.00 ms at each call, without the functions that it calls.";
    assert!(called.contains(words), "{called}");
    assert!(called.contains(triggers), "{called}");
    let idle = asleep(0.0);
    assert!(!idle.contains("at each call"), "{idle}");
    assert!(idle.contains(triggers), "{idle}");
}

/// Planted: the holders of a lock sleep in half of the samples, and commit in the others. Both take at least 1.5
/// times what the lock takes.
#[test]
fn a_lock_is_listed_under_what_its_holders_do_for_longest() {
    for (asleep, committing, cause) in [(0.3, 0.45, "commit_waits"), (0.45, 0.3, "sleeps")] {
        let sleeper = [
            ("blocking_event", "Timeout.PgSleep"),
            ("blocking_statement", "SELECT pg_sleep(?)"),
        ];
        let committer = [
            ("blocking_event", "IO.WalSync"),
            ("blocking_statement", "COMMIT"),
        ];
        let assessment = assess(&Server {
            service_ns: 2e7,
            outside: 0.0,
            waits: vec![
                ("Lock.transactionid", 0.12),
                ("Timeout.PgSleep", asleep),
                ("IO.WalSync", committing),
            ],
            tables: vec![(
                "blockers",
                vec![
                    blocker("transactionid", &sleeper),
                    blocker("transactionid", &committer),
                ],
            )],
            ..Server::default()
        });
        let lock = told(&assessment, "lock_waits");
        let cause = told(&assessment, cause);
        assert_eq!(lock.parent.as_ref(), Some(&cause.id));
        assert_ne!(lock.kind, FindingKind::Problem);
        for rule in ["sleeps", "commit_waits"] {
            let found = told(&assessment, rule);
            assert_eq!((found.kind, &found.parent), (FindingKind::Problem, &None));
        }
    }
}
