//! Tests of whole caches: traces that were computed by hand, exact LRU, and the theory of caches for
//! requests that do not depend on each other.

use std::collections::BTreeSet;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::eviction_policy::EvictionPolicy;
use super::lfu::ApproximateLfu;
use super::lru::ApproximateLru;
use super::other_policies::{RandomEviction, SoonestExpiry};
use super::simulated_cache::SimulatedCache;
use crate::keys::key_skew::Skew;

/// Number of samples with which an eviction looks at every key.
const ALL: usize = usize::MAX;
const KEYS: u64 = 600;
const CAPACITIES: [usize; 3] = [60, 150, 300];
/// Number of reads that are counted, and before that, that are not.
const READS: u64 = 30_000;

/// Reads `key` through the cache. Returns true if the cache held it.
fn read_through<P: EvictionPolicy>(cache: &mut SimulatedCache<P>, key: char, second: u64) -> bool {
    let at_ms = second * 1_000;
    let hit = cache.read(key.into(), at_ms);
    if !hit {
        cache.write(key.into(), at_ms, None);
    }
    hit
}

/// Reads keys through the cache, each at its second. Returns the keys that were found.
fn hits<P: EvictionPolicy>(cache: &mut SimulatedCache<P>, reads: &[(u64, char)]) -> String {
    let found = reads
        .iter()
        .filter(|(second, key)| read_through(cache, *key, *second));
    found.map(|(_, key)| key).collect()
}

/// Least recently used without any approximation.
#[derive(Debug, Default)]
struct ExactLru {
    /// Number of the last use, and key.
    by_use: BTreeSet<(u64, u64)>,
    last_use: std::collections::HashMap<u64, u64>,
    uses: u64,
}

impl ExactLru {
    fn read_through(&mut self, key: u64, capacity: usize) -> bool {
        self.uses += 1;
        let before = self.last_use.insert(key, self.uses);
        if let Some(before) = before {
            self.by_use.remove(&(before, key));
        }
        self.by_use.insert((self.uses, key));
        if self.by_use.len() > capacity {
            let (_, oldest) = self.by_use.pop_first().unwrap();
            self.last_use.remove(&oldest);
        }
        before.is_some()
    }
}

/// Draws keys by Zipf's law.
fn zipf_keys() -> impl Iterator<Item = u64> {
    let sampler = Skew::Zipf { exponent: 0.9 }.sampler(KEYS);
    let mut random = SmallRng::seed_from_u64(23);
    (0..2 * READS).map(move |_| sampler.draw(&mut random))
}

/// Returns the hit ratio of the later half of [`zipf_keys`], of which one is read in each `gap_ms`.
fn zipf_ratio<P: EvictionPolicy>(policy: P, capacity: usize, gap_ms: u64) -> f64 {
    let mut cache = SimulatedCache::new(policy, capacity, 29);
    let mut hits = 0;
    for (n, key) in (0..).zip(zipf_keys()) {
        let at_ms = n * gap_ms;
        let hit = cache.read(key, at_ms);
        if !hit {
            cache.write(key, at_ms, None);
        }
        hits += u64::from(hit && n >= READS);
    }
    assert!((capacity..=capacity + 1).contains(&cache.len()));
    hits as f64 / READS as f64
}

/// Returns the hit ratio of the theory: `held` is the probability that a key is in the cache, if its
/// share of the requests is p and T is the characteristic time, at which the keys fill the cache.
fn theory(capacity: usize, held: impl Fn(f64, f64) -> f64) -> f64 {
    let weights: Vec<f64> = (1..=KEYS).map(|rank| (rank as f64).powf(-0.9)).collect();
    let whole: f64 = weights.iter().sum();
    let shares: Vec<f64> = weights.iter().map(|weight| weight / whole).collect();
    let filled = |time: f64| shares.iter().map(|p| held(*p, time)).sum::<f64>();
    let (mut low, mut high) = (0.0, 1e9);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if filled(middle) < capacity as f64 {
            low = middle;
        } else {
            high = middle;
        }
    }
    shares.iter().map(|p| p * held(*p, low)).sum()
}

fn assert_near(what: &str, ratio: f64, wanted: f64, points: f64) {
    let off = (ratio - wanted).abs() * 100.0;
    assert!(off <= points, "{what}: {ratio:.4}, not {wanted:.4}");
}

#[test]
fn lru_evicts_the_key_that_was_not_read_for_longest() {
    let mut cache = SimulatedCache::new(ApproximateLru::new(ALL), 3, 1);
    let reads = [
        (0, 'a'),
        (1, 'b'),
        (2, 'c'),
        (3, 'a'), // Found.
        (4, 'd'), // One too many: the next command evicts b.
        (5, 'b'), // One too many again, c is evicted.
        (6, 'c'), // Now it is a's turn.
        (7, 'd'), // Found.
        (8, 'b'), // Found.
        (9, 'a'),
    ];
    assert_eq!(hits(&mut cache, &reads), "adb");
    assert_eq!(cache.len(), 4, "the last is one too many");
}

#[test]
fn lru_evicts_a_candidate_that_was_read_since_it_was_drawn() {
    let mut cache = SimulatedCache::new(ApproximateLru::new(ALL), 3, 1);
    let reads = [
        (0, 'a'),
        (1, 'b'),
        (20, 'c'),
        (21, 'd'),
        (22, 'd'), // Evicts a; the pool keeps b with an idle time of 21 s.
        (23, 'c'),
        (24, 'b'),
        (25, 'e'),
        (26, 'b'), // Evicts b with those 21 s, where exact LRU evicts d.
        (27, 'd'),
    ];
    assert_eq!(hits(&mut cache, &reads), "dcb");
    let mut exact = ExactLru::default();
    let found = reads
        .iter()
        .filter(|(_, key)| exact.read_through(u64::from(*key), 3));
    assert_eq!(found.map(|(_, key)| *key).collect::<String>(), "dcbb");
}

/// Reads keys in an order in which none is read while it is a candidate.
#[test]
fn lru_that_looks_at_all_keys_is_exact_while_no_candidate_is_read() {
    for seed in 0..20 {
        let sampler = Skew::Uniform.sampler(60);
        let mut random = SmallRng::seed_from_u64(seed);
        let mut cache = SimulatedCache::new(ApproximateLru::new(ALL), 40, seed);
        let mut exact = ExactLru::default();
        let mut reads: Vec<u64> = (0..500).map(|_| sampler.draw(&mut random)).collect();
        // Ends the reads at the first eviction, and then reads new keys only.
        let mut known = BTreeSet::new();
        let first = reads
            .iter()
            .position(|key| known.insert(*key) && known.len() > 40);
        reads.truncate(first.unwrap() + 1);
        reads.extend(100..150);
        for (second, key) in (0..).zip(&reads) {
            let at_ms = second * 1_000;
            let hit = cache.read(*key, at_ms);
            if !hit {
                cache.write(*key, at_ms, None);
            }
            assert_eq!(hit, exact.read_through(*key, 40), "read {second}");
        }
        cache.delete(u64::MAX, 1_000_000);
        let held = |key: &u64| cache.read(*key, 1_000_000);
        let left: Vec<u64> = (0..150).filter(held).collect();
        let wanted: BTreeSet<u64> = exact.by_use.iter().map(|(_, key)| *key).collect();
        assert_eq!(left, wanted.into_iter().collect::<Vec<_>>());
    }
}

/// Source of the theory: Che, Tung and Wang, "Hierarchical Web caching systems" (2002): a key is held
/// with the probability 1 − e^(−p·T).
#[test]
fn lru_that_looks_at_all_keys_has_the_hit_ratio_of_exact_lru_and_of_the_theory() {
    for capacity in CAPACITIES {
        let ratio = zipf_ratio(ApproximateLru::new(ALL), capacity, 1_000);
        let mut exact = ExactLru::default();
        let hits = (0..)
            .zip(zipf_keys())
            .filter(|(n, key)| exact.read_through(*key, capacity) && *n >= READS);
        let wanted = hits.count() as f64 / READS as f64;
        assert_near("exact LRU", ratio, wanted, 0.7);
        let wanted = theory(capacity, |p, time| 1.0 - (-p * time).exp());
        assert_near("Che", ratio, wanted, 1.0);
    }
}

/// Source: Gelenbe, "A unified approach to the evaluation of a class of replacement algorithms"
/// (1973): a key is held with the probability p·T ÷ (1 + p·T).
#[test]
fn random_eviction_has_the_hit_ratio_of_the_theory() {
    for capacity in CAPACITIES {
        let ratio = zipf_ratio(RandomEviction, capacity, 1_000);
        let wanted = theory(capacity, |p, time| p * time / (1.0 + p * time));
        assert_near("Gelenbe", ratio, wanted, 1.0);
    }
}

/// A clock of whole seconds cannot tell the keys apart that were all read in the same second.
#[test]
fn lru_is_no_better_than_chance_if_all_reads_are_in_one_second() {
    for capacity in CAPACITIES {
        let ratio = zipf_ratio(ApproximateLru::new(5), capacity, 0);
        assert_near(
            "one second",
            ratio,
            zipf_ratio(RandomEviction, capacity, 0),
            1.0,
        );
        assert!(zipf_ratio(ApproximateLru::new(5), capacity, 1_000) > ratio + 0.01);
    }
}

#[test]
fn policies_rank_as_they_must_for_keys_of_constant_popularity() {
    for capacity in CAPACITIES {
        let random = zipf_ratio(RandomEviction, capacity, 1_000);
        let few = zipf_ratio(ApproximateLru::new(3), capacity, 1_000);
        let many = zipf_ratio(ApproximateLru::new(10), capacity, 1_000);
        let lfu = zipf_ratio(ApproximateLfu::new(5, 10, 0), capacity, 1_000);
        let best = theory(capacity, |p, time| f64::from(p * time > 1.0));
        assert!(
            random < few && few < many && many < lfu,
            "{random} {few} {many} {lfu}"
        );
        assert!(lfu < best + 0.01, "{lfu} of at most {best}");
    }
}

#[test]
fn lfu_evicts_the_key_with_the_lowest_counter() {
    let mut cache = SimulatedCache::new(ApproximateLfu::new(ALL, 0, 0), 2, 1);
    let reads = [
        (0, 'a'),
        (1, 'a'), // Found. The counter is 6.
        (2, 'a'), // Found. The counter is 7.
        (3, 'b'),
        (4, 'b'), // Found. The counter is 6.
        (5, 'c'), // The counter is 5, so that c is evicted by the next command.
        (6, 'c'), // Evicted again.
        (7, 'b'), // Found. The counter is 7, but the pool has b with 6.
        (8, 'c'),
        (9, 'a'), // Evicts c. Found.
        (9, 'b'), // Found.
    ];
    assert_eq!(hits(&mut cache, &reads), "aabbab");
}

#[test]
fn lfu_forgets_what_was_popular() {
    let found = |decay_minutes: u32| {
        let lfu = ApproximateLfu::new(ALL, 0, decay_minutes);
        let mut cache = SimulatedCache::new(lfu, 10, 1);
        for n in 0..100 {
            read_through(&mut cache, char::from(b'a' + (n % 10) as u8), n);
        }
        // Ten other keys are read from then on, each twice in a row so that it is counted once.
        let later = (0..4_000).filter(|n| {
            let key = char::from(b'A' + (n / 2 % 10) as u8);
            read_through(&mut cache, key, 100 + n) && n % 2 == 0
        });
        later.count()
    };
    assert_eq!(found(0), 0, "without decay, the old keys stay for ever");
    assert!(found(1) > 1_000, "{}", found(1));
}

#[test]
fn the_key_that_expires_first_is_evicted_first() {
    let mut cache = SimulatedCache::new(SoonestExpiry::new(ALL), 2, 1);
    cache.write(1, 0, Some(60_000));
    cache.write(2, 0, Some(30_000));
    cache.write(3, 0, Some(90_000));
    assert!(cache.read(1, 10));
    assert!(!cache.read(2, 10));
    assert!(cache.read(3, 10));
    cache.write(4, 20, Some(70_000));
    assert!(!cache.read(1, 30));
}

#[test]
fn keys_expire_at_the_end_of_their_last_life() {
    let mut cache = SimulatedCache::new(RandomEviction, 10, 1);
    cache.write(1, 0, Some(5_000));
    cache.write(2, 0, Some(5_000));
    cache.write(2, 4_000, Some(5_000));
    cache.write(3, 0, Some(5_000));
    cache.write(3, 4_000, None);
    assert!(cache.read(1, 4_999));
    assert!(!cache.read(1, 5_000));
    assert!(cache.read(2, 8_999));
    assert!(!cache.read(2, 9_000));
    assert!(cache.read(3, 1_000_000));
    cache.delete(3, 1_000_000);
    assert!(!cache.read(3, 1_000_000));
    assert_eq!(cache.len(), 0);
}
