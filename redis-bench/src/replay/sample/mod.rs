//! Sample trace in this directory: its hits in a cache without limit, and in caches of some sizes
//! beside the hits that libCacheSim counts. `make.py` wrote the trace and printed those.

use std::collections::HashSet;
use std::path::Path;

use super::schedule::ReplaySchedule;
use super::spread::TimedEvent;
use super::trace_reader::TraceFormat;
use crate::cache::curve::{ApproximateLru, EvictionPolicy, RandomEviction, SimulatedCache};

const EVENTS: u64 = 40_000;
const OBJECTS: u64 = 2_977;
/// Capacities in objects, and the hits of exact LRU as libCacheSim 0.3.5 for Python counts them.
const LRU_HITS: [(usize, u64); 4] = [
    (100, 9_600),
    (300, 16_063),
    (1_000, 26_147),
    (3_000, 37_023),
];

fn sample() -> impl Iterator<Item = TimedEvent> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/replay/sample");
    let file = folder.join("zipf.oracleGeneral.zst");
    let schedule = ReplaySchedule::open(&file, TraceFormat::OracleGeneral, 1.0, 1).unwrap();
    schedule.map(Result::unwrap)
}

/// Replays the trace as reads through a simulated cache, and returns the hits.
fn hits<P: EvictionPolicy>(policy: P, capacity: usize) -> u64 {
    let mut cache = SimulatedCache::new(policy, capacity, 3);
    let mut hits = 0;
    for TimedEvent { at_ns, event } in sample() {
        let at_ms = at_ns / 1_000_000;
        if cache.read(event.key, at_ms) {
            hits += 1;
        } else {
            cache.write(event.key, at_ms, event.ttl_ms);
        }
    }
    hits
}

fn points_between(hits: u64, others: u64) -> f64 {
    100.0 * hits.abs_diff(others) as f64 / EVENTS as f64
}

#[test]
fn the_sample_is_the_trace_that_its_script_wrote() {
    let events: Vec<TimedEvent> = sample().collect();
    let objects: HashSet<u64> = events.iter().map(|timed| timed.event.key).collect();
    assert_eq!(
        (events.len() as u64, objects.len() as u64),
        (EVENTS, OBJECTS)
    );
    // Two events in each second are a quarter and three quarters after its beginning.
    let times: Vec<u64> = events.iter().map(|timed| timed.at_ns / 1_000_000).collect();
    let wanted: Vec<u64> = (0..EVENTS).map(|event| event * 500 + 250).collect();
    assert_eq!(times, wanted);
}

/// Each object misses once, at its first request.
#[test]
fn a_cache_without_limit_hits_all_but_the_first_request_of_each_object() {
    let unlimited = hits(RandomEviction, usize::MAX);
    assert_eq!(unlimited, EVENTS - OBJECTS);
    let (capacity, counted) = LRU_HITS[3];
    assert!(capacity as u64 > OBJECTS);
    assert_eq!(unlimited, counted);
}

#[test]
fn lru_with_64_samples_has_the_hit_ratio_of_lib_cache_sim() {
    for (capacity, counted) in LRU_HITS {
        let simulated = hits(ApproximateLru::new(64), capacity);
        let points = points_between(simulated, counted);
        assert!(
            points <= 1.0,
            "{capacity} objects: {simulated} hits, not {counted}"
        );
    }
}

/// The sample tells LRU from eviction at random: its popular objects are others after some time.
#[test]
fn eviction_at_random_has_another_hit_ratio() {
    let (capacity, counted) = LRU_HITS[1];
    let points = points_between(hits(RandomEviction, capacity), counted);
    assert!(points > 2.0, "{points} points");
}
