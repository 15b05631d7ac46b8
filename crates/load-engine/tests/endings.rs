//! Tests of steps that end otherwise than planned: the results that are kept, the requests that are
//! counted, and the time until the end.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod known;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::StepEnd;
use bench_report::clock::monotonic_ns;
use known::{Known, KnownFactory, closed, hit, open, run};
use load_engine::{Cancel, Observer, Phase, RuntimeKind, Tick, run_requests};

#[test]
fn what_never_answers_is_censored_and_not_forgotten() {
    let mut plan = open(100.0, 1_000, Duration::from_millis(500));
    plan.drain = Duration::from_millis(100);
    let result = run(
        &plan,
        Known {
            hangs: true,
            ..Known::default()
        },
    );
    assert_eq!(hit(&result).censored, 50);
    assert_eq!(hit(&result).attempted, 50);
    assert!(hit(&result).unfinished.as_ref().unwrap().max_ns >= 500_000_000);
    let spoilt = |q: &str| {
        let pointer = format!("/steps/0/operations/hit/response/percentiles_ns/{q}");
        result.warnings.iter().any(|w| w.spoils(&pointer))
    };
    assert!(spoilt("p50") && spoilt("p99"));
}

#[test]
fn a_hanging_closed_loop_is_cut_off_too() {
    let mut plan = closed(5, Duration::from_millis(200));
    plan.drain = Duration::from_millis(100);
    plan.runtime = RuntimeKind::PerCore;
    let result = run(
        &plan,
        Known {
            hangs: true,
            ..Known::default()
        },
    );
    assert_eq!(hit(&result).censored, 5);
}

#[test]
fn a_target_that_cannot_be_opened_is_a_result_with_its_reason() {
    let result = run(
        &closed(2, Duration::from_secs(5)),
        Known {
            opens: false,
            ..Known::default()
        },
    );
    let reason = "connection refused".to_owned();
    assert_eq!(result.step.end, StepEnd::Failed { reason });
    assert!(result.step.operations.is_empty());
}

#[test]
fn too_many_errors_stop_the_step_by_the_rule_and_are_counted_by_kind() {
    let mut plan = closed(2, Duration::from_secs(20));
    plan.stop_rules = vec!["errors>10%".parse().unwrap()];
    let known = Known {
        takes: Duration::from_millis(1),
        fails_every: 2,
        ..Known::default()
    };
    let result = run(&plan, known);
    let StepEnd::Stopped { rule, .. } = &result.step.end else {
        panic!("{:?}", result.step.end)
    };
    assert_eq!(rule, "errors>10%");
    let ratio = hit(&result).error_ratio().unwrap();
    assert!((0.4..0.6).contains(&ratio), "{ratio}");
    assert_eq!(hit(&result).errors.keys().collect::<Vec<_>>(), ["broken"]);
    assert!(result.step.window.measured_s() < 10.0);
}

struct CancelIn<'a>(Phase, &'a Cancel);

impl Observer for CancelIn<'_> {
    fn phase(&mut self, phase: Phase) {
        if phase == self.0 {
            self.1.cancel();
        }
    }
}

#[test]
fn cancelled_in_any_phase_it_ends_at_once_and_keeps_what_it_has() {
    for phase in [Phase::Connect, Phase::WarmUp, Phase::Measure, Phase::Drain] {
        let mut plan = closed(4, Duration::from_millis(500));
        plan.warmup = Duration::from_millis(100);
        plan.drain = Duration::from_mins(1);
        let known = Known {
            hangs: phase == Phase::Drain,
            ..Known::default()
        };
        let cancel = Cancel::new();
        let factory = Arc::new(KnownFactory(Arc::new(known)));
        let started_ns = monotonic_ns();
        let mut observer = CancelIn(phase, &cancel);
        let result = run_requests(&plan, &factory, &cancel, &mut observer).unwrap();
        let took_s = (monotonic_ns() - started_ns) as f64 / 1e9;
        assert!(took_s < 30.0, "{phase:?} took {took_s} s of a drain of 60");
        let interrupted = result.step.end == StepEnd::Interrupted;
        assert!(
            interrupted || phase == Phase::Drain,
            "{phase:?}: {:?}",
            result.step.end
        );
    }
}

/// Observer that takes 300 ms at the start of the drain, as for a reading of the server. It then
/// notes in its second field how many sessions had been closed by then.
struct SlowReader<'a>(&'a Known, Option<u64>);

impl Observer for SlowReader<'_> {
    fn phase(&mut self, phase: Phase) {
        if phase == Phase::Drain {
            std::thread::sleep(Duration::from_millis(300));
            self.1 = Some(self.0.closed.load(Ordering::Relaxed));
        }
    }
}

#[test]
fn sessions_stay_open_until_the_server_was_read_at_the_end_of_measuring() {
    for plan in [
        closed(3, Duration::from_millis(100)),
        open(100.0, 3, Duration::from_millis(100)),
    ] {
        let known = Arc::new(Known::default());
        let factory = Arc::new(KnownFactory(Arc::clone(&known)));
        let mut reader = SlowReader(&known, None);
        let result = run_requests(&plan, &factory, &Cancel::new(), &mut reader).unwrap();
        assert_eq!(result.step.end, StepEnd::Completed);
        assert_eq!(reader.1, Some(0), "{}: closed while it was read", plan.name);
        assert_eq!(known.closed.load(Ordering::Relaxed), 4, "{}", plan.name);
    }
}

/// Observer that cancels the step once this duration has passed since the step's first arrival.
struct SignalAfter(Duration, Cancel);

impl Observer for SignalAfter {
    fn tick(&mut self, tick: &Tick) {
        if tick.elapsed >= self.0 {
            self.1.cancel();
        }
    }
}

#[test]
fn what_was_due_before_a_signal_counts_though_nothing_was_answered() {
    let plan = open(1_000.0, 100_000, Duration::from_mins(1));
    let hanging = Known {
        hangs: true,
        ..Known::default()
    };
    let factory = Arc::new(KnownFactory(Arc::new(hanging)));
    let mut signal = SignalAfter(Duration::from_millis(500), Cancel::new());
    let cancel = signal.1.clone();
    let result = run_requests(&plan, &factory, &cancel, &mut signal).unwrap();
    let hit = hit(&result);
    assert_eq!((hit.succeeded, hit.attempted), (0, hit.censored));
    let due = result.step.window.measured_s() * 1_000.0;
    assert!(
        hit.attempted as f64 >= 0.9 * due,
        "{} of {due}",
        hit.attempted
    );
    assert_eq!(hit.error_ratio(), Some(1.0));
}
