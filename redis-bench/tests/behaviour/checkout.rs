//! Tests of the parts of a checkout in the report: the wait for a free connection, the driver's
//! check, and connecting.
use crate::common::{self, bench};
use bench_report::{CheckoutParts, Step};
use test_support::{RunningProgram, TestDirectory};

const POOLED: &str = "cache --client pooled --keys 200 --repeats 1 --warmup 100ms --run-dir run";

/// Runs a step of a pool with `args` and returns it. Calls `meanwhile` with the server when the
/// measured part begins.
fn step(args: &str, meanwhile: impl Fn(&testbed::Redis)) -> Step {
    let (redis, place) = (common::redis(), TestDirectory::new());
    let args: Vec<&str> = POOLED.split(' ').chain(args.split(' ')).collect();
    let mut running = RunningProgram::start(bench(&place, &args).env("REDIS_URL", redis.url()));
    running.wait_for("phase: measure");
    meanwhile(&redis);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    common::report(&place, "cache").steps.remove(0)
}

fn parts(step: &Step) -> CheckoutParts {
    step.pool.as_ref().unwrap().checkout.unwrap()
}

/// Returns the mean time of a checkout over all operations of `step`, in nanoseconds.
fn mean_checkout(step: &Step) -> f64 {
    let all: Vec<_> = step
        .operations
        .values()
        .filter_map(|o| o.checkout.as_ref())
        .collect();
    let count: u64 = all.iter().map(|h| h.count).sum();
    all.iter().map(|h| h.mean_ns * h.count as f64).sum::<f64>() / count as f64
}

fn assert_adds_up(step: &Step) {
    let parts = parts(step);
    let sum = parts.wait_mean_ns + parts.check_mean_ns + parts.connect_mean_ns;
    let mean = mean_checkout(step);
    assert!(
        (sum / mean - 1.0).abs() < 0.01,
        "{sum} of {mean}: {parts:?}"
    );
}

#[test]
fn in_a_pool_that_is_large_enough_the_checkout_is_the_drivers_check() {
    let step = step("--pool-size 8 --users 4 --duration 400ms", |_| ());
    let parts = parts(&step);
    assert_adds_up(&step);
    assert_eq!(
        (parts.waited, parts.opened, parts.connect_mean_ns),
        (0, 0, 0.0)
    );
    assert!(
        parts.count > 100 && parts.check_mean_ns > 3.0 * parts.wait_mean_ns,
        "{parts:?}"
    );
}

/// The pool sends UNWATCH and PING in one round trip before each request; a shared connection is
/// never checked. The server counts both, over the same time as the load's own commands.
#[test]
fn the_server_counts_one_extra_round_trip_per_request_of_a_pool_and_none_without() {
    for (client, wanted) in [("pooled", 1.0), ("multiplexed", 0.0), ("plain", 0.0)] {
        let (redis, place) = (common::redis(), TestDirectory::new());
        let args = format!(
            "cache --client {client} --keys 200 --ttl 100ms --users 8 --repeats 1 --warmup 100ms \
             --duration 1s --run-dir run"
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        let output = bench(&place, &args).env("REDIS_URL", redis.url()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let step = common::report(&place, "cache").steps.remove(0);
        let extra = step.figures["extra_round_trips_per_request"];
        assert!((extra - wanted).abs() <= 0.02, "{client}: {extra}: {said}");
        assert_eq!(said.contains("1.00 extra"), client == "pooled", "{said}");
    }
}

#[test]
fn in_a_pool_that_is_too_small_the_checkout_is_a_wait() {
    let step = step("--pool-size 1 --users 16 --duration 400ms", |_| ());
    let parts = parts(&step);
    assert_adds_up(&step);
    assert!(parts.waited > parts.count / 2, "{parts:?}");
    assert!(parts.wait_mean_ns > 3.0 * parts.check_mean_ns, "{parts:?}");
}

#[test]
fn a_connection_that_the_server_ended_is_opened_anew_by_a_checkout() {
    let args = "--pool-size 4 --users 2 --think-time 20ms --duration 1500ms --stop-on errors>90%";
    let step = step(args, |redis| {
        for _ in 0..5 {
            let killed: Result<u64, _> = redis::cmd("CLIENT")
                .arg(&["KILL", "TYPE", "normal"])
                .query(&mut common::connect(redis));
            assert!(killed.unwrap() > 0);
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    let parts = parts(&step);
    assert_adds_up(&step);
    assert!(parts.opened > 0 && parts.opened < parts.count, "{parts:?}");
    assert!(parts.connect_mean_ns > 0.0, "{parts:?}");
}
