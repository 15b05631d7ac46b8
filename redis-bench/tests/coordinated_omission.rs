//! A server that stands still must show in what users felt: the heart of the toolkit, on a real
//! Redis. And the phases of each request add up, and the pacer is on time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bench_report::{Histogram, Operation, Pacing, StepEnd};
use load_engine::{Cancel, LoadPlan, RuntimeKind, StepPlan, TargetFactory, run_requests};
use redis_bench::address::RedisAddress;
use redis_bench::cli::PoolWorkload;
use redis_bench::clients::{Multiplexed, Pooled};
use redis_bench::run_keys::RunKeys;
use redis_bench::throughput::ThroughputWork;
use testbed::Redis;

/// One at a time: each needs the machine for itself.
static ALONE: Mutex<()> = Mutex::new(());

const RATE_PER_S: f64 = 1_000.0;
const MEASURED: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(1);

fn keyspace() -> RunKeys {
    RunKeys {
        prefix: "plimsoll:test:".to_owned(),
        keys: 64,
        value_bytes: 16,
        preload_ratio: 1.0,
        expiry: None,
        seed: 1,
    }
}

fn gets() -> ThroughputWork {
    ThroughputWork::new(&keyspace(), PoolWorkload::Get)
}

fn open_loop(measure: Duration) -> StepPlan {
    let load = LoadPlan::Open {
        rate_per_s: RATE_PER_S,
        pacing: Pacing::Constant,
        in_flight_cap: 2_048,
    };
    StepPlan::new("open loop", load, measure)
}

fn filled() -> (Redis, RedisAddress) {
    let redis = common::redis();
    common::fill(&redis, &keyspace());
    let remote = RedisAddress::parse(redis.url()).unwrap();
    (redis, remote)
}

/// Result of the requests of a step in whose middle the server stood still.
struct Stopped {
    get: Operation,
    /// Time for which it stood still.
    stop: Duration,
    /// Rate at which those who waited could be served afterwards.
    capacity_per_s: f64,
}

fn with_a_stop<F: TargetFactory>(redis: &Redis, factory: F) -> Stopped {
    let factory = Arc::new(factory);
    let capacity_per_s = capacity_per_s(&factory);
    let (loaded, stop) = std::thread::scope(|scope| {
        let stop = scope.spawn(|| {
            std::thread::sleep(MEASURED / 2);
            let before = Instant::now();
            redis.pause();
            let began = before + before.elapsed() / 2;
            std::thread::sleep(STOP);
            redis.resume();
            began.elapsed()
        });
        let result = run_requests(&open_loop(MEASURED), &factory, &Cancel::new(), &mut ());
        (result.unwrap().step, stop.join().unwrap())
    });
    assert_eq!(loaded.end, StepEnd::Completed);
    let get = loaded.operations["get"].clone();
    assert_eq!(get.succeeded, get.attempted, "{:?}", loaded.failures);
    Stopped {
        get,
        stop,
        capacity_per_s,
    }
}

/// Most that the target can serve: the rate at which a queue is worked off.
fn capacity_per_s<F: TargetFactory>(factory: &Arc<F>) -> f64 {
    let load = LoadPlan::Closed {
        users: 32,
        think_time: load_engine::ThinkTime::NONE,
    };
    let plan = StepPlan::new("capacity", load, Duration::from_millis(500));
    let result = run_requests(&plan, factory, &Cancel::new(), &mut ());
    result.unwrap().step.throughput_per_s()
}

fn part<'a>(histogram: Option<&'a Histogram>, name: &str) -> &'a Histogram {
    histogram.unwrap_or_else(|| panic!("no {name}"))
}

impl Stopped {
    fn response(&self) -> &Histogram {
        part(self.get.response.as_ref(), "response")
    }

    /// Half of the arrivals that were due during the stop, as a share of all.
    fn wanted(&self) -> f64 {
        self.stop.as_secs_f64() / 2.0 / MEASURED.as_secs_f64()
    }

    /// The share of responses that took at least half of the stop.
    fn slow(&self) -> f64 {
        let recorded = self.response().decode().unwrap();
        let half_ns = self.stop.as_nanos() as u64 / 2;
        recorded.count_between(half_ns, recorded.max()) as f64 / self.get.succeeded as f64
    }

    /// True on any machine: an arrival that was due a share x into the stop waits for the rest of
    /// it at least.
    fn assert_shown(&self) {
        let (slow, wanted) = (self.slow(), self.wanted());
        assert!(
            slow >= wanted - 0.01,
            "{slow} waited for half of the stop, not {wanted}"
        );
        let p999 = self.response().percentiles_ns.p999;
        let stop_ns = self.stop.as_nanos() as f64;
        assert!(
            p999 as f64 >= 0.9 * stop_ns,
            "p99.9 of {p999} ns hides {:?}",
            self.stop
        );
    }

    /// Waits that the stop did not cause. Somebody who came due a time x into it waits for
    /// stop − x·(1 − rate ÷ capacity), because those who came before are served first.
    fn slow_beyond_the_stop(&self) -> Option<String> {
        let slow = self.slow();
        let wanted = self.wanted() / (1.0 - RATE_PER_S / self.capacity_per_s);
        println!("{slow} waited for half of the stop, expected {wanted}");
        (slow > wanted + 0.01).then(|| format!("{slow} waited for half of the stop, not {wanted}"))
    }

    /// A service time that holds more than the few requests which the stop caught; a clock that
    /// starts with the call would have told no more than those.
    fn shown_in_service(&self) -> Option<String> {
        let service = part(self.get.service.as_ref(), "service");
        let service = service.percentiles_ns.p99;
        let response = self.response().percentiles_ns.p99;
        println!("service p99 {service} ns, response p99 {response} ns");
        (service * 10 >= response)
            .then(|| format!("service p99 {service} ns, response p99 {response} ns"))
    }
}

/// Others on this machine can make requests wait as well, but not fewer of them: of three rounds
/// the first without a `fault` counts.
fn undisturbed<F: TargetFactory>(
    redis: &Redis,
    factory: impl Fn() -> F,
    fault: impl Fn(&Stopped) -> Option<String>,
) -> Stopped {
    let mut faults = Vec::new();
    for _ in 0..3 {
        let stopped = with_a_stop(redis, factory());
        stopped.assert_shown();
        match fault(&stopped) {
            None => return stopped,
            Some(fault) => faults.push(fault),
        }
    }
    panic!("in each of three rounds: {faults:?}");
}

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_stop_shows_in_the_responses_of_a_pool_and_not_in_its_service_time() {
    let _alone = alone();
    let (redis, remote) = filled();
    let pool = || Pooled::new(remote.info().clone(), 8, gets());
    let stopped = undisturbed(&redis, pool, |stopped| {
        stopped
            .slow_beyond_the_stop()
            .or_else(|| stopped.shown_in_service())
    });
    phases_add_up(&stopped.get);
}

#[test]
fn a_stop_shows_in_the_responses_of_a_shared_connection() {
    let _alone = alone();
    let (redis, remote) = filled();
    let shared = || Multiplexed::new(remote.info().clone(), 1, gets());
    let stopped = undisturbed(&redis, shared, Stopped::slow_beyond_the_stop);
    assert!(stopped.get.checkout.is_none(), "nothing is checked out");
}

/// Means add up however the single durations are spread; each is exact to 0.1 %.
fn phases_add_up(get: &Operation) {
    let mean = |histogram: Option<&Histogram>, name| part(histogram, name).mean_ns;
    let response = mean(get.response.as_ref(), "response");
    let call = mean(get.call.as_ref(), "call");
    let parts =
        mean(get.pacing_lag.as_ref(), "pacing lag") + mean(get.backlog.as_ref(), "backlog") + call;
    assert!(
        (parts / response - 1.0).abs() < 0.003,
        "{parts} is not {response}"
    );
    let parts = mean(get.checkout.as_ref(), "checkout") + mean(get.service.as_ref(), "service");
    assert!((parts / call - 1.0).abs() < 0.003, "{parts} is not {call}");
}

#[test]
fn arrivals_are_released_on_time_where_a_timer_of_the_runtime_would_be_late() {
    let _alone = alone();
    let (_redis, remote) = filled();
    let (mut ours, mut timers) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        ours.push(pacing_lag_ns(&remote));
        timers.push(timer_lateness_ns());
    }
    let (ours, timer) = (median(ours), median(timers));
    assert!(ours * 5 <= timer, "lag {ours} ns, a tokio timer {timer} ns");
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// The median lag as the report has it.
fn pacing_lag_ns(remote: &RedisAddress) -> u64 {
    let mut plan = open_loop(Duration::from_millis(600));
    plan.runtime = RuntimeKind::PerCore;
    plan.threads = 1;
    let factory = Arc::new(Multiplexed::new(remote.info().clone(), 1, gets()));
    let step = run_requests(&plan, &factory, &Cancel::new(), &mut ())
        .unwrap()
        .step;
    part(step.operations["get"].pacing_lag.as_ref(), "pacing lag")
        .percentiles_ns
        .p50
}

/// The median lateness of a loop at the same rate that waits by the runtime's own timer.
fn timer_lateness_ns() -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let gap = Duration::from_secs_f64(1.0 / RATE_PER_S);
    runtime.block_on(async {
        let start = tokio::time::Instant::now();
        let mut late = Vec::new();
        for n in 1..=600 {
            let due = start + gap * n;
            tokio::time::sleep_until(due).await;
            late.push(due.elapsed().as_nanos() as u64);
        }
        median(late)
    })
}
