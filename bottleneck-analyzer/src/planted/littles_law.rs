//! Tests of reports whose figures contradict each other by Little's law.

use bench_report::Load;

use super::common::server::Server;
use super::{assess_reports, finding};
use crate::assessment::{Assessment, Confidence};

/// Assesses three repeats in which 4 users are at work and `users` are said to be.
fn with_users(users: u64) -> Assessment {
    let waits = vec![("Lock.transactionid", 0.6)];
    let server = Server {
        waits,
        ..Server::default()
    };
    assess_reports(&server.run_with(|_, step| {
        step.load = Load::Closed {
            users,
            think_time_ns: 0,
        };
    }))
}

#[test]
fn users_who_are_missing_from_the_figures_are_told_and_doubt_what_rests_on_them() {
    let (wrong, right) = (with_users(6), with_users(4));
    let found = finding(&wrong, "littles_law").unwrap();
    assert!(
        found.title.contains("makes 4.00 users, and 6 were at work"),
        "{}",
        found.title
    );
    assert!(
        found
            .detail
            .contains("the calls take 33 % less time than the users have"),
        "{}",
        found.detail
    );
    let sure = |assessment: &Assessment| finding(assessment, "lock_waits").unwrap().confidence;
    assert_eq!(sure(&right), Confidence::High);
    assert_eq!(sure(&wrong), Confidence::Medium);
}

#[test]
fn figures_that_agree_are_ruled_out() {
    let right = with_users(4);
    let mut passed = right.ruled_out.iter();
    let passed = passed.find(|r| r.rule == "littles_law").unwrap();
    assert!(
        passed.statement.contains("all 3 steps"),
        "{}",
        passed.statement
    );
}

#[test]
fn an_open_loop_and_a_load_without_timed_calls_are_not_checked() {
    let reports = Server::default().run_with(|_, step| {
        for operation in step.operations.values_mut() {
            operation.call = None;
        }
    });
    let assessment = assess_reports(&reports);
    assert!(finding(&assessment, "littles_law").is_none());
    assert!(!assessment.ruled_out.iter().any(|r| r.rule == "littles_law"));
}
