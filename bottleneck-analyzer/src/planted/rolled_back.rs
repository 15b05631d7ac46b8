//! Tests of transactions that end otherwise than by a commit: rolled back, or prepared and left.

use super::causes::{assess, ruled_out};
use super::common::server::Server;
use super::{assess_reports, finding, is_unknown, named};
use crate::assessment::FindingKind;

fn rolled_back(ratio: f64) -> Server {
    Server {
        figures: vec![("database.rollbacks", ratio * Server::default().calls())],
        ..Server::default()
    }
}

#[test]
fn transactions_that_are_rolled_back_without_a_failed_request_are_told() {
    let assessment = assess(&rolled_back(0.5));
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "rolled_back").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    let counted = "1500 beside 3000 committed ones";
    assert!(found.title.contains(counted), "{}", found.title);
    let failed = "0 requests failed";
    assert!(found.detail.contains(failed), "{}", found.detail);
    assert!(ruled_out(&assess(&rolled_back(0.001)), "rolled_back"));
    assert!(is_unknown(&assess(&Server::default()), "rolled_back"));
}

/// Of 3,000 committed transactions as many stand beside those that were rolled back: a twentieth of all is told.
#[test]
fn a_twentieth_of_the_transactions_must_be_rolled_back() {
    for (ratio, is_told) in [(0.053, true), (0.052, false)] {
        let assessment = assess(&rolled_back(ratio));
        assert_eq!(
            finding(&assessment, "rolled_back").is_some(),
            is_told,
            "{ratio}"
        );
    }
}

#[test]
fn transactions_of_requests_that_failed_are_not_told_twice() {
    // Each of the 400 failures of the measured second stands for 600 in the 1.5 s of the counters.
    let reports = rolled_back(0.2).run_with(|_, step| {
        let call = step.operations.get_mut("call").unwrap();
        call.succeeded -= 400;
        call.errors.insert("sqlstate.23505".into(), 400);
    });
    let assessment = assess_reports(&reports);
    assert!(finding(&assessment, "errors_past_objective").is_some());
    assert!(finding(&assessment, "rolled_back").is_none());
    assert!(ruled_out(&assessment, "rolled_back"));
}

fn prepared(count: f64, oldest_s: f64) -> Server {
    Server {
        figures: vec![
            ("transactions.prepared", count),
            ("transactions.oldest_age_s", oldest_s),
        ],
        ..Server::default()
    }
}

#[test]
fn prepared_transactions_that_are_left_over_are_told_and_those_of_the_load_are_none() {
    let assessment = assess(&prepared(2.0, 7_200.0));
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "prepared_transactions").unwrap();
    assert_eq!(found.kind, FindingKind::Information);
    assert!(found.title.ends_with("open: 2"), "{}", found.title);
    assert!(found.detail.contains("2.0 h old"), "{}", found.detail);
    for fine in [prepared(2.0, 0.3), prepared(0.0, 7_200.0)] {
        assert!(ruled_out(&assess(&fine), "prepared_transactions"));
    }
    for missing in ["transactions.prepared", "transactions.oldest_age_s"] {
        let reports = prepared(2.0, 7_200.0).run_without(missing);
        let unknown = assess_reports(&reports);
        assert!(is_unknown(&unknown, "prepared_transactions"), "{missing}");
    }
}
