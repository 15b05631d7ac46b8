//! Tests of circumstances of a load on PostgreSQL: deadlocks, connecting, distance, episodes.

use crate::assessment::{Confidence, FindingKind};
use bench_report::Report;

use super::causes::{assess, first, ruled_out, tables};
use super::common::parts::PlantFigure;
use super::common::server::{Server, row};
use super::{assess_reports, finding, is_unknown, named};

#[test]
fn deadlocks_that_were_retried_are_a_problem_though_no_request_failed() {
    let locked = |deadlocks: f64| Server {
        figures: vec![("database.deadlocks", deadlocks)],
        ..Server::default()
    };
    first(&assess(&locked(400.0)), "deadlocks");
    let fine = assess(&locked(0.0));
    assert!(ruled_out(&fine, "deadlocks") && named(&fine).is_empty());
}

#[test]
fn connections_that_are_opened_all_the_time_are_told_by_what_connecting_takes() {
    let opening = |ns: f64, opened: u64| {
        let server = Server {
            users: 4.0,
            ..Server::default()
        };
        server.run_with(|_, step| {
            let call = step.operations.get_mut("call").unwrap();
            call.checkout = super::common::hist(ns + 2_000.0, call.succeeded);
            call.call = super::common::hist(2e6 + ns, call.succeeded);
            step.pool.as_mut().unwrap().checkout = Some(bench_report::CheckoutParts {
                count: call.succeeded,
                opened,
                connect_mean_ns: ns,
                check_mean_ns: 1_000.0,
                ..bench_report::CheckoutParts::default()
            });
        })
    };
    let assessment = assess_reports(&opening(3e6, 2_000));
    first(&assessment, "connection_storm");
    assert!(finding(&assessment, "pool_too_small").is_none());
    let fine = assess_reports(&opening(1_000.0, 2));
    assert_eq!(named(&fine), Vec::<&str>::new());
    assert!(ruled_out(&fine, "connection_storm"));
}

#[test]
fn a_far_server_is_told_by_its_round_trips_and_not_where_the_cpu_may_be_the_reason() {
    let far = Server {
        outside: 0.9,
        service_ns: 2e7,
        ..Server::default()
    };
    let assessment = assess(&far);
    let found = first(&assessment, "round_trips");
    assert!(
        found.title.contains("for each round trip"),
        "{}",
        found.title
    );
    let crowded = Server {
        cpu: (0.95, 0.5, 0.4),
        ..far.clone()
    };
    assert!(is_unknown(&assess(&crowded), "round_trips"));
    let near = assess(&Server::default());
    assert!(ruled_out(&near, "round_trips"));
}

#[test]
fn what_is_worth_knowing_and_was_not_timed_is_information() {
    let assessment = assess(&Server {
        figures: vec![
            ("checkpointer.requested", 3.0),
            ("checkpointer.timed", 1.0),
            ("wal.full_page_images", 9_000.0),
            ("wal.bytes", 1e8),
        ],
        tables: vec![
            tables(
                "accounts",
                &[
                    ("dead", 40_000.0),
                    ("live", 100_000.0),
                    ("updated", 5_000.0),
                    ("hot_updated", 100.0),
                ],
            ),
            (
                "processes",
                vec![
                    row(
                        &[("backend_type", "client backend"), ("application", "ours")],
                        &[("cpu_ns", 6e8)],
                    ),
                    row(
                        &[
                            ("backend_type", "client backend"),
                            ("application", "report.py"),
                        ],
                        &[("cpu_ns", 5e8), ("count", 1.0)],
                    ),
                ],
            ),
        ],
        ..Server::default()
    });
    assert_eq!(named(&assessment), Vec::<&str>::new());
    for (rule, word) in [
        ("requested_checkpoints", "3 checkpoints"),
        ("full_page_images", "74 %"),
        ("dead_rows", "accounts"),
        ("updates_touch_indexes", "accounts"),
        ("other_applications", "report.py"),
    ] {
        let found = finding(&assessment, rule).unwrap_or_else(|| panic!("{rule}"));
        assert!(found.title.contains(word), "{}", found.title);
        assert_eq!(found.kind, FindingKind::Information);
    }
    let healthy = assess(&Server::default());
    assert!(finding(&healthy, "requested_checkpoints").is_none());
}

/// Plants one lock wait in every repeat, in one repeat of three, and in none.
#[test]
fn a_lock_in_one_repeat_of_three_is_an_episode_with_its_worst_call() {
    let in_repeats = |which: &[usize]| -> Vec<Report> {
        let server = Server {
            waits: vec![("Lock.relation", 0.0)],
            ..Server::default()
        };
        let which = which.to_vec();
        server.run_with(move |repeat, step| {
            if which.contains(&repeat) {
                let evidence = step.server.as_mut().unwrap();
                evidence.plant("sessions.lock_mean", 3.2);
                evidence.plant("waits.Lock.relation_mean", 3.2);
                evidence.plant("sessions.cpu_mean", 0.5);
                let call = step.operations.get_mut("call").unwrap();
                for phase in [&mut call.call, &mut call.service] {
                    let mut slow = phase.clone().unwrap();
                    slow.max_ns = 3_000_000_000;
                    *phase = Some(slow);
                }
            }
        })
    };
    let all = assess_reports(&in_repeats(&[0, 1, 2]));
    let found = first(&all, "lock_waits");
    assert!(
        found.detail.contains("Seen in 3 of 3 repeats"),
        "{}",
        found.detail
    );
    let one = assess_reports(&in_repeats(&[2]));
    let found = first(&one, "lock_waits");
    for word in [
        "An episode: seen only in 1 of 3 repeats",
        "repeat 3",
        "slowest call took 3.00 s",
    ] {
        assert!(found.detail.contains(word), "{word}: {}", found.detail);
    }
    let third = found.impact.unwrap().ratio / first(&all, "lock_waits").impact.unwrap().ratio;
    assert!((third - 1.0 / 3.0).abs() < 0.02, "{third}");
    let none = assess_reports(&in_repeats(&[]));
    assert!(finding(&none, "lock_waits").is_none());
}

/// The confidence depends on the number of times that sessions were sampled: 100 make it high, 20
/// medium, 5 low.
#[test]
fn a_handful_of_samples_is_no_more_than_a_doubt() {
    for (samples, confidence) in [
        (100.0, Confidence::High),
        (20.0, Confidence::Medium),
        (5.0, Confidence::Low),
    ] {
        let assessment = assess(&Server {
            waits: vec![("Lock.tuple", 0.6)],
            samples,
            ..Server::default()
        });
        let found = finding(&assessment, "lock_waits").unwrap();
        assert_eq!(found.confidence, confidence, "{samples}");
    }
}

/// Plants seven statements in a call, with a network delay of two milliseconds each way. The run
/// itself declares the delay, so its cost is certain even on a full machine.
#[test]
fn round_trips_of_a_delay_that_the_run_declares_are_counted() {
    let server = Server {
        service_ns: 3e7,
        idle_in_transaction: 0.7,
        outside: 0.15,
        cpu: (0.97, 0.05, 0.06),
        ..Server::default()
    };
    let reports = server.run_with(|_, step| {
        step.parameters.insert("network_delay".into(), "2ms".into());
        let call = step.operations["call"].clone();
        for n in 1..=7 {
            step.parts.insert(format!("call:{n}"), call.clone());
        }
    });
    let assessment = assess_reports(&reports);
    let found = first(&assessment, "round_trips");
    assert!(
        found.title.contains("4.00 ms for each round trip"),
        "{}",
        found.title
    );
    assert!(
        found.detail.contains("about 7 round trips"),
        "{}",
        found.detail
    );
    assert!(finding(&assessment, "kept_transactions").is_none());
}
