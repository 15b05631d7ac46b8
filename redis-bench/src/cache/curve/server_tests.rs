//! Tests that compare the simulated hit ratio with that of a real Redis server whose memory is
//! limited.

use std::thread;
use std::time::Duration;

use bench_report::{Step, StepEnd};
use load_engine::{LoadPlan, StepPlan, ThinkTime};
use redis::Connection;
use testbed::{Redis, RedisOptions};

use super::super::tests::{PlannedStep, cache_flags};
use super::super::{Cache, hit_ratio};
use super::limited_step::{LimitedStep, MemoryLimit};
use super::policy_name::PolicyName;
use super::simulated_step::SimulatedStep;
use crate::clients::{ClientKind, ClientSetup};
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

/// Hit ratios of one step, and the number of keys that the server held.
#[derive(Debug)]
struct StepRatios {
    keys: u64,
    measured: f64,
    simulated: f64,
}

fn server() -> Redis {
    // A step is shorter than the minute in which counters fall.
    let settings = vec![("lfu-decay-time".to_owned(), "0".to_owned())];
    let options = RedisOptions {
        settings,
        ..RedisOptions::default()
    };
    Redis::start(&options).unwrap()
}

fn number(connection: &mut Connection, name: &str) -> u64 {
    Info::read(connection).unwrap().number(name).unwrap() as u64
}

fn count(step: &Step) -> u64 {
    step.operations
        .values()
        .map(|operation| operation.succeeded)
        .sum()
}

/// Runs a step of `cache` on a server with `bytes` of memory for keys, and simulates the same.
fn compare(policy: PolicyName, bytes: u64) -> StepRatios {
    let redis = server();
    let address = RedisAddress::parse(redis.url()).unwrap();
    let mut connection = address.connect().unwrap();
    let limit = MemoryLimit {
        policy,
        bytes: number(&mut connection, "used_memory") + bytes,
    };
    let limited = LimitedStep::begin(&mut connection, limit).unwrap();
    let flags = cache_flags(&FLAGS);
    let cache = Cache(&flags);
    let load = LoadPlan::Closed {
        users: USERS,
        think_time: ThinkTime::Constant(Duration::from_millis(1)),
    };
    let mut plan = StepPlan::new("cache", load, LONGEST);
    plan.requests_per_user = Some(REQUESTS);
    let work = cache.work(cache.keyspace("plimsoll:test:", 7), 0);
    let client = ClientSetup {
        kind: ClientKind::Multiplexed,
        connections: 1,
        server: address,
        replica: None,
    };
    let step = client.use_factory(work, PlannedStep(&plan)).step;
    assert_eq!(step.end, StepEnd::Completed);
    assert!(step.failures.is_empty(), "{:?}", step.failures);
    assert!(number(&mut connection, "evicted_keys") > 0);
    let keys = limited.end(&mut connection).unwrap();
    assert_eq!(keys.reads, Some(count(&step)), "there is no warm-up");
    let simulated = SimulatedStep {
        sampler: flags.zipf.sampler(flags.keys),
        expiry: cache.expiry(),
        writes_ratio: flags.writes,
        requests_per_s: count(&step) as f64 / step.window.measured_s(),
        warmup: 0,
        measured: count(&step),
        begins_ms: limited.begins_ms,
        seed: 41,
    };
    let settings = limited.settings.unwrap();
    StepRatios {
        keys: keys.held,
        measured: hit_ratio(&step).unwrap(),
        simulated: policy
            .simulate(settings, &simulated, keys.held as usize)
            .unwrap(),
    }
}

/// Compares steps with all memory sizes, each on a server of its own, at the same time. Their ratios
/// must be near the simulated ones, and grow with the memory.
fn assert_near(policy: PolicyName) {
    let compared: Vec<StepRatios> = thread::scope(|scope| {
        let steps = SIZES.map(|bytes| scope.spawn(move || compare(policy, bytes)));
        steps.map(|step| step.join().unwrap()).into_iter().collect()
    });
    for step in &compared {
        let points = (step.measured - step.simulated).abs() * 100.0;
        assert!(points <= 2.0, "{compared:?}");
    }
    let mut pairs = compared.iter().zip(&compared[1..]);
    let grows = |(less, more): (&StepRatios, &StepRatios)| {
        less.keys < more.keys && less.measured + 0.02 < more.measured
    };
    assert!(pairs.all(grows), "more memory, more hits: {compared:?}");
}

#[test]
fn lru_on_a_server_hits_as_often_as_simulated() {
    assert_near(PolicyName::AllkeysLru);
}

#[test]
fn lfu_on_a_server_hits_as_often_as_simulated() {
    assert_near(PolicyName::AllkeysLfu);
}

/// The lives are drawn at random, so that the soonest expiry is that of any key.
#[test]
fn eviction_by_expiry_on_a_server_hits_as_often_as_simulated() {
    assert_near(PolicyName::VolatileTtl);
}
