//! Simulation of a step of `cache`: which share of its reads finds the key.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::eviction_policy::EvictionPolicy;
use super::simulated_cache::SimulatedCache;
use crate::keys::expiry::Expiry;
use crate::keys::key_skew::KeySampler;

/// Step of `cache` on a server whose memory holds a part of the keys only.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedStep {
    /// Distribution of the requests over the keys.
    pub(crate) sampler: KeySampler,
    /// Lives of the keys.
    pub(crate) expiry: Expiry,
    /// Share of the requests that write a key instead of reading one.
    pub(crate) writes_ratio: f64,
    /// Requests per second, which are evenly spaced here.
    pub(crate) requests_per_s: f64,
    /// Number of requests of the warm-up.
    pub(crate) warmup: u64,
    /// Number of measured requests.
    pub(crate) measured: u64,
    /// Time at which the step begins, in milliseconds since 1970. Policies count whole seconds or
    /// minutes of the clock.
    pub(crate) begins_ms: u64,
    /// Beginning of the random draws.
    pub(crate) seed: u64,
}

impl SimulatedStep {
    /// Returns the hit ratio of the measured reads, from 0 to 1, in a cache that holds up to
    /// `capacity` keys and none at the beginning; `None` if there is no measured read.
    pub(crate) fn hit_ratio<P: EvictionPolicy>(&self, policy: P, capacity: usize) -> Option<f64> {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let mut cache = SimulatedCache::new(policy, capacity, self.seed);
        let (mut hits, mut reads) = (0_u64, 0_u64);
        for n in 0..self.warmup + self.measured {
            let passed_ms = n as f64 * 1e3 / self.requests_per_s;
            let at_ms = self.begins_ms + passed_ms as u64;
            let key = self.sampler.draw(&mut random);
            let writes = self.writes_ratio > 0.0 && random.random::<f64>() < self.writes_ratio;
            let is_hit = !writes && cache.read(key, at_ms);
            if !is_hit {
                cache.write(key, at_ms, Some(self.expiry.draw_ms(&mut random)));
            }
            if n >= self.warmup && !writes {
                reads += 1;
                hits += u64::from(is_hit);
            }
        }
        (reads > 0).then(|| hits as f64 / reads as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::lru::ApproximateLru;
    use super::*;
    use crate::keys::key_skew::Skew;

    const KEYS: u64 = 200;

    fn step() -> SimulatedStep {
        SimulatedStep {
            sampler: Skew::Uniform.sampler(KEYS),
            expiry: Expiry {
                ttl: Duration::from_hours(1),
                jitter_ratio: 0.0,
            },
            writes_ratio: 0.0,
            requests_per_s: 1_000.0,
            warmup: 0,
            measured: 20_000,
            begins_ms: 1_800_000_000_123,
            seed: 3,
        }
    }

    fn hit_ratio(step: &SimulatedStep) -> f64 {
        let ratio = step.hit_ratio(ApproximateLru::new(5), KEYS as usize);
        ratio.unwrap()
    }

    #[test]
    fn a_cache_with_room_for_all_misses_each_key_once() {
        assert_eq!(hit_ratio(&step()), 1.0 - KEYS as f64 / 20_000.0);
        let warmed_up = SimulatedStep {
            warmup: 20_000,
            ..step()
        };
        assert_eq!(hit_ratio(&warmed_up), 1.0);
    }

    /// Source: a key is read R = 5 times per second and lives T = 2 s after each miss, so that one
    /// of R·T + 1 reads misses.
    #[test]
    fn keys_that_expire_are_missed_again() {
        let expiring = SimulatedStep {
            expiry: Expiry {
                ttl: Duration::from_secs(2),
                jitter_ratio: 0.0,
            },
            warmup: 20_000,
            measured: 200_000,
            ..step()
        };
        let (ratio, wanted) = (hit_ratio(&expiring), 10.0 / 11.0);
        assert!((ratio - wanted).abs() < 0.005, "{ratio}, not {wanted}");
    }

    #[test]
    fn writes_are_no_reads_and_fill_the_cache() {
        let written = SimulatedStep {
            writes_ratio: 0.5,
            ..step()
        };
        let ratio = hit_ratio(&written);
        assert!(
            ratio > hit_ratio(&step()),
            "half of the first uses are writes: {ratio}"
        );
        let only_written = SimulatedStep {
            writes_ratio: 1.0,
            ..step()
        };
        assert_eq!(only_written.hit_ratio(ApproximateLru::new(5), 10), None);
    }
}
