//! Tests of the verdict on a step.

use super::*;
use bench_report::Histogram;
use bench_report::histogram::recording;

const BOUNDS: StepBounds = StepBounds {
    error_ratio: 0.01,
    p99: Duration::from_secs(1),
    timeout: Duration::from_secs(5),
};

fn busy(cpu_ratio: f64) -> Generator {
    Generator {
        cpu_ratio,
        ..Generator::default()
    }
}

fn operation(succeeded: u64, errors: &[(&str, u64)], took: Duration) -> Operation {
    let mut times = recording();
    times.saturating_record_n(took.as_nanos() as u64, succeeded);
    let errors: BTreeMap<String, u64> = errors.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
    Operation {
        attempted: succeeded + errors.values().sum::<u64>(),
        succeeded,
        errors,
        call: Histogram::from_recording(&times),
        ..Operation::default()
    }
}

fn found(name: &str, operation: Operation, cpu_ratio: f64) -> Option<BreakReason> {
    found_by(name, operation, &busy(cpu_ratio))
}

fn found_by(name: &str, operation: Operation, generator: &Generator) -> Option<BreakReason> {
    let operations = BTreeMap::from([(name.to_owned(), operation)]);
    let seen = StepEvidence {
        operations: &operations,
        check: operations.get("check"),
        failures: &[],
        connects_broke: name == "connect",
        rule: None,
        generator,
    };
    judge(&seen, BOUNDS)
}

const QUICK: Duration = Duration::from_millis(1);
const SLOW: Duration = Duration::from_secs(2);

#[test]
fn a_level_within_its_bounds_holds() {
    assert_eq!(found("echo", operation(1_000, &[], QUICK), 0.2), None);
    assert_eq!(
        found("check", operation(1_000, &[("reset", 9)], QUICK), 0.2),
        None
    );
}

#[test]
fn each_kind_of_failure_names_its_owner() {
    for (kind, owner) in [
        ("http.503", LimitOwner::Target),
        ("refused", LimitOwner::Target),
        ("timeout.upgrade", LimitOwner::Target),
        ("ports", LimitOwner::Network),
        ("emfile", LimitOwner::Generator),
    ] {
        let seen = found(
            "connect",
            operation(10, &[(kind, 2), ("reset", 9)], QUICK),
            0.2,
        );
        let seen = seen.unwrap();
        assert_eq!(seen.owner, owner, "{kind}");
        assert!(seen.reason.contains(kind), "{}", seen.reason);
        assert_eq!(seen.rule, "errors>1%");
    }
}

#[test]
fn lost_connections_break_a_level() {
    let seen = found("check", operation(90, &[("closed.1006", 10)], QUICK), 0.2).unwrap();
    assert!(
        seen.reason.starts_with("10 of 100 open connections"),
        "{}",
        seen.reason
    );
}

#[test]
fn slowness_is_the_targets_only_while_the_generator_has_time_left() {
    let late = found("echo", operation(100, &[], SLOW), 0.3).unwrap();
    assert_eq!(
        (late.owner, late.rule.as_str()),
        (LimitOwner::Target, "p99>1s")
    );
    let busy = found("echo", operation(100, &[], SLOW), 0.97).unwrap();
    assert_eq!(busy.owner, LimitOwner::Generator);
    let stuck = operation(0, &[("timeout.upgrade", 9)], QUICK);
    assert_eq!(
        found("connect", stuck, 0.97).unwrap().owner,
        LimitOwner::Generator
    );
    let refused = operation(0, &[("refused", 9)], QUICK);
    assert_eq!(
        found("connect", refused, 0.97).unwrap().owner,
        LimitOwner::Target
    );
}

#[test]
fn a_stall_of_the_generator_acquits_the_target_of_what_it_accounts_for() {
    let stalled = |ms: u64| Generator {
        worst_stall_ns: ms * 1_000_000,
        ..busy(0.2)
    };
    // The p99 is 2 s and the bound 1 s, so a stall of 1 s explains the difference.
    let late = |ms| found_by("echo", operation(100, &[], SLOW), &stalled(ms)).unwrap();
    let acquitted = late(1_050);
    assert_eq!(
        (acquitted.owner, acquitted.may_pass),
        (LimitOwner::Generator, true)
    );
    assert!(
        acquitted.reason.contains("stood still for up to 1.05 s"),
        "{}",
        acquitted.reason
    );
    assert_eq!(
        (late(300).owner, late(300).may_pass),
        (LimitOwner::Target, false)
    );
    // An echo may take 5 s; a stall of 4 s leaves the server too little of that.
    let stuck = |ms| {
        found_by(
            "echo",
            operation(0, &[("timeout.echo", 9)], QUICK),
            &stalled(ms),
        )
    };
    assert_eq!(stuck(4_000).unwrap().owner, LimitOwner::Generator);
    assert_eq!(stuck(1_000).unwrap().owner, LimitOwner::Target);
    let refused = found_by(
        "connect",
        operation(0, &[("refused", 9)], QUICK),
        &stalled(4_000),
    );
    assert_eq!(refused.unwrap().owner, LimitOwner::Target);
}

#[test]
fn messages_that_were_sent_late_acquit_the_target() {
    let late = |lag: Duration| {
        let mut lags = recording();
        lags.saturating_record_n(lag.as_nanos() as u64, 100);
        let mut echo = operation(100, &[], SLOW);
        echo.pacing_lag = Histogram::from_recording(&lags);
        found("echo", echo, 0.2).unwrap()
    };
    let acquitted = late(Duration::from_millis(1_500));
    assert_eq!(
        (acquitted.owner, acquitted.may_pass),
        (LimitOwner::Generator, true)
    );
    assert!(acquitted.reason.contains("sent its messages late"));
    assert_eq!(late(Duration::from_millis(100)).owner, LimitOwner::Target);
}

#[test]
fn one_full_thread_of_the_generator_may_be_the_slow_one() {
    let full = Generator {
        busiest_thread_ratio: Some(0.97),
        ..busy(0.5)
    };
    let seen = found_by("echo", operation(100, &[], SLOW), &full).unwrap();
    assert_eq!((seen.owner, seen.may_pass), (LimitOwner::Generator, false));
}

#[test]
fn a_generator_that_waits_for_a_cpu_may_be_the_slow_one() {
    // Two threads were at work for half of 2 s: together 2 s of CPU time.
    let waited = |ms: u64| Generator {
        threads: 2,
        cpu_ns: 2_000_000_000,
        ready_ns: Some(ms * 1_000_000),
        ..busy(0.5)
    };
    let owner = |ms| {
        let seen = found_by("echo", operation(100, &[], SLOW), &waited(ms));
        seen.unwrap().owner
    };
    assert_eq!(owner(1_700), LimitOwner::Generator);
    assert_eq!(owner(1_500), LimitOwner::Target);
}

#[test]
fn a_rule_that_ended_the_step_is_the_bound_that_it_broke() {
    let echo = operation(900, &[("timeout.echo", 100)], QUICK);
    let operations = BTreeMap::from([("echo".to_owned(), echo)]);
    let found = |rule, generator: &Generator| {
        let seen = StepEvidence {
            operations: &operations,
            check: None,
            failures: &[],
            connects_broke: false,
            rule: Some((rule, "as observed")),
            generator,
        };
        judge(&seen, BOUNDS).unwrap()
    };
    for rule in ["p99>1s", "errors>5%"] {
        let broken = found(rule, &busy(0.2));
        assert_eq!(
            (broken.rule.as_str(), broken.owner),
            (rule, LimitOwner::Target)
        );
        assert_eq!(broken.reason, "as observed");
        assert_eq!(
            found(rule, &busy(0.97)).owner,
            LimitOwner::Generator,
            "{rule}"
        );
    }
}
