//! Tests with other users of the same server and of the generator's machine: the findings name them.

use crate::assessment::{ComponentKind, FindingKind};
use bench_report::{EvidenceRow, Step, StepEnd};

use super::common::SECOND;
use super::common::server::{Server, row};
use super::{assess_reports, factor, finding, is_unknown, named};

/// Returns the table of the server's processes: their type, application, CPU time in nanoseconds, and number.
fn processes(all: &[(&str, &str, f64, f64)]) -> (&'static str, Vec<EvidenceRow>) {
    let rows = all.iter().map(|(kind, application, cpu_ns, count)| {
        row(
            &[("backend_type", kind), ("application", application)],
            &[("cpu_ns", *cpu_ns), ("count", *count)],
        )
    });
    ("processes", rows.collect())
}

/// Creates a server whose own CPU time goes to a quarter to the load and to three quarters to
/// `report.py`, on a machine that is 99 % busy. Sessions of the load are ready to run without a CPU
/// for `ready` (0 to 1) of the step.
fn shared_with_a_report(ready: f64) -> Server {
    let on_cpu = 0.25;
    Server {
        cpu: (0.99, 0.80, 0.15),
        figures: vec![
            ("server.load_cpu_ns", on_cpu * 4.0 * SECOND as f64),
            ("server.load_ready_ns", ready * 4.0 * SECOND as f64),
        ],
        tables: vec![processes(&[
            ("client backend", "ours", 1e9, 4.0),
            ("client backend", "report.py", 3e9, 3.0),
        ])],
        ..Server::default()
    }
}

/// The machine's CPU is used up, most of it by sessions of `report.py` inside the server, so the
/// finding names `report.py`.
#[test]
fn a_report_in_the_same_server_that_takes_the_cpu_is_a_problem_by_its_name() {
    let assessment = assess_reports(&shared_with_a_report(0.70).run());
    assert_eq!(named(&assessment), ["other_applications"]);
    let found = finding(&assessment, "other_applications").unwrap();
    assert_eq!(found.thing.as_deref(), Some("report.py"));
    assert!(found.title.contains("75 %"), "{}", found.title);
    // 70 % of the service time of 2 ms: without the report the load would find a core at once.
    let own = 2e6 * 0.70;
    let saved = found.impact.unwrap().saved_ns.unwrap();
    assert!((saved / own - 1.0).abs() < 0.02, "{saved} of {own}");
    assert_eq!(
        factor(&assessment, ComponentKind::Postgres),
        "machine_cpu.others"
    );
    // If the load's own sessions hardly wait for a CPU, the report costs them nothing.
    let assessment = assess_reports(&shared_with_a_report(0.01).run());
    let found = finding(&assessment, "other_applications").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
}

/// The parallel workers of the load use two cores and its sessions one, of four. Without the report, sessions would
/// still wait for a CPU behind the workers.
#[test]
fn the_wait_for_a_cpu_behind_the_load_s_own_workers_is_not_the_report_s() {
    let mut server = shared_with_a_report(0.72);
    server.figures[0] = ("server.load_cpu_ns", 3.0 * SECOND as f64);
    server.tables = vec![processes(&[
        ("client backend", "ours", 1e9, 4.0),
        ("parallel worker", "ours", 2e9, 8.0),
        ("client backend", "report.py", 2e8, 1.0),
    ])];
    let assessment = assess_reports(&server.run());
    let found = finding(&assessment, "other_applications").unwrap();
    // A call is ready for 1.44 ms without a CPU. Alone, 6,000 pieces of 0.5 ms a second would keep 3 of 4 cores
    // busy. Erlang's C is then 0.5094, and the wait 0.5094 × 0.5 ms ÷ (4 − 3) = 0.2547 ms. Without the workers,
    // with 1 of 4 cores busy, it would be 0.0034 ms.
    let own = 1.44e6 - 0.2547e6;
    let saved = found.impact.unwrap().saved_ns.unwrap();
    assert!((saved / own - 1.0).abs() < 0.01, "{saved} of {own}");
    let value = |what: &str| {
        let mut all = found.computed.iter();
        all.find(|figure| figure.what == what).unwrap().value
    };
    assert!((value("share of the server's CPU") - 0.2 / 3.2).abs() < 1e-9);
    assert!((value("cores of the application") - 0.2).abs() < 1e-9);
}

/// The machine was not recorded, so that the CPU in use is that of the server, 3.2 s, and of the generator, 0.6 s. The
/// report has three quarters of the server's.
#[test]
fn without_a_recording_the_report_has_its_share_of_the_cpu_of_server_and_generator() {
    let reports = shared_with_a_report(0.72).run();
    let assessment = assess_reports(&reports[..1]);
    let found = finding(&assessment, "other_applications").unwrap();
    let mut all = found.computed.iter();
    let own = all.find(|figure| figure.what.starts_with("time that the cause itself takes"));
    let own_ns = own.unwrap().value;
    let expected_ns = 1.44e6 * 0.75 * 3.2 / 3.8;
    assert!((own_ns / expected_ns - 1.0).abs() < 0.03, "{own_ns}");
}

/// The server counts the statements of all applications. The statement of `report.py` took most of
/// the time and must not be taken for one of the load.
#[test]
fn a_statement_of_another_application_is_not_taken_for_the_load_s() {
    let mut server = shared_with_a_report(0.70);
    let statement = |text: &str, exec_ns: f64| {
        row(
            &[("statement", text), ("toplevel", "true")],
            &[("calls", 3_000.0), ("exec_ns", exec_ns)],
        )
    };
    server.tables.push((
        "statements",
        vec![
            statement("SELECT sum(sqrt(i)) FROM generate_series($1, $2) i", 9e9),
            statement("SELECT note FROM stock WHERE id = $1", 1e9),
        ],
    ));
    server.tables.push((
        "waiting_statements",
        vec![row(
            &[
                ("statement", "SELECT note FROM stock WHERE id = ?"),
                ("event", ""),
            ],
            &[("sessions_mean", 1.0)],
        )],
    ));
    let assessment = assess_reports(&server.run());
    let found = finding(&assessment, "statement_cpu").unwrap();
    assert!(found.title.contains("stock"), "{}", found.title);
}

/// Autovacuum and a report wait for the same reads as the load; the finding about the reads must
/// name both.
#[test]
fn who_else_waits_for_the_same_is_named_with_the_wait() {
    let server = Server {
        waits: vec![("IO.DataFileRead", 0.6)],
        tables: vec![(
            "backends",
            vec![
                row(
                    &[
                        ("backend_type", "autovacuum worker"),
                        ("event", "IO.DataFileRead"),
                    ],
                    &[("sessions_mean", 0.8)],
                ),
                row(
                    &[
                        ("backend_type", "client backend"),
                        ("application", "report.py"),
                        ("event", "IO.DataFileRead"),
                    ],
                    &[("sessions_mean", 1.2)],
                ),
                row(
                    &[
                        ("backend_type", "checkpointer"),
                        ("event", "Timeout.CheckpointWriteDelay"),
                    ],
                    &[("sessions_mean", 1.0)],
                ),
            ],
        )],
        ..Server::default()
    };
    let assessment = assess_reports(&server.run());
    let found = finding(&assessment, "read_waits").unwrap();
    let told = "Sessions that are not the load's wait for it too, on average: autovacuum worker 0.80, report.py 1.20.";
    assert!(found.detail.contains(told), "{}", found.detail);
    let label = |name: &str| found.evidence.iter().any(|e| e.label.contains(name));
    assert!(label("report.py") && !label("checkpointer"));
}

/// The evidence shows the cache of transaction states that sessions wait for, and not the other
/// caches.
#[test]
fn a_wait_at_a_cache_of_transaction_states_shows_the_use_of_that_cache() {
    let cache = |name: &str| row(&[("name", name)], &[("blocks_read", 70.0)]);
    let server = Server {
        waits: vec![("LWLock.SubtransSLRU", 0.6)],
        tables: vec![("slru", vec![cache("Subtrans"), cache("Notify")])],
        ..Server::default()
    };
    let assessment = assess_reports(&server.run());
    let found = finding(&assessment, "lwlock_waits").unwrap();
    let label = |name: &str| found.evidence.iter().any(|e| e.label == name);
    assert!(
        label("Subtrans: blocks_read") && !label("Notify: blocks_read"),
        "{:?}",
        found.evidence
    );
}

/// A client pauses for 14 ms inside its transactions, on a full machine. If its threads were hardly
/// ready to run without a CPU, the pauses are the client's own.
#[test]
fn pauses_are_the_client_s_own_where_its_threads_hardly_waited_for_a_cpu() {
    let server = Server {
        idle_in_transaction: 0.7,
        service_ns: 2e7,
        cpu: (0.97, 0.05, 0.06),
        ..Server::default()
    };
    let with_ready = |part_of_a_thread: f64| {
        let ready = move |step: &mut Step| {
            let measured = step.window.measured_s() * 1e9;
            let threads = step.generator.threads as f64;
            step.generator.ready_ns = Some((part_of_a_thread * threads * measured) as u64);
        };
        assess_reports(&server.run_with(|_, step| ready(step)))
    };
    let assessment = with_ready(0.02);
    let found = finding(&assessment, "kept_transactions").unwrap();
    assert_eq!(found.kind, FindingKind::Problem);
    let assessment = with_ready(0.40);
    assert!(finding(&assessment, "kept_transactions").is_none());
    assert!(is_unknown(&assessment, "kept_transactions"));
}

/// A quota stops the server for nine tenths of the time. Its sessions show as idle, because they cannot read
/// their messages; the kernel counts them as ready.
#[test]
fn time_without_a_cpu_that_no_sample_shows_is_not_taken_for_the_network() {
    let quota = |ready_s: f64| Server {
        outside: 0.8,
        service_ns: 4e6,
        cpu: (0.22, 0.15, 0.04),
        figures: vec![
            ("server.load_cpu_ns", 0.15 * SECOND as f64),
            ("server.load_ready_ns", ready_s * SECOND as f64),
            ("server.cgroup.periods", 120.0),
            ("server.cgroup.throttled_periods", 119.0),
            ("server.cgroup.throttled_ns", 1.3e9),
            ("server.cgroup.quota_cores", 0.3),
        ],
        ..Server::default()
    };
    let assessment = assess_reports(&quota(3.6).run());
    assert_eq!(named(&assessment), ["throttled"]);
    let found = finding(&assessment, "throttled").unwrap();
    let part = found.impact.unwrap().ratio;
    assert!((part - 0.9).abs() < 0.02, "{part}");
    // If the kernel counted no waiting, the same unexplained time is the network's.
    let assessment = assess_reports(&quota(0.0).run());
    assert!(finding(&assessment, "round_trips").is_some());
}

/// If the CPU is used up, a session that was woken shows its last wait event until it runs. That
/// time counts as a lack of CPU.
#[test]
fn a_wait_that_goes_on_for_want_of_a_cpu_is_counted_as_want_of_a_cpu() {
    let commits = |ready_s: f64| Server {
        waits: vec![("LWLock.WALWrite", 0.45)],
        cpu: (0.99, 0.85, 0.10),
        figures: vec![
            ("server.load_cpu_ns", 1.8 * SECOND as f64),
            ("server.load_ready_ns", ready_s * SECOND as f64),
        ],
        ..Server::default()
    };
    let assessment = assess_reports(&commits(0.1).run());
    assert_eq!(named(&assessment), ["commit_waits"]);
    let assessment = assess_reports(&commits(1.6).run());
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert!(
        assessment
            .ruled_out
            .iter()
            .any(|r| r.rule == "commit_waits")
    );
}

/// The server has no free connection for the pool, so the step never ran. The finding must contain
/// the reason from the report.
#[test]
fn a_step_that_could_not_run_is_told_with_its_reason() {
    let reason = "8 connections do not fit: max_connections is 16";
    let reports = Server::default().run_with(|_, step| {
        step.end = StepEnd::Failed {
            reason: reason.into(),
        };
        step.operations.clear();
    });
    let assessment = assess_reports(&reports);
    assert_eq!(named(&assessment), ["step_failed"]);
    let found = finding(&assessment, "step_failed").unwrap();
    assert!(found.title.contains(reason), "{}", found.title);
    let limit = &assessment.components[0].limiting_factor;
    assert!(limit.reason.contains(reason), "{}", limit.reason);
}

/// Parallel workers run at the same time as the session that leads them, so that their wait for a CPU is no
/// part of its time.
#[test]
fn workers_that_wait_for_a_cpu_do_not_lengthen_the_session_that_leads_them() {
    let runnable = |of_workers: f64| {
        let worker = [("backend_type", "parallel worker"), ("application", "ours")];
        let figures = [("ready_ns", of_workers * 3e9), ("cpu_ns", 1e9)];
        let assessment = assess_reports(
            &Server {
                waits: vec![("Lock.tuple", 0.9)],
                cpu: (0.99, 0.25, 0.10),
                figures: vec![("server.load_cpu_ns", 1e8), ("server.load_ready_ns", 3e9)],
                tables: vec![("processes", vec![row(&worker, &figures)])],
                ..Server::default()
            }
            .run(),
        );
        let model = assessment.components[0].time_model.as_ref().unwrap();
        model.sum_of("server_runnable")
    };
    // Sessions are ready for 1 ms of each call, which samples show as a wait for the lock.
    let (own, of_workers) = (runnable(0.0), runnable(0.9));
    assert!(own > 0.0 && of_workers < 0.5 * own, "{own} {of_workers}");
}
