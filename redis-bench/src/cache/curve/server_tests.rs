//! Tests that compare the simulated hit ratio with that of a real Redis server whose memory is
//! limited.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use bench_report::{Step, StepEnd};
use load_engine::{Cancel, LoadPlan, StepPlan, ThinkTime, run_requests};
use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::super::tests::cache_flags;
use super::super::{Cache, hit_ratio};
use super::eviction_policy::EvictionPolicy;
use super::lfu::ApproximateLfu;
use super::lru::ApproximateLru;
use super::other_policies::RandomEviction;
use super::simulated_step::SimulatedStep;
use crate::clients::Multiplexed;
use crate::run::workload::RedisWorkload as _;
use crate::server::address::RedisAddress;
use crate::server::info::Info;

/// Memory for keys, in bytes: for about a ninth, a quarter and two fifths of all keys.
const SIZES: [u64; 3] = [800_000, 1_700_000, 2_800_000];
/// Begins without any key. Keys that were written one after the other before the step would be
/// evicted in that order if the writing took more than a second, which depends on the machine.
const FLAGS: [&str; 10] = [
    "--keys",
    "10k",
    "--preload",
    "0",
    "--ttl",
    "1000h",
    "--zipf",
    "0.9",
    "--value-size",
    "500",
];
/// Number of users, who pause between their requests. So few seldom miss a key at the same time, which
/// a simulation of one request after the other does not have.
const USERS: u64 = 4;
/// Number of requests of each user. With 24,000 reads, a ratio has a standard deviation of at most 0.33
/// points. All are counted, also those that fill the cache.
const REQUESTS: u64 = 6_000;
/// Longest time for them; what was read until then is compared.
const LONGEST: Duration = Duration::from_mins(1);
const SAMPLES: usize = 5;

/// Hit ratios of one step, and the number of keys that the server held.
#[derive(Debug)]
struct Compared {
    keys: u64,
    measured: f64,
    simulated: f64,
}

fn server(policy: &str) -> Redis {
    let settings = [
        ("maxmemory-policy", policy.to_owned()),
        ("maxmemory-samples", SAMPLES.to_string()),
        // A step is shorter than the minute in which counters fall.
        ("lfu-decay-time", "0".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    Redis::start(&RedisOptions {
        settings: settings.to_vec(),
        ..RedisOptions::default()
    })
    .unwrap()
}

fn number(connection: &mut Connection, name: &str) -> u64 {
    Info::read(connection).unwrap().number(name).unwrap() as u64
}

fn now_ms() -> u64 {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    since_1970.as_millis() as u64
}

fn count(step: &Step) -> u64 {
    step.operations
        .values()
        .map(|operation| operation.succeeded)
        .sum()
}

/// Runs a step of `cache` on a server with `bytes` of memory for keys, and simulates the same.
fn compare<P: EvictionPolicy>(policy: &str, simulated: P, bytes: u64) -> Compared {
    let redis = server(policy);
    let address = RedisAddress::parse(redis.url()).unwrap();
    let mut connection = address.connect().unwrap();
    let limit = number(&mut connection, "used_memory") + bytes;
    let () = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", &limit.to_string()])
        .query(&mut connection)
        .unwrap();
    let flags = cache_flags(&FLAGS);
    let cache = Cache(&flags);
    let keyspace = cache.keyspace("plimsoll:test:", 7);
    let load = LoadPlan::Closed {
        users: USERS,
        think_time: ThinkTime::Constant(Duration::from_millis(1)),
    };
    let mut plan = StepPlan::new("cache", load, LONGEST);
    plan.requests_per_user = Some(REQUESTS);
    let begins_ms = now_ms();
    let factory = Multiplexed::new(address.info().clone(), 1, cache.work(keyspace));
    let result = run_requests(&plan, &Arc::new(factory), &Cancel::new(), &mut ());
    let step = result.unwrap().step;
    assert_eq!(step.end, StepEnd::Completed);
    assert!(step.failures.is_empty(), "{:?}", step.failures);
    assert!(number(&mut connection, "evicted_keys") > 0);
    let keys = redis::cmd("DBSIZE").query(&mut connection).unwrap();
    let same = SimulatedStep {
        sampler: flags.zipf.sampler(flags.keys),
        expiry: cache.expiry(),
        writes_ratio: flags.writes,
        requests_per_s: count(&step) as f64 / step.window.measured_s(),
        requests: count(&step),
        begins_ms,
        seed: 41,
    };
    Compared {
        keys,
        measured: hit_ratio(&step).unwrap(),
        simulated: same.hit_ratio(simulated, keys as usize).unwrap(),
    }
}

/// Compares steps with all memory sizes, each on a server of its own, at the same time.
fn compare_sizes<P: EvictionPolicy + Send>(policy: &str, simulated: fn() -> P) -> Vec<Compared> {
    thread::scope(|scope| {
        let steps = SIZES.map(|bytes| scope.spawn(move || compare(policy, simulated(), bytes)));
        steps.map(|step| step.join().unwrap()).into_iter().collect()
    })
}

fn assert_near(compared: &[Compared]) {
    for step in compared {
        let points = (step.measured - step.simulated).abs() * 100.0;
        assert!(points <= 2.0, "{compared:?}");
    }
    let mut pairs = compared.iter().zip(&compared[1..]);
    let grows = |(less, more): (&Compared, &Compared)| {
        less.keys < more.keys && less.measured + 0.02 < more.measured
    };
    assert!(pairs.all(grows), "more memory, more hits: {compared:?}");
}

#[test]
fn lru_on_a_server_hits_as_often_as_simulated() {
    assert_near(&compare_sizes("allkeys-lru", || {
        ApproximateLru::new(SAMPLES)
    }));
}

#[test]
fn lfu_on_a_server_hits_as_often_as_simulated() {
    assert_near(&compare_sizes("allkeys-lfu", || {
        ApproximateLfu::new(SAMPLES, 10, 0)
    }));
}

#[test]
fn eviction_at_random_on_a_server_hits_as_often_as_simulated() {
    assert_near(&compare_sizes("allkeys-random", || RandomEviction));
}
