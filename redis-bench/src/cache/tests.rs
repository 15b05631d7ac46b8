//! Tests that compare the figures of `cache` with the counts of a real Redis server.

mod fill;

use std::sync::Arc;
use std::time::Duration;

use bench_report::names::steps;
use bench_report::{Pacing, Step, StepEnd, Warning, WarningCode};
use clap::Parser as _;
use load_engine::{Cancel, LoadPlan, StepPlan, StepResult, TargetFactory, run_requests};
use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::Cache;
use crate::cli::{CacheFlags, RedisBenchCli, RedisBenchCommand};
use crate::clients::{ClientKind, ClientSetup, FactoryUse};
use crate::keys::key_removal;
use crate::keys::run_keys::{Preload, RunKeys};
use crate::run::workload::RedisWorkload as _;
use crate::server::address::RedisAddress;
use crate::server::info::Info;

const CLIENTS: [ClientKind; 2] = [ClientKind::Pooled, ClientKind::Multiplexed];

fn start() -> Redis {
    Redis::start(&RedisOptions::default()).unwrap()
}

fn connect(redis: &Redis) -> Connection {
    RedisAddress::parse(redis.url()).unwrap().connect().unwrap()
}

fn info(redis: &Redis) -> Info {
    Info::read(&mut connect(redis)).unwrap()
}

fn keys(redis: &Redis) -> Vec<String> {
    let all = redis::cmd("KEYS").arg("*").query(&mut connect(redis));
    let mut keys: Vec<String> = all.unwrap();
    keys.sort_unstable();
    keys
}

fn fill(redis: &Redis, keys: &RunKeys) {
    assert!(
        keys.fill(&mut connect(redis), &Cancel::new(), None)
            .unwrap()
    );
}

/// Parses the flags of `redis-bench cache` in `args`, as on the command line.
pub(super) fn cache_flags(args: &[&str]) -> CacheFlags {
    let args = ["redis-bench", "cache"].iter().chain(args);
    match RedisBenchCli::parse_from(args).command {
        RedisBenchCommand::Cache(flags) => *flags,
        other => panic!("{other:?}"),
    }
}

/// Runs one step of a closed loop with 8 users and the length `measure`, on keys that were just
/// filled, and returns the step.
fn step(redis: &Redis, client: ClientKind, measure: Duration, args: &[&str]) -> Step {
    let flags = cache_flags(args);
    let cache = Cache(&flags);
    let keyspace = cache.keyspace("plimsoll:test:", 7);
    let load = LoadPlan::Closed {
        users: 8,
        think_time: load_engine::ThinkTime::NONE,
    };
    let plan = StepPlan::new("cache", load, measure);
    run_on(redis, client, &plan, &cache, keyspace).step
}

/// Runs the step `plan` of `cache` on the keys `keyspace`, which it fills before.
fn run_on(
    redis: &Redis,
    client: ClientKind,
    plan: &StepPlan,
    cache: &Cache<'_>,
    keyspace: RunKeys,
) -> StepResult {
    fill(redis, &keyspace);
    let client = ClientSetup {
        kind: client,
        connections: 4,
        server: RedisAddress::parse(redis.url()).unwrap(),
        replica: None,
    };
    let result = client.use_factory(cache.work(keyspace, 0), PlannedStep(plan));
    let step = &result.step;
    assert_eq!(step.end, StepEnd::Completed);
    assert!(step.failures.is_empty(), "{:?}", step.failures);
    result
}

/// Runs an open loop of 3,000 requests a second on 40,000 keys that live for 2 s on average, for
/// `seconds` without a warm-up. Returns the finished step, the hit ratio that theory gives for it,
/// and the warning that it raised.
fn open_loop(preload: &str, seconds: u64, args: &[&str]) -> (Step, f64, Option<Warning>) {
    let redis = start();
    let load = ["--keys", "40k", "--ttl", "2s", "--preload", preload];
    let flags = cache_flags(&[&load, args].concat());
    let cache = Cache(&flags);
    let rate_per_s = 3_000.0;
    let mut keyspace = cache.keyspace("plimsoll:test:", 7);
    if cache.begins_steady() {
        keyspace.preload = Preload::Steady(cache.steady_state(rate_per_s).unwrap());
    }
    let load = LoadPlan::Open {
        rate_per_s,
        pacing: Pacing::Poisson,
        in_flight_cap: 1_000,
    };
    let plan = StepPlan::new("cache", load, Duration::from_secs(seconds));
    let result = run_on(&redis, ClientKind::Multiplexed, &plan, &cache, keyspace);
    let mut step = result.step;
    cache.conclude(&mut step);
    // A machine that is too slow for the rate has the hit ratio of its throughput.
    let theory = cache
        .steady_state(step.throughput_per_s())
        .unwrap()
        .hit_ratio();
    step.figure(steps::THEORY_HIT_RATIO, theory);
    let warning = cache.conclude_course(&mut step, 0, &result.series);
    (step, theory, warning)
}

/// With 45,000 reads, chance moves the hit ratio by a quarter of a point (one standard deviation).
/// Theory has keys written back at once; on a slow machine a key is missed for as long as a miss
/// takes.
#[test]
fn from_its_first_request_on_the_hit_ratio_is_that_of_theory() {
    let jittered = ["--ttl-jitter", "0.5", "--writes", "0.2"];
    let cases: [&[&str]; 2] = [&["--ttl-jitter", "0"], &jittered];
    std::thread::scope(|scope| {
        let runs = cases.map(|args| (args, scope.spawn(|| open_loop("steady", 15, args))));
        for (args, run) in runs {
            let (step, theory, _) = run.join().unwrap();
            let seen = step.value(steps::HIT_RATIO).unwrap();
            let miss_ns = step.operations["miss"].call.as_ref().unwrap().mean_ns;
            let missed = miss_ns / 2e9;
            assert!(
                (-0.01 - missed..0.01).contains(&(seen - theory)),
                "{args:?}: {seen}, not {theory}; {missed} for late write-backs"
            );
        }
    });
}

#[test]
fn a_hit_ratio_that_is_left_over_from_the_preload_drifts_and_is_doubted() {
    let (step, _, warning) = open_loop("1", 2, &[]);
    let drift = step.value(steps::HIT_DRIFT_RATIO).unwrap();
    assert!(drift < -0.1, "{drift}");
    let warning = warning.unwrap();
    assert_eq!(warning.code, WarningCode::HitRatioDrifting);
    assert!(warning.spoils("/steps/0/figures/hit_ratio"));
    for part in [
        "the hit ratio fell from",
        "a long time at this load would lead to",
        "use --preload steady",
    ] {
        assert!(warning.message.contains(part), "{}", warning.message);
    }
}

/// The mean of all reads must be that of its parts: hits, and misses with the phases of which they
/// consist. The machine may be slow, but never faster than the back-end.
#[test]
fn effective_latency_is_that_of_hits_and_of_misses_with_their_back_end() {
    let redis = start();
    let args = "--keys 2k --preload 50% --ttl 1h --zipf uniform --backend 20ms";
    let args: Vec<&str> = args.split(' ').collect();
    let measure = Duration::from_secs(1);
    let mut step = step(&redis, ClientKind::Multiplexed, measure, &args);
    Cache(&cache_flags(&args)).conclude(&mut step);
    let figure = |name| step.value(name).unwrap();
    let (get, miss) = (&step.operations["get"], &step.operations["miss"]);
    let mean = |phase: &str| miss.phases[phase].mean_ns;
    assert!(mean("backend") >= 20e6, "{}", mean("backend"));
    assert_eq!(figure(steps::BACKEND_MEAN_NS), mean("backend"));
    let hits = figure(steps::HIT_RATIO);
    let missed_ns = mean("redis") + mean("backend") + mean("write");
    let parts_ns = hits * get.call.as_ref().unwrap().mean_ns + (1.0 - hits) * missed_ns;
    let whole_ns = figure(steps::EFFECTIVE_MEAN_NS);
    assert!(
        (whole_ns / parts_ns - 1.0).abs() < 0.01,
        "{whole_ns} ns, not {parts_ns}"
    );
    assert!(figure(steps::EFFECTIVE_P99_NS) >= 20e6);
    assert_eq!(figure(steps::BACKEND_SAVED_RATIO), hits);
    assert_eq!(figure(steps::BACKEND_CALLS_PER_S), miss.throughput_per_s);
    assert_eq!(miss.succeeded, count(&redis, "keyspace_misses"));
}

/// Plan of a step that is run at once.
pub(super) struct PlannedStep<'a>(pub(super) &'a StepPlan);

impl FactoryUse for PlannedStep<'_> {
    type Output = StepResult;

    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> StepResult {
        run_requests(self.0, factory, &Cancel::new(), &mut ()).unwrap()
    }
}

fn succeeded(step: &Step, operation: &str) -> u64 {
    step.operations.get(operation).map_or(0, |o| o.succeeded)
}

fn count(redis: &Redis, name: &str) -> u64 {
    info(redis).number(name).unwrap() as u64
}

/// Without a warm-up every request of the step is measured, and no other client reads, so bench and
/// server must have the same counts.
#[test]
fn hits_and_misses_are_the_servers_own_and_misses_are_written_back() {
    for client in CLIENTS {
        let redis = start();
        let args = [
            "--keys",
            "5k",
            "--preload",
            "50%",
            "--ttl",
            "1000h",
            "--zipf",
            "0.9",
        ];
        let step = step(&redis, client, Duration::from_millis(700), &args);
        let (hits, misses) = (succeeded(&step, "get"), succeeded(&step, "miss"));
        assert_eq!(hits, count(&redis, "keyspace_hits"), "{client:?}");
        assert_eq!(misses, count(&redis, "keyspace_misses"), "{client:?}");
        let there = keys(&redis).len() as u64;
        let filled = info(&redis).commands()["set"].calls as u64 - misses;
        let new = there - filled;
        assert!(new > 0, "{client:?}: nothing was missed");
        // Several users may miss the same key before the first of them has written it.
        assert!(
            (new..=2 * new).contains(&misses),
            "{client:?}: {misses} misses, {new} new keys"
        );
    }
}

#[test]
fn keys_expire_and_are_fetched_again() {
    let redis = start();
    let args = [
        "--keys",
        "100",
        "--ttl",
        "200ms",
        "--ttl-jitter",
        "0.5",
        "--zipf",
        "uniform",
    ];
    let step = step(
        &redis,
        ClientKind::Multiplexed,
        Duration::from_millis(1_500),
        &args,
    );
    let misses = succeeded(&step, "miss");
    assert!(
        misses > 100,
        "each key lives 0.2 s of 1.5 s, but only {misses} were missed"
    );
    assert!(count(&redis, "expired_keys") > 100);
    let mut connection = connect(&redis);
    for key in keys(&redis) {
        let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
        // −2 means that the key has expired meanwhile; −1 would be a key without an expiry.
        assert!(
            (0..=300).contains(&left) || left == -2,
            "{key} lives {left} ms"
        );
    }
}

#[test]
fn a_share_of_writes_is_that_share() {
    let redis = start();
    let args = ["--keys", "1k", "--writes", "0.25", "--ttl", "1h"];
    let step = step(
        &redis,
        ClientKind::Multiplexed,
        Duration::from_millis(500),
        &args,
    );
    let (reads, writes) = (
        succeeded(&step, "get") + succeeded(&step, "miss"),
        succeeded(&step, "set"),
    );
    let share = writes as f64 / (reads + writes) as f64;
    let deviation = (0.25 * 0.75 / (reads + writes) as f64).sqrt();
    assert!(
        (share - 0.25).abs() < 6.0 * deviation,
        "{share} of {}",
        reads + writes
    );
}

#[test]
fn what_lies_under_another_name_is_never_removed() {
    let redis = start();
    let mut connection = connect(&redis);
    for n in 0..3_000 {
        let () = redis::cmd("SET")
            .arg(format!("plimsoll:run:{n}"))
            .arg("x")
            .query(&mut connection)
            .unwrap();
    }
    for name in ["plimsoll:runs:1", "mine", "plimsoll:run"] {
        let () = redis::cmd("SET")
            .arg(name)
            .arg("x")
            .query(&mut connection)
            .unwrap();
    }
    let flags = cache_flags(&[]);
    let of_run = Cache(&flags).keyspace("plimsoll:run:", 7);
    let mut answers = 0;
    let broken_off = key_removal::clear(&mut connection, &of_run, || {
        answers += 1;
        answers < 2
    });
    assert!(!broken_off.unwrap(), "told to stop, nothing claimed");
    assert!(keys(&redis).len() > 3, "some are left");
    let cleared = key_removal::clear(&mut connection, &of_run, || true);
    assert!(cleared.unwrap());
    assert_eq!(keys(&redis), ["mine", "plimsoll:run", "plimsoll:runs:1"]);
}
