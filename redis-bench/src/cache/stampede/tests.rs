//! Tests that plant a stampede on a real server, and hold each guard against what it must do.

use std::time::Duration;

use bench_report::names::FigureName;
use bench_report::{Pacing, StepEnd};
use load_engine::{LoadPlan, StepPlan};
use testbed::{Redis, RedisOptions};

use super::*;
use crate::cache::tests::{PlannedStep, cache_flags};
use crate::clients::ClientSetup;
use crate::server::address::RedisAddress;

/// Arrivals per second. The back-end takes 100 ms, so that 51 calls are expected without a guard.
const RATE_PER_S: f64 = 500.0;

/// Runs an open loop of 6 s on the hot key, which lives for half a second, with these flags.
fn step(args: &str) -> Step {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let args = format!("--backend 100ms --ttl 500ms --ttl-jitter 0 --stampede {args}");
    let flags = cache_flags(&args.split(' ').collect::<Vec<_>>());
    flags.check().unwrap();
    let stampede = Stampede::new(&flags).unwrap().unwrap();
    let load = LoadPlan::Open {
        rate_per_s: RATE_PER_S,
        pacing: Pacing::Poisson,
        in_flight_cap: 1_000,
    };
    let plan = StepPlan::new("cache", load, Duration::from_secs(6));
    let client = ClientSetup {
        kind: ClientKind::Multiplexed,
        connections: 1,
        server: RedisAddress::parse(redis.url()).unwrap(),
        replica: None,
    };
    let work = stampede.work(stampede.keyspace("plimsoll:test:", 7), 0);
    let mut step = client.use_factory(work, PlannedStep(&plan)).step;
    assert_eq!(step.end, StepEnd::Completed);
    assert!(step.failures.is_empty(), "{:?}", step.failures);
    stampede.conclude(&mut step);
    step
}

fn figure(step: &Step, name: FigureName) -> f64 {
    step.value(name).unwrap()
}

#[test]
fn without_a_guard_every_arrival_calls_the_back_end_until_the_value_is_there() {
    let step = step("none");
    let expiries = figure(&step, steps::STAMPEDE_EXPIRIES);
    assert!(expiries >= 3.0, "{expiries}");
    let calls = figure(&step, steps::STAMPEDE_CALLS_PER_EXPIRY);
    let expected = figure(&step, steps::STAMPEDE_EXPECTED_CALLS);
    assert!(expected > 40.0, "{expected}");
    // Poisson's deviation of a mean, sixfold, and a tenth for arrivals that a busy machine bunches.
    let bound = 6.0 * (expected / expiries).sqrt() + expected / 10.0;
    assert!((calls - expected).abs() < bound, "{calls}, not {expected}");
    let stalled = figure(&step, steps::STAMPEDE_STALLED_PER_EXPIRY);
    assert!((stalled - calls).abs() < 1.0, "each of them stalls");
    assert!(
        figure(&step, steps::STAMPEDE_MOST_AT_ONCE) <= figure(&step, steps::STAMPEDE_WORST_CALLS)
    );
}

#[test]
fn a_lock_lets_one_call_through_and_the_others_wait() {
    // The lock must not expire, however slow the machine is.
    let step = step("lock --lock-ttl 60s");
    assert!(figure(&step, steps::STAMPEDE_EXPIRIES) >= 3.0);
    assert_eq!(figure(&step, steps::STAMPEDE_WORST_CALLS), 1.0);
    assert!(figure(&step, steps::STAMPEDE_STALLED_PER_EXPIRY) > 20.0);
}

#[test]
fn a_lock_that_expires_before_the_back_end_answers_lets_further_calls_through() {
    let step = step("lock --lock-ttl 30ms");
    let calls = figure(&step, steps::STAMPEDE_CALLS_PER_EXPIRY);
    assert!((2.0..20.0).contains(&calls), "{calls}");
}

#[test]
fn early_computations_leave_hardly_a_request_without_a_value() {
    let step = step("early");
    assert!(figure(&step, steps::STAMPEDE_EXPIRIES) >= 3.0);
    let calls = figure(&step, steps::STAMPEDE_CALLS_PER_EXPIRY);
    assert!((1.0..10.0).contains(&calls), "{calls}");
    let stalled = figure(&step, steps::STAMPEDE_STALLED_PER_EXPIRY);
    // 51 would stall without a guard.
    assert!(stalled < 0.51, "{stalled}");
    assert!(step.operations["early"].succeeded > 0);
}

#[test]
fn flags_that_make_no_stampede_are_refused_with_what_to_change() {
    for (args, part) in [
        ("--stampede none", "add one, as --backend 50ms"),
        ("--stampede none --backend 1s --ttl 2s", "4 times"),
        ("--stampede none --backend 1ms --lock-ttl 1s", "guard lock"),
        (
            "--stampede none --backend 1ms --workers 2",
            "leave --workers",
        ),
    ] {
        let flags = cache_flags(&args.split(' ').collect::<Vec<_>>());
        let UsageError(said) = flags.check().unwrap_err();
        assert!(said.contains(part), "{args}: {said}");
    }
    let short = cache_flags(&[
        "--stampede",
        "none",
        "--backend",
        "1ms",
        "--value-size",
        "9",
    ]);
    let UsageError(said) = Stampede::new(&short).unwrap_err();
    assert!(said.contains("32 bytes or more"), "{said}");
    assert!(Stampede::new(&cache_flags(&[])).unwrap().is_none());
}
