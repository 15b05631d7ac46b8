//! Tests of targets that stop answering in the middle of a step: how the step ends, and the
//! percentiles and counts that it reports.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod known;

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{QuantileKind, StepEnd, WarningCode};
use known::{Known, closed, hit, open, run};
use load_engine::{
    Cancel, Failure, OperationId, OperationTable, Outcome, RuntimeKind, Session, StepPlan,
    StepResult, Target, TargetFactory, Timestamps, UserId, WorkerShare, run_requests,
};

const LONG: Duration = Duration::from_secs(20);

/// Creates a target that answers within a millisecond or so for the next half second, and never
/// afterwards.
fn hangs_soon() -> Known {
    Known {
        takes: Duration::from_millis(1),
        stall: Some((monotonic_ns() + 500_000_000, u64::MAX)),
        ..Known::default()
    }
}

#[test]
fn a_target_that_hangs_is_left_alone_by_every_kind_of_load_and_every_rule() {
    for runtime in [RuntimeKind::Shared, RuntimeKind::PerCore] {
        for plan in [open(300.0, 10_000, LONG), closed(4, LONG)] {
            for rule in ["p99>300ms", "errors>10%"] {
                let mut plan = plan.clone();
                plan.runtime = runtime;
                plan.drain = Duration::from_millis(300);
                plan.stop_rules = vec![rule.parse().unwrap()];
                let result = run(&plan, hangs_soon());
                let StepEnd::Stopped { rule: by, reason } = &result.step.end else {
                    panic!("{rule}: {:?}", result.step.end);
                };
                assert_eq!(by, rule, "{reason}");
                assert!(
                    reason.contains("answered") || reason.contains("answer"),
                    "{reason}"
                );
                assert!(result.step.window.measured_s() < LONG.as_secs_f64() / 2.0);
            }
        }
    }
}

#[test]
fn percentiles_tell_of_those_that_were_never_answered() {
    let mut plan = open(300.0, 10_000, Duration::from_secs(3));
    plan.drain = Duration::from_millis(300);
    let result = run(&plan, hangs_soon());
    let hit = hit(&result);
    assert_eq!(hit.attempted, 900);
    assert!(hit.censored > hit.succeeded, "{hit:?}");
    let p99 = hit.latency_at(0.99).unwrap();
    assert_eq!(p99.kind, QuantileKind::AtLeast);
    assert!(p99.ns > 1_000_000_000, "{p99:?}");
    let told = hit.with_censored.as_ref().unwrap();
    assert_eq!(told.percentiles_ns.p99, p99.ns);
    assert!(told.at_least.iter().any(|name| name == "p99"));
    let finished = hit.response.as_ref().unwrap();
    assert!(
        finished.percentiles_ns.p99 < p99.ns / 2,
        "the few that were answered were fast"
    );
    let figures = &result.step.figures;
    assert!(figures["worst_interval_p99_ns"] > 1e9, "{figures:?}");
    assert!(figures["carried_ratio"] < 0.5, "{figures:?}");
    let p99 = result
        .series
        .iter()
        .find(|s| s.name == "latency.p99_ns")
        .unwrap();
    let shown = p99.mean.iter().rev().find_map(|ns| *ns).unwrap();
    assert!(shown > 1e9, "the chart ends at {shown} ns");
    // A percentile that does not change when the censored requests are included is not doubtful
    // because of them.
    let censored = result
        .warnings
        .iter()
        .find(|w| w.code == WarningCode::Censored);
    let pointer = "/steps/0/operations/hit/with_censored/percentiles_ns/p99";
    assert!(!censored.unwrap().spoils(pointer));
}

/// Target with two operations: users with even numbers make `get`, which is answered, and the
/// others make `set`, which hangs.
struct TwoKinds;

struct Kind(usize);

impl TargetFactory for TwoKinds {
    type Target = Self;

    fn operations(&self) -> OperationTable {
        OperationTable::from(&["get", "set"])
    }

    async fn build(&self, _worker: WorkerShare) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl Target for TwoKinds {
    type Session = Kind;

    async fn open(&self, user: UserId) -> Result<Kind, Failure> {
        Ok(Kind(user.0 as usize % 2))
    }
}

impl Session for Kind {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        timestamps.operation(OperationId::nth(self.0));
        if self.0 == 1 {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        Outcome::success(OperationId::nth(self.0))
    }
}

fn two_kinds(plan: &StepPlan) -> StepResult {
    run_requests(plan, &Arc::new(TwoKinds), &Cancel::new(), &mut ()).unwrap()
}

#[test]
fn what_is_cut_off_counts_for_the_operation_that_it_was() {
    let mut plan = closed(6, Duration::from_millis(300));
    plan.drain = Duration::from_millis(100);
    let step = two_kinds(&plan).step;
    let (get, set) = (&step.operations["get"], &step.operations["set"]);
    assert_eq!((get.censored, get.never_started), (0, 0));
    assert_eq!((set.attempted, set.censored, set.succeeded), (3, 3, 0));
    assert_eq!(set.latency_at(0.5).unwrap().kind, QuantileKind::AtLeast);
}

#[test]
fn what_nobody_took_up_counts_for_the_first_operation_and_is_told_apart() {
    let mut plan = open(1_000.0, 2, Duration::from_millis(500));
    plan.drain = Duration::from_millis(100);
    // Only one of the two sessions answers. It takes 5 ms per request, a fifth of what the arrivals
    // need; the other session hangs at once.
    let step = two_kinds(&plan).step;
    let (get, set) = (&step.operations["get"], &step.operations["set"]);
    assert_eq!((set.censored, set.never_started), (1, 0));
    assert_eq!(get.attempted + set.attempted, 500);
    assert!(
        get.never_started > 0 && get.never_started <= get.censored,
        "{get:?}"
    );
}
