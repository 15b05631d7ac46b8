//! Tests with two causes that are easily taken for each other, planted together: both are told, and the one
//! that costs more time comes first.

use crate::assessment::{Assessment, ComponentKind, Finding, FindingKind};
use bench_report::{Load, Pacing, Warning, WarningCode};

use super::causes::{statements, tables};
use super::common::parts::PlantFigure as _;
use super::common::server::{Server, row};
use super::common::{SECOND, hist};
use super::worked_example::hot_row_beside_a_report;
use super::{assess_reports, factor, finding, named};

/// Returns the rules of the problems that are no consequence of another finding, in their order.
fn causes(assessment: &Assessment) -> Vec<String> {
    let all = assessment.findings.iter();
    let roots = all.filter(|f| f.kind == FindingKind::Problem && f.parent.is_none());
    roots.map(|f| f.rule().to_string()).collect()
}

fn saved_ns(finding: &Finding) -> f64 {
    finding.impact.unwrap().saved_ns.unwrap()
}

#[track_caller]
fn pool_is_ruled_out(assessment: &Assessment) {
    assert!(finding(assessment, "pool_too_small").is_none());
    let mut all = assessment.ruled_out.iter();
    assert!(all.any(|r| r.rule.name() == "pool_too_small"));
}

/// The pool's queue is the echo of a scan: the scan comes first, and nothing is said against the pool.
#[test]
fn a_missing_index_behind_a_small_pool_is_the_cause_and_not_the_pool() {
    let text = "SELECT sum(total) FROM orders WHERE customer = $1";
    let assessment = assess_reports(
        &Server {
            users: 32.0,
            pool: 8,
            service_ns: 2e7,
            tables: vec![
                statements(text, 1.0, &[]),
                tables(
                    "shop.orders",
                    &[("seq_scan", 3_000.0), ("seq_tup_read", 3_000.0 * 2e5)],
                ),
            ],
            ..Server::default()
        }
        .run(),
    );
    assert_eq!(causes(&assessment), ["sequential_scans"]);
    pool_is_ruled_out(&assessment);
    // The queue before the pool comes back as well: 60 of 80 ms.
    let saved = saved_ns(finding(&assessment, "sequential_scans").unwrap());
    assert!(saved > 7e7, "{saved}");
}

#[test]
fn transactions_that_the_client_keeps_open_fill_the_pool_and_are_the_cause() {
    let reports = Server {
        users: 40.0,
        pool: 8,
        service_ns: 2e7,
        idle_in_transaction: 0.8,
        ..Server::default()
    }
    .run_with(|_, step| {
        step.generator.ready_ns = Some(0);
        step.generator.cpu_ns = SECOND / 10;
    });
    let assessment = assess_reports(&reports);
    assert_eq!(causes(&assessment), ["kept_transactions"]);
    pool_is_ruled_out(&assessment);
}

/// A quota that stops the server makes everything slow, with a CPU that looks used up from inside. The
/// statements' own CPU time is no problem.
#[test]
fn a_quota_is_told_from_a_cpu_that_is_used_up_by_its_owner() {
    let throttled = |periods: f64| Server {
        figures: vec![
            ("server.cgroup.periods", 150.0),
            ("server.cgroup.throttled_periods", periods),
            ("server.cgroup.throttled_ns", periods * 5e7),
            ("server.cgroup.quota_cores", 0.5),
            ("server.load_cpu_ns", 0.5e9),
            ("server.load_ready_ns", 3e9),
        ],
        cpu: (0.95, 0.13, 0.10),
        outsider: Some(("report.py", 2.8)),
        ..Server::default()
    };
    let assessment = assess_reports(&throttled(148.0).run());
    let all = causes(&assessment);
    assert!(all.contains(&"throttled".to_owned()), "{all:?}");
    assert!(all.contains(&"cpu_others".to_owned()), "{all:?}");
    assert_eq!(all[0], "throttled");
    // Both have the same wait for a CPU to give back, so the second gives back next to nothing more.
    let others = finding(&assessment, "cpu_others").unwrap().impact.unwrap();
    let after = others.saved_after_ns.unwrap();
    assert!(after < 0.05 * others.saved_ns.unwrap(), "{others:?}");
    let free = assess_reports(&throttled(1.0).run());
    assert_eq!(causes(&free), ["cpu_others"]);
}

/// A CPU that others use up does not hide a row that is held for the whole step; a small lock does not hide
/// a CPU that others use up.
#[test]
fn a_hot_row_and_a_cpu_used_up_by_others_are_ordered_by_their_time() {
    let mut busy = hot_row_beside_a_report();
    busy.cpu = (0.99, 0.475, 0.125);
    busy.outsider = Some(("report.py", 1.56));
    let row_first = assess_reports(&busy.run());
    assert_eq!(causes(&row_first), ["lock_waits", "cpu_others"]);
    assert_eq!(factor(&row_first, ComponentKind::Postgres), "wait.lock");
    let cpu_first = assess_reports(
        &Server {
            users: 8.0,
            waits: vec![("Lock.transactionid", 0.12)],
            figures: vec![
                ("server.load_cpu_ns", 0.9e9),
                ("server.load_ready_ns", 5.5e9),
            ],
            cpu: (0.99, 0.225, 0.10),
            outsider: Some(("report.py", 2.66)),
            ..Server::default()
        }
        .run(),
    );
    assert_eq!(causes(&cpu_first)[0], "cpu_others");
    assert_eq!(
        factor(&cpu_first, ComponentKind::Postgres),
        "machine_cpu.others"
    );
}

/// A generator that releases its requests late makes the response time longer. That part is the
/// generator's, and the lock in the server is told all the same.
#[test]
fn a_late_generator_does_not_hide_a_slow_server() {
    let mut reports = Server {
        waits: vec![("Lock.advisory", 0.6)],
        ..Server::default()
    }
    .run_with(|_, step| {
        step.load = Load::Open {
            rate_per_s: 2_000.0,
            pacing: Pacing::Constant,
            in_flight_cap: 1_000,
            delayed_at_cap: 0,
        };
        for operation in step.operations.values_mut() {
            let call = operation.call.as_ref().unwrap();
            operation.response = hist(call.mean_ns + 1e6, call.count);
            operation.pacing_lag = hist(1e6, call.count);
        }
    });
    for index in 0..reports[0].steps.len() {
        let late = Warning::new(WarningCode::PacingLag, "requests were released 1 ms late");
        let late = late.about_step(index, &["operations/*/response"]);
        reports[0].warnings.push(late);
    }
    let assessment = assess_reports(&reports);
    assert_eq!(causes(&assessment)[0], "lock_waits");
    let late = finding(&assessment, "generator_spoilt_results").unwrap();
    assert_eq!(late.kind, FindingKind::Information);
    // A third of the response time of 3 ms is the generator's.
    let saved = saved_ns(late);
    assert!((saved / 1e6 - 1.0).abs() < 0.1, "{saved}");
    let lock = finding(&assessment, "lock_waits").unwrap().impact.unwrap();
    assert!(lock.ratio < 0.45, "of the whole response time: {lock:?}");
}

#[test]
fn a_slow_command_and_large_answers_in_redis_are_ordered_by_their_time() {
    use super::common::command;
    use super::redis_server::{rows, server};
    let planted = |slow_us: f64, sent: f64| {
        server(move |s| {
            s.plant("cpu_main_thread_s", 0.7);
            s.plant("net_output_bytes", sent);
            let keys = command("keys", "others", (5.0, 5.0 * slow_us), slow_us);
            rows(s, "commands").push(keys);
            let subscriber = row(&[("kind", "subscriber")], &[("clients", 50.0)]);
            rows(s, "clients").push(subscriber);
        })
    };
    let both = planted(60_000.0, 500e6);
    assert_eq!(named(&both)[0], "redis_command");
    let slow = saved_ns(finding(&both, "redis_command").unwrap());
    let only = planted(60_000.0, 2e6);
    let alone = saved_ns(finding(&only, "redis_command").unwrap());
    assert!(slow <= alone * 1.01, "{slow} {alone}");
}
