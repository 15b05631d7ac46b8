//! Tests of workers that are started one by one, as on several hosts, and share one load because
//! all start at the same wall-clock time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod known;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::{StepEnd, WarningCode};
use known::{Known, KnownFactory, hit, open, run};
use load_engine::{Cancel, StepPlan, StepResult, WallTime, run_requests};

/// Creates the plan of worker `index` (counted from 0) of `count` in a step of 200 arrivals in one
/// second, with `threads` load threads. The step starts at the wall-clock time `start_at`.
fn plan(index: u64, count: u64, threads: usize, start_at: WallTime) -> StepPlan {
    let mut plan = open(200.0, 64, Duration::from_secs(1));
    plan.process = format!("{index}/{count}").parse().unwrap();
    plan.starts_at = Some(start_at);
    plan.threads = threads;
    plan.runtime = load_engine::RuntimeKind::PerCore;
    plan
}

fn run_at_once(plans: Vec<StepPlan>) -> Vec<StepResult> {
    std::thread::scope(|scope| {
        let started: Vec<_> = plans
            .into_iter()
            .map(|plan| scope.spawn(move || run(&plan, Known::default())))
            .collect();
        let ended = started.into_iter().map(|one| one.join().unwrap());
        ended.collect()
    })
}

#[test]
fn workers_with_different_numbers_of_threads_start_at_one_instant_and_make_the_whole_load() {
    let start_at = WallTime::now().after(Duration::from_secs(3));
    let results = run_at_once(vec![
        plan(0, 3, 1, start_at),
        plan(1, 3, 3, start_at),
        plan(2, 3, 2, start_at),
    ]);
    let made: Vec<u64> = results.iter().map(|result| hit(result).attempted).collect();
    assert_eq!(made, [67, 67, 66], "each its own third of 200");
    let starts: Vec<u64> = results.iter().map(|r| r.step.window.start_ns).collect();
    let apart = starts.iter().max().unwrap() - starts.iter().min().unwrap();
    // Time synchronization may shift the wall clock by 0.05 %, and a thread may be preempted
    // between reading the two clocks.
    assert!(apart < 500_000_000, "{starts:?}");
    for result in &results {
        assert_eq!(result.step.end, StepEnd::Completed);
        let late = |w: &&bench_report::Warning| w.code == WarningCode::WorkerLate;
        assert_eq!(result.warnings.iter().find(late), None);
    }
}

#[test]
fn a_worker_that_is_ready_after_the_start_makes_no_load_and_says_so() {
    let start_at = WallTime::now().before(Duration::from_millis(1_500));
    let known = Arc::new(Known::default());
    let factory = Arc::new(KnownFactory(Arc::clone(&known)));
    let plan = plan(1, 2, 1, start_at);
    let result = run_requests(&plan, &factory, &Cancel::new(), &mut ()).unwrap();
    let closed = known.closed.load(Ordering::Relaxed);
    assert_eq!(closed, 0, "nothing was opened");
    let StepEnd::Failed { reason } = &result.step.end else {
        panic!("{:?}", result.step.end);
    };
    for part in ["worker 1/2", "--start-at", &start_at.to_string()] {
        assert!(reason.contains(part), "{reason}");
    }
    let attempted = result.step.operations.values().map(|o| o.attempted);
    assert_eq!(attempted.sum::<u64>(), 0);
    let late = &result.warnings[0];
    assert_eq!(
        (late.code, &late.message),
        (WarningCode::WorkerLate, reason)
    );
    assert!(late.spoils("/steps/0/operations/hit/response"));
}
