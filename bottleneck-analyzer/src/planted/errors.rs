//! Tests of requests that fail: each kind is reported with the server's message, before other findings if it
//! breaks the objective.

use crate::assessment::{ComponentKind, Finding, FindingKind, ImpactOf};
use bench_report::{FailureSample, Report, Step, StepEnd};

use super::common::server::Server;
use super::{assess_reports, factor, finding, named};

fn sample(
    kind: &str,
    message: &str,
    detail: Option<&str>,
    statement: Option<&str>,
) -> FailureSample {
    FailureSample {
        at_ns: 1,
        operation: "call".into(),
        phase: "service".into(),
        kind: kind.into(),
        message: message.into(),
        detail: detail.map(str::to_owned),
        statement: statement.map(str::to_owned),
    }
}

/// Makes the share `part` (0 to 1) of the calls of a step fail with `kind`, and adds a sample with
/// `message`.
pub(super) fn fail(step: &mut Step, kind: &str, part: f64, message: &str) {
    let call = step.operations.get_mut("call").unwrap();
    let failed = (call.attempted as f64 * part) as u64;
    call.succeeded -= failed;
    call.errors.insert(kind.into(), failed);
    step.failures.push(sample(kind, message, None, None));
}

/// Returns a run in which every request fails with `kind` and the server's text `message`. With
/// `stopped`, a stop rule ends every step.
fn nothing_succeeds(kind: &str, message: &str, stopped: bool) -> Vec<Report> {
    Server::default().run_with(|_, step| {
        let call = step.operations.get_mut("call").unwrap();
        call.succeeded = 0;
        call.errors.insert(kind.into(), call.attempted);
        call.throughput_per_s = 0.0;
        (call.call, call.service, call.checkout) = (None, None, None);
        let statement = Some("SELECT ? / ?");
        step.failures
            .push(sample(kind, message, Some("values 1 and 0"), statement));
        if stopped {
            step.end = StepEnd::Stopped {
                rule: "errors>10%".into(),
                reason: "120 of 120 requests failed (100.0 %)".into(),
            };
        }
    })
}

pub(super) fn first(reports: &[Report]) -> (Finding, String) {
    let assessment = assess_reports(reports);
    let limit = &assessment.components[0].limiting_factor;
    let limit = format!("{}: {}", limit.title, limit.reason);
    (assessment.findings[0].clone(), limit)
}

#[test]
fn a_run_of_which_nothing_succeeds_says_what_the_server_said_and_not_that_nothing_was_found() {
    for stopped in [false, true] {
        let reports = nothing_succeeds("sqlstate.22012", "ERROR: division by zero", stopped);
        let (found, limit) = first(&reports);
        assert_eq!(found.kind, FindingKind::Problem);
        for word in ["All of the requests", "SQLSTATE 22012"] {
            assert!(found.title.contains(word), "{word}: {}", found.title);
        }
        for word in [
            "6000 of 6000",
            "3 steps",
            "division by zero",
            "values 1 and 0",
            "SELECT ? / ?",
        ] {
            assert!(found.detail.contains(word), "{word}: {}", found.detail);
        }
        assert_eq!(found.impact.unwrap().of, ImpactOf::Requests);
        assert!(!limit.contains("no step ran to its end"), "{limit}");
        assert!(limit.contains("no request succeeded"), "{limit}");
    }
}

#[test]
fn a_rule_that_ended_every_step_is_named_with_its_reason() {
    let reports = nothing_succeeds("sqlstate.22012", "ERROR: division by zero", true);
    let assessment = assess_reports(&reports);
    let stopped = finding(&assessment, "stopped_by_rule").unwrap();
    assert!(
        stopped
            .title
            .contains("The load was stopped early in 3 of 3 steps, by the stop rule errors>10%"),
        "{}",
        stopped.title
    );
    assert!(
        stopped.detail.contains("120 of 120 requests failed"),
        "{}",
        stopped.detail
    );
    assert_eq!(stopped.parent.as_ref(), Some(&assessment.findings[0].id));
    // A guard stopped the whole run although no request failed: that is a problem of its own.
    let guarded = Server::default().run_with(|_, step| {
        step.end = StepEnd::Stopped {
            rule: "server connections>80%".into(),
            reason: "81 of 97 connections".into(),
        };
    });
    let assessment = assess_reports(&guarded);
    assert_eq!(named(&assessment), ["stopped_by_rule"]);
    assert!(
        assessment.findings[0]
            .title
            .contains("server connections>80%")
    );
    let limit = &assessment.components[0].limiting_factor.reason;
    assert!(limit.contains("server connections>80%"), "{limit}");
}

#[test]
fn failures_come_first_however_slow_the_rest_is() {
    let server = Server {
        waits: vec![("Lock.tuple", 0.8)],
        ..Server::default()
    };
    let reports =
        server.run_with(|_, step| fail(step, "sqlstate.40P01", 0.02, "ERROR: deadlock detected"));
    let assessment = assess_reports(&reports);
    assert_eq!(named(&assessment), ["errors_past_objective", "lock_waits"]);
    let found = &assessment.findings[0];
    assert!(
        found.title.contains("2.0 % of the requests"),
        "{}",
        found.title
    );
    assert!(
        found.advice.as_ref().unwrap().actions[0].contains("one order"),
        "{:?}",
        found.advice
    );
}

/// Kind of failure, its message, a word that the explanation must contain, and one that the advice must
/// contain.
const CODES: [(&str, &str, &str, &str); 10] = [
    (
        "sqlstate.40001",
        "could not serialize access",
        "serialization",
        "retry",
    ),
    (
        "sqlstate.23505",
        "duplicate key value",
        "already there",
        "draw keys",
    ),
    (
        "sqlstate.55P03",
        "could not obtain lock",
        "lock_timeout",
        "blockers",
    ),
    (
        "sqlstate.57014",
        "canceling statement due to statement timeout",
        "statement_timeout",
        "wait for",
    ),
    (
        "sqlstate.53300",
        "too many clients already",
        "all connections of the server",
        "pools",
    ),
    (
        "sqlstate.25006",
        "cannot execute UPDATE in a read-only transaction",
        "standby",
        "primary",
    ),
    (
        "sqlstate.42P01",
        "relation \"x\" does not exist",
        "does not have",
        "create",
    ),
    (
        "timeout.checkout",
        "no connection came free",
        "became free",
        "behind the pool",
    ),
    (
        "closed.1006",
        "the connection broke",
        "broke",
        "server's log",
    ),
    (
        "response.OOM",
        "command not allowed when used memory > 'maxmemory'",
        "maxmemory",
        "raise maxmemory",
    ),
];

#[test]
fn each_code_says_what_it_means_and_what_to_do() {
    for (kind, message, means, action) in CODES {
        let reports = Server::default().run_with(|_, step| fail(step, kind, 0.2, message));
        let (found, _) = first(&reports);
        assert!(found.title.contains(means), "{kind}: {}", found.title);
        let actions = &found.advice.as_ref().unwrap().actions;
        assert!(
            actions.iter().any(|a| a.contains(action)),
            "{kind}: {actions:?}"
        );
        assert!(found.detail.contains(message), "{kind}: {}", found.detail);
    }
}

#[test]
fn what_only_follows_from_an_earlier_error_is_counted_with_it() {
    let reports = Server::default().run_with(|_, step| {
        fail(step, "sqlstate.40001", 0.05, "could not serialize access");
        fail(
            step,
            "sqlstate.25P02",
            0.15,
            "current transaction is aborted",
        );
    });
    let assessment = assess_reports(&reports);
    assert_eq!(named(&assessment), ["errors_past_objective"]);
    let found = &assessment.findings[0];
    assert_eq!(found.thing.as_deref(), Some("SQLSTATE 40001"));
    assert!(
        found.title.starts_with("20.0 % of the requests"),
        "{}",
        found.title
    );
}

#[test]
fn kinds_are_told_apart_and_a_few_failures_are_information() {
    let reports = Server::default().run_with(|_, step| {
        fail(step, "sqlstate.40001", 0.05, "could not serialize access");
        fail(step, "sqlstate.40P01", 0.02, "deadlock detected");
    });
    let assessment = assess_reports(&reports);
    let things: Vec<_> = assessment
        .findings
        .iter()
        .filter_map(|f| f.thing.as_deref())
        .collect();
    assert_eq!(things[..2], ["SQLSTATE 40001", "SQLSTATE 40P01"]);
    let few = Server::default().run_with(|_, step| fail(step, "reset", 0.002, "connection reset"));
    let assessment = assess_reports(&few);
    assert_eq!(named(&assessment), Vec::<&str>::new());
    assert!(finding(&assessment, "errors").is_some());
    assert_eq!(factor(&assessment, ComponentKind::Postgres), "users");
}

/// Returns the findings about failures past the objective in three repeats of `attempted` requests each. In the
/// first repeat `first` of them fail with one kind and `second` with another.
fn two_kinds(attempted: u64, first: u64, second: u64) -> Vec<Finding> {
    let reports = Server::default().run_with(|repeat, step| {
        let call = step.operations.get_mut("call").unwrap();
        (call.attempted, call.succeeded) = (attempted, attempted);
        let kinds = [("sqlstate.40001", first), ("sqlstate.40P01", second)];
        let planted = kinds.into_iter().filter(|(_, count)| *count > 0);
        for (kind, count) in planted.filter(|_| repeat == 0) {
            call.succeeded -= count;
            call.errors.insert(kind.into(), count);
        }
    });
    let all = assess_reports(&reports).findings.into_iter();
    all.filter(|f| f.rule().name() == "errors_past_objective")
        .collect()
}

#[test]
fn the_failures_of_one_kind_and_of_all_kinds_are_each_told_with_the_requests() {
    let found = two_kinds(27, 13, 1);
    let told: Vec<&str> = found.iter().map(|f| f.detail.as_str()).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with("13 of 81 requests in 3 steps. "),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("1 of 81 requests in 3 steps. "),
        "{told:?}"
    );
    for (finding, text) in found.iter().zip(told) {
        let together = "Failures of all kinds together: 14 of 81 requests.";
        assert!(text.contains(together), "{text}");
        let mut counts = finding.computed.iter();
        let of_all = counts.find(|c| c.what == "failures of all kinds").unwrap();
        assert!((of_all.value - 14.0).abs() < 1e-9, "{of_all:?}");
    }
    // The range is that of all failures: 2 of 51.
    for finding in two_kinds(17, 1, 1) {
        let text = finding.detail;
        let range = "The true share of failures of all kinds may be 0.5 % to 13";
        assert!(text.contains(range), "{text}");
        assert!(text.contains("together: 2 of 51 requests."), "{text}");
    }
    let one_kind = two_kinds(17, 2, 0);
    assert_eq!(one_kind.len(), 1);
    let text = &one_kind[0].detail;
    assert!(
        text.contains("The true share of failures may be 0.5 % to 13"),
        "{text}"
    );
    assert!(!text.contains("all kinds"), "{text}");
}

/// Failures of one repeat make a finding, even if another repeat stands for the operating point.
#[test]
fn failures_in_one_repeat_are_found() {
    for failing in 0..3 {
        let reports = Server::default().run_with(|repeat, step| {
            if repeat == failing {
                fail(
                    step,
                    "sqlstate.57014",
                    0.3,
                    "canceling statement due to statement timeout",
                );
            }
        });
        let (found, _) = first(&reports);
        assert!(
            found.title.starts_with("10.0 % of the requests"),
            "{failing}: {}",
            found.title
        );
    }
}

/// The operating point has no failures, but the server refuses connections of a larger pool.
#[test]
fn failures_at_other_settings_are_told_as_such() {
    let mut reports = Server::default().run();
    let mut larger = reports[0].steps[0].clone();
    let size = bench_report::Parameter::Integer(200);
    larger.parameters.insert("pool_size".into(), size);
    larger.name = "deadpool, pool of 200".into();
    for operation in larger.operations.values_mut() {
        operation.throughput_per_s *= 0.5;
    }
    fail(
        &mut larger,
        "sqlstate.53300",
        0.5,
        "sorry, too many clients already",
    );
    reports[0].steps.push(larger);
    let assessment = assess_reports(&reports);
    assert_eq!(named(&assessment), Vec::<&str>::new());
    let found = finding(&assessment, "errors_elsewhere").unwrap();
    for word in ["SQLSTATE 53300", "pool of 200"] {
        let told = format!("{} {}", found.title, found.detail);
        assert!(told.contains(word), "{word}: {told}");
    }
}
