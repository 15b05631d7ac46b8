//! Tests of objectives: the figures that fail a gate, and the figures that may be promised.

use bench_report::{Warning, WarningCode};

use crate::assessment::{ComponentKind, Confidence, FindingKind, GateOutcome, Readiness};

use super::common::{Plant, held_for, hist};
use super::{assess, assess_reports, finding, gate, is_unknown, named, promise};

#[test]
fn slow_calls_and_failures_fail_their_gates() {
    let slow = assess(&Plant {
        redis_ns: 2e7,
        ..Plant::default()
    });
    assert_eq!(named(&slow), ["latency_past_objective"]);
    let gate = slow.gates.iter().find(|g| g.name == "redis.cache.p90");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Fail);
    assert_eq!(slow.verdict.readiness, Readiness::NotReady);
    let failing = assess(&Plant {
        errors: 0.2,
        ..Plant::default()
    });
    assert_eq!(named(&failing), ["errors_past_objective"]);
    let gate = failing
        .gates
        .iter()
        .find(|g| g.name == "postgres.sweep.errors");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Fail);
}

/// Most of the response time is the generator's own: whether the target keeps its objective is not known.
#[test]
fn a_late_generator_is_not_held_against_the_target() {
    let plant = Plant {
        redis_ns: 2e7,
        ..Plant::default()
    };
    let late = |share: f64| {
        let mut report = plant.redis();
        for index in 0..report.steps.len() {
            for operation in report.steps[index].operations.values_mut() {
                operation.response.clone_from(&operation.call);
                let response_ns = operation.response.as_ref().unwrap().mean_ns;
                operation.pacing_lag = hist(share * response_ns, operation.succeeded);
            }
            let warning = Warning::new(WarningCode::PacingLag, "arrivals were released late");
            report
                .warnings
                .push(warning.about_step(index, &["operations"]));
        }
        assess_reports(&[report, plant.sysmon()])
    };
    let assessment = late(0.95);
    assert!(!named(&assessment).contains(&"latency_past_objective"));
    assert!(is_unknown(&assessment, "latency_past_objective"));
    assert!(finding(&assessment, "generator_spoilt_results").is_some());
    let found = finding(&late(0.1), "latency_past_objective").map(|f| f.kind);
    assert_eq!(
        found,
        Some(FindingKind::Problem),
        "a tenth does not explain it"
    );
}

#[test]
fn a_percentile_of_a_handful_of_samples_neither_passes_nor_fails() {
    let assessment = assess(&Plant {
        service_ns: 9e8,
        ..Plant::default()
    });
    let gate = assessment
        .gates
        .iter()
        .find(|g| g.name == "postgres.sweep.p90");
    assert_eq!(gate.unwrap().outcome, GateOutcome::Unknown);
    let found = assessment
        .findings
        .iter()
        .find(|f| f.rule() == "latency_past_objective");
    assert_eq!(found.unwrap().confidence, Confidence::Low);
}

#[test]
fn a_tail_that_was_cut_off_is_told() {
    let assessment = assess(&Plant {
        censored: 40,
        ..Plant::default()
    });
    assert_eq!(named(&assessment), ["censored_tail"]);
}

#[test]
fn requests_that_never_came_back_failed() {
    let assessment = assess(&Plant {
        censored: 1_000,
        ..Plant::default()
    });
    let errors = gate(&assessment, "postgres.sweep.errors");
    assert_eq!(errors.outcome, GateOutcome::Fail);
    // 2,000 of 10,000 requests failed.
    assert!((errors.measured.unwrap() - 0.2).abs() < 1e-9, "{errors:?}");
    assert!(
        errors
            .evidence
            .iter()
            .any(|e| e.pointer.ends_with("/censored"))
    );
    let point = assessment.components[0].operating_point.as_ref().unwrap();
    assert!((point.error_ratio.unwrap() - 0.2).abs() < 1e-9);
    let promise = promise(&assessment, ComponentKind::Postgres, "availability").unwrap();
    assert_eq!(promise.value, None, "{}", promise.shown);
    // The symptom that explains the failures is listed under the finding about the objective.
    assert_eq!(
        named(&assessment),
        ["errors_past_objective", "censored_tail"]
    );
    let tail = finding(&assessment, "censored_tail").unwrap();
    assert!(tail.parent.is_some());
}

#[test]
fn one_failure_promises_no_more_than_none() {
    // With so many requests, an approximation by the normal distribution promised more after one failure than
    // after none.
    let plant = Plant {
        service_ns: 8e9 / 5_600.0,
        ..Plant::default()
    };
    let promised = |failures: u64| {
        let mut report = held_for(plant.postgres(), 600);
        for step in &mut report.steps {
            let read = step.operations.get_mut("read").unwrap();
            read.errors.insert("reset".into(), failures);
            read.attempted += failures;
        }
        let assessment = assess_reports(&[report]);
        let promise = promise(&assessment, ComponentKind::Postgres, "availability");
        promise.unwrap().value.unwrap()
    };
    assert!(
        promised(1) <= promised(0),
        "{} {}",
        promised(1),
        promised(0)
    );
}
