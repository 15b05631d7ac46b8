//! Tests of what a statement takes of the CPU and of a table: waits and parallel workers are no time of its own
//! on a CPU, and what it returns or writes on average does not always tell what it reads or sorts.

use crate::assessment::{Assessment, ComponentKind, Confidence, Finding, FindingKind};
use bench_report::{EvidenceRow, Load, Pacing};

use super::causes::{assess, first, ruled_out, saved_ns, statements, tables};
use super::common::parts::SECOND;
use super::common::server::{Server, row};
use super::{assess_reports, factor, finding, is_unknown, named};

/// Returns a row of the load's processes of this kind with their CPU time.
fn process(kind: &str, cpu_ns: f64) -> EvidenceRow {
    let labels = [("backend_type", kind), ("application", "ours")];
    row(&labels, &[("cpu_ns", cpu_ns), ("count", 2.0)])
}

/// Load of 200 calls per second, each of 10 ms, of which it waits for a row lock for 6 ms. The load's processes
/// use 9.2 ms of CPU for each call; `of_workers_ms` of it are parallel workers'.
fn led(of_workers_ms: f64) -> Server {
    let of_calls = |each_ms: f64| each_ms * 1e6 * 200.0;
    Server {
        users: 2.0,
        service_ns: 1e7,
        waits: vec![("Lock.transactionid", 0.6)],
        cpu: (0.60, 0.48, 0.10),
        figures: vec![("server.load_cpu_ns", of_calls(9.2))],
        tables: vec![(
            "processes",
            vec![
                process("client backend", of_calls(9.2 - of_workers_ms)),
                process("parallel worker", of_calls(of_workers_ms)),
            ],
        )],
        ..Server::default()
    }
}

/// Panics unless the wait for the lock is the first problem, with its 6 of 10 ms.
#[track_caller]
fn lock_is_told(assessment: &Assessment) {
    let saved = saved_ns(first(assessment, "lock_waits"));
    assert!((saved / (0.6 * 0.95e7) - 1.0).abs() < 0.05, "{saved}");
}

#[test]
fn the_cpu_time_of_parallel_workers_does_not_hide_what_their_session_waits_for() {
    let assessment = assess(&led(8.2));
    lock_is_told(&assessment);
    let model = assessment.components[0].time_model.as_ref().unwrap();
    let on_cpu = model.part("server_cpu").unwrap().ns;
    assert!((on_cpu / 1e6 - 1.0).abs() < 0.01, "{on_cpu}");
    // A session that uses the CPU itself for most of the call cannot wait as long.
    assert!(ruled_out(&assess(&led(0.0)), "lock_waits"));
}

/// Workers that ended are not told from sessions that ended, so that only the CPU time of the whole server is
/// known.
#[test]
fn the_cpu_time_of_the_whole_server_is_no_session_s_where_workers_were_seen() {
    let ended = |kind: &str| {
        let labels = [
            ("backend_type", kind),
            ("application", "ours"),
            ("event", ""),
        ];
        assess(&Server {
            figures: vec![],
            tables: vec![("backends", vec![row(&labels, &[("sessions_mean", 1.6)])])],
            ..led(0.0)
        })
    };
    lock_is_told(&ended("parallel worker"));
    assert!(ruled_out(&ended("walsender"), "lock_waits"));
}

#[test]
fn a_full_cpu_is_the_limit_of_sessions_that_wait_for_their_workers() {
    let assessment = assess(&Server {
        waits: vec![("IPC.ExecuteGather", 0.9)],
        cpu: (0.99, 0.90, 0.08),
        figures: vec![("server.load_cpu_ns", 3.6e9)],
        tables: vec![(
            "processes",
            vec![
                process("client backend", 0.2e9),
                process("parallel worker", 3.4e9),
            ],
        )],
        ..Server::default()
    });
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "machine_cpu.server"
    );
}

#[test]
fn a_statement_gives_back_the_cpu_of_its_workers_too() {
    let gain = |of_workers: f64| {
        let server = Server {
            users: 1.0,
            waits: vec![("IPC.ExecuteGather", 0.3)],
            cpu: (0.65, 0.57, 0.05),
            figures: vec![("server.load_cpu_ns", 0.57e9 + of_workers)],
            tables: vec![
                statements("SELECT sum(n) FROM logs", 1.0, &[]),
                (
                    "processes",
                    vec![
                        process("client backend", 0.57e9),
                        process("parallel worker", of_workers),
                    ],
                ),
            ],
            ..Server::default()
        };
        let assessment = assess_reports(&server.run_with(|_, step| {
            step.load = Load::Open {
                rate_per_s: 500.0,
                pacing: Pacing::Constant,
                in_flight_cap: 1_000,
                delayed_at_cap: 0,
            };
        }));
        let impact = finding(&assessment, "statement_cpu").unwrap().impact;
        impact.unwrap().capacity_gain_ratio.unwrap()
    };
    let (alone, with_workers) = (gain(0.0), gain(1.71e9));
    assert!(with_workers > 2.0 * alone, "{with_workers} and {alone}");
}

const UPDATE: &str = "UPDATE logs SET note = $1 WHERE id = $2";
const SELECT: &str = "SELECT note FROM logs WHERE who = $1";
/// Mean number of sessions that wait for a row lock in the statement `UPDATE`.
const WAITING: f64 = 1.52;

/// Returns the execution time of a statement in which so many sessions are for the 1.5 s of the counters.
fn exec_ns(sessions: f64) -> f64 {
    (sessions * 1.5 * SECOND as f64).round()
}

fn sampled(text: &str, event: &str, sessions: f64) -> EvidenceRow {
    let labels = [("statement", text), ("event", event)];
    row(&labels, &[("sessions_mean", sessions)])
}

/// Load of two statements, each of which runs in so many sessions; 2.28 in all. One waits for row locks besides.
fn contended(update: f64, select: f64) -> Server {
    let statement = |text: &str, calls: f64, sessions: f64| {
        let figures = [
            ("calls", calls),
            ("exec_ns", exec_ns(sessions)),
            ("rows", calls),
        ];
        row(&[("statement", text), ("toplevel", "true")], &figures)
    };
    let total_ns = exec_ns(update + WAITING) + exec_ns(select);
    Server {
        waits: vec![("Lock.transactionid", 0.4)],
        cpu: (0.80, 0.58, 0.18),
        figures: vec![
            ("server.load_cpu_ns", 2.3e9),
            ("statements.exec_ns", total_ns),
        ],
        tables: vec![
            (
                "statements",
                vec![
                    statement(UPDATE, 1_000.0, update + WAITING),
                    statement(SELECT, 2_000.0, select),
                ],
            ),
            (
                "waiting_statements",
                vec![
                    sampled(SELECT, "", select),
                    sampled(UPDATE, "Lock.transactionid", WAITING),
                    sampled(UPDATE, "", update),
                ],
            ),
        ],
        ..Server::default()
    }
}

fn on_cpu(assessment: &Assessment) -> &Finding {
    finding(assessment, "statement_cpu").unwrap()
}

#[test]
fn a_statement_that_waits_for_a_lock_is_not_the_one_that_takes_the_cpu() {
    let assessment = assess(&contended(0.68, 1.6));
    let found = on_cpu(&assessment);
    assert!(found.title.contains(SELECT), "{}", found.title);
    assert!(found.detail.starts_with("It took 42 %"), "{}", found.detail);
    // 1.6 of the 2.28 sessions that run, of 1.15 ms on a CPU.
    let own = 1.15e6 * 1.6 / 2.28;
    let saved = saved_ns(found);
    assert!((saved / own - 1.0).abs() < 0.02, "{saved} of {own}");
    // If the other one runs for most of the time, its waits do not hide that.
    let assessment = assess(&contended(2.0, 0.28));
    let found = on_cpu(&assessment);
    assert!(found.title.contains(UPDATE), "{}", found.title);
    let told = "Its waits are left out here: 2 sessions run it on average.";
    assert!(found.detail.contains(told), "{}", found.detail);
    // Without samples of statements only the execution times are known.
    let assessment = assess_reports(&contended(0.68, 1.6).run_without("waiting_statements"));
    let found = on_cpu(&assessment);
    assert!(found.title.contains(UPDATE), "{}", found.title);
}

#[test]
fn a_table_is_read_by_the_statement_that_runs_and_not_by_the_one_that_waits() {
    let mut server = contended(0.68, 1.6);
    let scans = [("seq_scan", 2_000.0), ("seq_tup_read", 2_000.0 * 1e5)];
    server.tables.push(tables("logs", &scans));
    let assessment = assess(&server);
    let found = finding(&assessment, "sequential_scans").unwrap();
    assert_eq!(found.kind, FindingKind::Problem);
    assert!(found.title.contains(SELECT), "{}", found.title);
    let own = 1.15e6 * 1.6 / 2.28;
    let saved = saved_ns(found);
    assert!((saved / own - 1.0).abs() < 0.02, "{saved} of {own}");
}

/// Load of one statement, which reads the 100,000 rows of a table at each call.
fn scanned(text: &str) -> Server {
    let scans = [("seq_scan", 3_000.0), ("seq_tup_read", 3_000.0 * 1e5)];
    Server {
        tables: vec![statements(text, 1.0, &[]), tables("logs", &scans)],
        ..Server::default()
    }
}

#[test]
fn an_aggregate_over_the_rows_of_one_value_is_a_problem_that_is_likely() {
    let rows = assess(&scanned(SELECT));
    let rows = first(&rows, "sequential_scans");
    assert_eq!(rows.confidence, Confidence::High);
    assert!(rows.detail.contains("A scan keeps"), "{}", rows.detail);
    let count = assess(&scanned("SELECT count(note) FROM logs WHERE who = $1"));
    let count = first(&count, "sequential_scans");
    assert_eq!(count.confidence, Confidence::Medium);
    let told = "How many rows match is not known, because the statement returns an aggregate.";
    assert!(count.detail.starts_with(told), "{}", count.detail);
    let (count, rows) = (saved_ns(count), saved_ns(rows));
    assert!((count / rows - 1.0).abs() < 1e-3, "{count} and {rows}");
}

#[test]
fn whether_an_index_helps_a_statement_that_may_need_most_rows_is_an_open_question() {
    for text in [
        "SELECT count(note) FROM logs WHERE at > $1",
        "SELECT who, max(at) FROM logs WHERE at > $1 GROUP BY who",
        "SELECT note FROM logs WHERE at > $1 ORDER BY at LIMIT $2",
        "SELECT EXISTS (SELECT $1 FROM logs WHERE at > $2)",
        "SELECT sum(l.n) FROM logs l JOIN people p ON p.id = l.who WHERE p.name = $1",
    ] {
        let assessment = assess(&scanned(text));
        assert_eq!(named(&assessment), Vec::<&str>::new(), "{text}");
        let mut unknown = assessment.unknown.iter();
        let asked = unknown.find(|u| u.rule == "sequential_scans");
        let asked = asked.unwrap_or_else(|| panic!("{text}"));
        assert!(asked.question.contains(text), "{asked:?}");
        let plan = asked.to_find_out.contains("EXPLAIN (ANALYZE)");
        assert!(plan, "{asked:?}");
    }
    let uncounted = assess_reports(&scanned(SELECT).run_without("statements"));
    assert!(is_unknown(&uncounted, "sequential_scans"));
    assert!(finding(&uncounted, "sequential_scans").is_none());
}

#[test]
fn sorts_of_few_calls_are_told_by_the_size_of_their_files() {
    let spilling = |files: f64, bytes: f64| {
        assess(&Server {
            waits: vec![("IO.BufFileWrite", 0.08)],
            figures: vec![
                ("database.temp_files", files),
                ("database.temp_bytes", files * bytes),
            ],
            tables: vec![statements(
                "SELECT note FROM logs ORDER BY note",
                10.0,
                &[("temp_blocks_written", 9e6)],
            )],
            ..Server::default()
        })
    };
    let gib = 1_024.0 * 1_048_576.0;
    let assessment = spilling(30.0, gib);
    let few = first(&assessment, "temp_files");
    let told = "of some calls spill 30 temporary files of 1.00 GiB on average";
    assert!(few.title.contains(told), "{}", few.title);
    let share = "so that at most 1 % of the calls spill";
    assert!(few.detail.contains(share), "{}", few.detail);
    let advice = &few.advice.as_ref().unwrap().actions[0];
    assert!(
        advice.contains("3.00 GiB") && advice.contains("several files"),
        "{advice}"
    );
    let calls = Server::default().calls();
    let assessment = spilling(calls, 14e6);
    let each = first(&assessment, "temp_files");
    let told = "spill 13.4 MiB of temporary files at each call";
    assert!(each.title.contains(told), "{}", each.title);
    let advice = &each.advice.as_ref().unwrap().actions[0];
    assert!(!advice.contains("several files"), "{advice}");
}
