//! Tests that compare the figures of `cache` with the counts of a real Redis server.

use std::sync::Arc;
use std::time::Duration;

use bench_report::{Step, StepEnd};
use clap::Parser as _;
use load_engine::{Cancel, LoadPlan, StepPlan, TargetFactory, run_requests};
use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::Cache;
use crate::cli::{CacheFlags, RedisBenchCli, RedisBenchCommand};
use crate::clients::{ClientKind, ClientSetup, FactoryUse};
use crate::keys::key_removal;
use crate::keys::run_keys::RunKeys;
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
    fill(redis, &keyspace);
    let server = RedisAddress::parse(redis.url()).unwrap();
    let load = LoadPlan::Closed {
        users: 8,
        think_time: load_engine::ThinkTime::NONE,
    };
    let plan = StepPlan::new("cache", load, measure);
    let client = ClientSetup {
        kind: client,
        connections: 4,
        server,
    };
    let step = client.use_factory(cache.work(keyspace, 0), PlannedStep(&plan));
    assert_eq!(step.end, StepEnd::Completed);
    assert!(step.failures.is_empty(), "{:?}", step.failures);
    step
}

/// Plan of a step that is run at once.
pub(super) struct PlannedStep<'a>(pub(super) &'a StepPlan);

impl FactoryUse for PlannedStep<'_> {
    type Output = Step;

    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> Step {
        run_requests(self.0, factory, &Cancel::new(), &mut ())
            .unwrap()
            .step
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
fn each_step_begins_with_the_same_keys() {
    let redis = start();
    let flags = cache_flags(&["--keys", "1k", "--preload", "0.3", "--ttl", "1000h"]);
    let keyspace = Cache(&flags).keyspace("plimsoll:test:", 7);
    fill(&redis, &keyspace);
    let first = keys(&redis);
    assert!((200..400).contains(&first.len()), "{}", first.len());
    step(
        &redis,
        ClientKind::Multiplexed,
        Duration::from_millis(300),
        &["--keys", "1k"],
    );
    assert_ne!(first, keys(&redis));
    fill(&redis, &keyspace);
    assert_eq!(first, keys(&redis));
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
