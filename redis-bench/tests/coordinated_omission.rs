//! Tests against coordinated omission, the most important of all, on a real Redis server: a server
//! that stalls must show in the response times of all requests that came due meanwhile. Further
//! tests: the phases of each request add up, and arrivals are released on time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bench_report::{Histogram, Operation, Step, StepEnd};
use common::{bench, report};
use test_support::{RunningProgram, TestDirectory};
use testbed::Redis;

/// Lock by which the tests run one at a time, because each needs the machine for itself.
static ALONE: Mutex<()> = Mutex::new(());

/// Rate of the open loop, in requests per second. Fewer requests come due during the stop than may
/// be in flight at once.
const RATE_PER_S: f64 = 800.0;
const MEASURED: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(1);

const POOLED: &str = "pooled --pool-size 8";
const SHARED: &str = "multiplexed --connections 1";

/// Runs one step of `GET` with `client`, which contains the client's flags, and the additional
/// flags `args`. Calls `meanwhile` when the measured part begins. Returns the step, which must
/// complete, and the result of `meanwhile`.
fn step<T>(redis: &Redis, client: &str, args: &str, meanwhile: impl FnOnce() -> T) -> (Step, T) {
    let place = TestDirectory::new();
    let args = format!(
        "pool --workload get --value-size 16 --client {client} --repeats 1 --warmup 0 \
         --run-dir run {args}"
    );
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    let result = meanwhile();
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let step = report(&place, "pool").steps.remove(0);
    assert_eq!(step.end, StepEnd::Completed, "{}", ended.said);
    (step, result)
}

fn open_loop(measure: Duration) -> String {
    format!("--rate {RATE_PER_S} --duration {}ms", measure.as_millis())
}

/// Requests of a step in the middle of which the server was stopped.
struct Stopped {
    get: Operation,
    /// Length of the stop.
    stop: Duration,
    /// Rate at which waiting requests could be served after the stop, in requests per second.
    capacity_per_s: f64,
}

fn with_a_stop(redis: &Redis, client: &str) -> Stopped {
    let capacity_per_s = capacity_per_s(redis, client);
    let (loaded, stop) = step(redis, client, &open_loop(MEASURED), || {
        std::thread::sleep(MEASURED / 2);
        let before = Instant::now();
        redis.pause();
        let began = before + before.elapsed() / 2;
        std::thread::sleep(STOP);
        redis.resume();
        began.elapsed()
    });
    let get = loaded.operations["get"].clone();
    assert_eq!(get.succeeded, get.attempted, "{:?}", loaded.failures);
    Stopped {
        get,
        stop,
        capacity_per_s,
    }
}

/// Returns the highest rate, in requests per second, that `client` and server can serve: the rate
/// at which a queue that has built up is served.
fn capacity_per_s(redis: &Redis, client: &str) -> f64 {
    let (loaded, ()) = step(redis, client, "--users 32 --duration 500ms", || ());
    loaded.throughput_per_s()
}

fn part<'a>(histogram: Option<&'a Histogram>, name: &str) -> &'a Histogram {
    histogram.unwrap_or_else(|| panic!("no {name}"))
}

impl Stopped {
    fn response(&self) -> &Histogram {
        part(self.get.response.as_ref(), "response")
    }

    /// Returns half of the arrivals that were due during the stop, as a share of all arrivals, from
    /// 0 to 1: the least share of slow responses.
    fn wanted(&self) -> f64 {
        self.stop.as_secs_f64() / 2.0 / MEASURED.as_secs_f64()
    }

    /// Returns the share of the responses, from 0 to 1, that took at least half of the stop.
    fn slow(&self) -> f64 {
        let recorded = self.response().decode().unwrap();
        let half_ns = self.stop.as_nanos() as u64 / 2;
        recorded.count_between(half_ns, recorded.max()) as f64 / self.get.succeeded as f64
    }

    /// Asserts that the stop shows in the response times, as it must on any machine: an arrival
    /// that is due during the stop waits at least for the rest of it.
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

    /// Returns a description of waits that the stop does not explain; `None` if there are none. An
    /// arrival that is due a time x into the stop waits for stop − x·(1 − rate ÷ capacity), because
    /// those before it are served first.
    fn slow_beyond_the_stop(&self) -> Option<String> {
        let slow = self.slow();
        let wanted = self.wanted() / (1.0 - RATE_PER_S / self.capacity_per_s);
        println!("{slow} waited for half of the stop, expected {wanted}");
        (slow > wanted + 0.01).then(|| format!("{slow} waited for half of the stop, not {wanted}"))
    }

    /// Returns a description of service times if their 99th percentile is at least a tenth of that
    /// of the response times, `None` otherwise. The stop caught only a few requests in the server,
    /// and a clock that starts with the call would have shown only those.
    fn shown_in_service(&self) -> Option<String> {
        let service = part(self.get.service.as_ref(), "service");
        let service = service.percentiles_ns.p99;
        let response = self.response().percentiles_ns.p99;
        println!("service p99 {service} ns, response p99 {response} ns");
        (service * 10 >= response)
            .then(|| format!("service p99 {service} ns, response p99 {response} ns"))
    }
}

/// Runs up to three rounds with a stop and returns the first one for which `fault` returns `None`;
/// panics if there is none. Other programs on this machine can make more requests wait, but not
/// fewer.
fn undisturbed(redis: &Redis, client: &str, fault: impl Fn(&Stopped) -> Option<String>) -> Stopped {
    let mut faults = Vec::new();
    for _ in 0..3 {
        let stopped = with_a_stop(redis, client);
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
    let redis = common::redis();
    let stopped = undisturbed(&redis, POOLED, |stopped| {
        stopped
            .slow_beyond_the_stop()
            .or_else(|| stopped.shown_in_service())
    });
    phases_add_up(&stopped.get);
}

#[test]
fn a_stop_shows_in_the_responses_of_a_shared_connection() {
    let _alone = alone();
    let redis = common::redis();
    let stopped = undisturbed(&redis, SHARED, Stopped::slow_beyond_the_stop);
    assert!(stopped.get.checkout.is_none(), "nothing is checked out");
}

/// Asserts that the means of the phases add up to the means of response and call, to 0.3 %. Each
/// mean is exact to 0.1 %.
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
    let redis = common::redis();
    // Other programs on this machine can make both later, but not earlier: the least of several
    // rounds counts.
    let (mut ours, mut timer) = (u64::MAX, u64::MAX);
    for round in 0..15 {
        ours = ours.min(pacing_lag_ns(&redis));
        timer = timer.min(timer_lateness_ns());
        if round >= 2 && ours * 5 <= timer {
            return;
        }
    }
    panic!("lag {ours} ns, a tokio timer {timer} ns");
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Returns the median pacing lag in the report of a step, in nanoseconds.
fn pacing_lag_ns(redis: &Redis) -> u64 {
    let args = open_loop(Duration::from_millis(600)) + " --runtime per-core";
    let (step, ()) = step(redis, SHARED, &args, || ());
    part(step.operations["get"].pacing_lag.as_ref(), "pacing lag")
        .percentiles_ns
        .p50
}

/// Returns the median lateness, in nanoseconds, of a loop at the same rate that waits by the timer
/// of the asynchronous runtime.
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
