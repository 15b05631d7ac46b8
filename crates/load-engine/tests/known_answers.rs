//! Targets whose behaviour is known, and what the engine must find of it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Histogram, Operation, StepEnd};
use load_engine::attack::{self, StepResult};
use load_engine::{
    Cancel, Factory, Failure, LoadPlan, Marks, Observer, Outcome, Phase, PoolSample, RuntimeKind,
    Session, StepPlan, Target, UserId, Worker,
};
use tokio::sync::Semaphore;

/// Serves `at_once` hits at once, each in `takes`; between `stalls` (of the monotonic clock) it
/// answers nobody; every `fails_every`-th hit fails.
struct Known {
    at_once: usize,
    takes: Duration,
    stall: Option<(u64, u64)>,
    fails_every: u64,
    opens: bool,
    hangs: bool,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            at_once: 1_000,
            takes: Duration::ZERO,
            stall: None,
            fails_every: u64::MAX,
            opens: true,
            hangs: false,
        }
    }
}

struct KnownTarget {
    known: Arc<Known>,
    size: u64,
    places: Arc<Semaphore>,
    hits: Arc<AtomicU64>,
}

struct KnownSession {
    known: Arc<Known>,
    places: Arc<Semaphore>,
    hits: Arc<AtomicU64>,
}

impl Factory for KnownFactory {
    type Target = KnownTarget;

    fn operations(&self) -> &'static [&'static str] {
        &["hit"]
    }

    async fn build(&self, worker: Worker) -> Result<KnownTarget, Failure> {
        let size = worker.share_of(self.0.at_once as u64);
        Ok(KnownTarget {
            known: Arc::clone(&self.0),
            size,
            places: Arc::new(Semaphore::new(size as usize)),
            hits: Arc::new(AtomicU64::new(0)),
        })
    }
}

/// The factory of a known target.
struct KnownFactory(Arc<Known>);

impl Target for KnownTarget {
    type Session = KnownSession;

    async fn open(&self, _user: UserId) -> Result<KnownSession, Failure> {
        if !self.known.opens {
            return Err(Failure::new("refused", "connection refused"));
        }
        Ok(KnownSession {
            known: Arc::clone(&self.known),
            places: Arc::clone(&self.places),
            hits: Arc::clone(&self.hits),
        })
    }

    fn pool(&self) -> Option<PoolSample> {
        let max_size = self.size;
        let in_use = max_size - self.places.available_permits() as u64;
        Some(PoolSample {
            max_size,
            size: max_size,
            in_use,
            waiting: None,
        })
    }
}

impl Session for KnownSession {
    async fn hit(&mut self, marks: &mut Marks) -> Outcome {
        let place = self.places.acquire().await.unwrap();
        marks.acquired();
        if let Some((from_ns, to_ns)) = self.known.stall {
            let now_ns = monotonic_ns();
            if (from_ns..to_ns).contains(&now_ns) {
                tokio::time::sleep(Duration::from_nanos(to_ns - now_ns)).await;
            }
        }
        if self.known.hangs {
            std::future::pending::<()>().await;
        }
        if self.known.takes.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(self.known.takes).await;
        }
        drop(place);
        if self.hits.fetch_add(1, Ordering::Relaxed) % self.known.fails_every
            == self.known.fails_every - 1
        {
            return Outcome::failed(0, Failure::new("broken", "it broke"));
        }
        Outcome::success(0)
    }
}

fn run(plan: &StepPlan, known: Known) -> StepResult {
    let factory = Arc::new(KnownFactory(Arc::new(known)));
    attack::run(plan, &factory, &Cancel::new(), &mut ()).unwrap()
}

fn open(rate_per_s: f64, cap: u64, measure: Duration) -> StepPlan {
    let pacing = bench_report::Pacing::Constant;
    StepPlan::new(
        "open",
        LoadPlan::Open {
            rate_per_s,
            pacing,
            in_flight_cap: cap,
        },
        measure,
    )
}

fn closed(users: u64, measure: Duration) -> StepPlan {
    StepPlan::new(
        "closed",
        LoadPlan::Closed {
            users,
            think_time: Duration::ZERO,
        },
        measure,
    )
}

fn hit(result: &StepResult) -> &Operation {
    &result.step.operations["hit"]
}

fn p(histogram: Option<&Histogram>, quantile: f64) -> f64 {
    histogram
        .unwrap()
        .decode()
        .unwrap()
        .value_at_quantile(quantile) as f64
}

#[test]
fn a_server_that_serves_three_at_once_shows_its_limit_and_the_wait_for_it() {
    let known = Known {
        at_once: 3,
        takes: Duration::from_millis(10),
        ..Known::default()
    };
    let result = run(&closed(12, Duration::from_secs(1)), known);
    let hit = hit(&result);
    assert!(
        hit.throughput_per_s <= 3.0 / 0.010 * 1.05,
        "{} per second",
        hit.throughput_per_s
    );
    let (call, service) = (p(hit.call.as_ref(), 0.5), p(hit.service.as_ref(), 0.5));
    let ratio = call / service;
    assert!(
        (3.0..5.0).contains(&ratio),
        "12 users on 3 places wait 4 turns, not {ratio}"
    );
    let pool = result.step.pool.as_ref().unwrap();
    assert_eq!(pool.in_use_max, 3);
    assert!(hit.response.is_none(), "a closed loop has no due instant");
}

#[test]
fn a_stall_shows_in_the_response_time_of_everyone_who_was_due_in_it() {
    let stall_ns = 500_000_000;
    let from_ns = monotonic_ns() + 1_000_000_000;
    let known = Known {
        at_once: 4,
        stall: Some((from_ns, from_ns + stall_ns)),
        ..Known::default()
    };
    let result = run(&open(1_000.0, 2_000, Duration::from_secs(3)), known);
    let hit = hit(&result);
    let response = hit.response.as_ref().unwrap().decode().unwrap();
    let felt = response.count_between(stall_ns / 2, u64::MAX) as f64 / response.len() as f64;
    let planted = 0.5 * (stall_ns as f64 / 1e9) / 3.0;
    assert!(
        (felt / planted - 1.0).abs() < 0.2,
        "{felt} of responses, not {planted}"
    );
    assert!(p(hit.response.as_ref(), 0.999) >= 0.9 * stall_ns as f64);
    let ratio = p(hit.response.as_ref(), 0.99) / p(hit.service.as_ref(), 0.99);
    assert!(
        ratio > 10.0,
        "only the four in service felt the stall as service: {ratio}"
    );
    assert_eq!(hit.attempted, 3_000);
}

#[test]
fn phases_add_up() {
    let known = Known {
        at_once: 2,
        takes: Duration::from_millis(1),
        ..Known::default()
    };
    let result = run(&open(500.0, 64, Duration::from_secs(1)), known);
    let hit = hit(&result);
    let mean = |h: &Option<Histogram>| h.as_ref().unwrap().mean_ns;
    let parts = mean(&hit.pacing_lag) + mean(&hit.backlog) + mean(&hit.call);
    assert!((parts / mean(&hit.response) - 1.0).abs() < 0.005);
    let parts = mean(&hit.checkout) + mean(&hit.service);
    assert!((parts / mean(&hit.call) - 1.0).abs() < 0.005);
}

#[test]
fn at_the_cap_arrivals_wait_and_are_counted_and_none_is_dropped() {
    let known = Known {
        takes: Duration::from_millis(20),
        ..Known::default()
    };
    let result = run(&open(400.0, 2, Duration::from_secs(1)), known);
    let hit = hit(&result);
    assert_eq!(hit.attempted, 400);
    assert!(p(hit.backlog.as_ref(), 0.5) > p(hit.call.as_ref(), 0.5));
    let warned = result.warnings.iter().any(|w| {
        w.code == bench_report::WarningCode::InFlightCapReached
            && w.spoils("/steps/0/operations/hit/checkout")
    });
    assert!(warned, "{:?}", result.warnings);
}

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

#[test]
fn per_core_workers_share_the_load_without_losing_any() {
    let mut plan = open(1_000.0, 64, Duration::from_secs(1));
    plan.runtime = RuntimeKind::PerCore;
    plan.threads = 3;
    let result = run(&plan, Known::default());
    assert_eq!(hit(&result).attempted, 1_000);
    assert_eq!(hit(&result).succeeded, 1_000);
}

#[test]
fn the_pools_of_several_workers_are_reported_as_what_they_are_together() {
    let mut plan = closed(8, Duration::from_millis(300));
    plan.runtime = RuntimeKind::PerCore;
    plan.threads = 2;
    let known = Known {
        at_once: 3,
        takes: Duration::from_millis(5),
        ..Known::default()
    };
    let pool = run(&plan, known).step.pool.unwrap();
    assert_eq!(
        pool.in_use_max, 3,
        "one worker has a pool of two, the other of one"
    );
}

#[test]
fn warm_up_is_not_counted() {
    let mut plan = open(500.0, 64, Duration::from_secs(1));
    plan.warmup = Duration::from_millis(400);
    let result = run(&plan, Known::default());
    assert_eq!(hit(&result).attempted, 500);
}

/// Cancels when a phase begins.
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
        let result = attack::run(&plan, &factory, &cancel, &mut observer).unwrap();
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

#[test]
fn pacing_is_far_finer_than_the_runtimes_own_timer() {
    let lateness = |rounds: u64| -> u64 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut late: Vec<u64> = runtime.block_on(async {
            let begin = tokio::time::Instant::now();
            let begin_ns = monotonic_ns();
            let mut late = Vec::new();
            for n in 1..=rounds {
                tokio::time::sleep_until(begin + Duration::from_millis(n)).await;
                late.push(monotonic_ns().saturating_sub(begin_ns + n * 1_000_000));
            }
            late
        });
        late.sort_unstable();
        late[late.len() / 2]
    };
    let mut ratios: Vec<f64> = (0..5)
        .map(|_| {
            let result = run(
                &open(1_000.0, 64, Duration::from_millis(500)),
                Known::default(),
            );
            p(hit(&result).pacing_lag.as_ref(), 0.5) / lateness(500) as f64
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    assert!(
        ratios[2] <= 0.2,
        "median lag ÷ sleep_until's lateness: {ratios:?}"
    );
}
