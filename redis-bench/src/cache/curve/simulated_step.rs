//! Simulation of a step of `cache`: which share of its reads finds the key.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::eviction_policy::EvictionPolicy;
use super::simulated_cache::SimulatedCache;
use crate::keys::key_skew::KeySampler;
use crate::keys::run_keys::Expiry;

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
    /// Number of requests.
    pub(crate) requests: u64,
    /// Time at which the step begins, in milliseconds since 1970. Policies count whole seconds or
    /// minutes of the clock.
    pub(crate) begins_ms: u64,
    /// Beginning of the random draws.
    pub(crate) seed: u64,
}

impl SimulatedStep {
    /// Returns the hit ratio of all reads, from 0 to 1, in a cache that holds up to `capacity` keys
    /// and none at the beginning; `None` if there is no read.
    pub(crate) fn hit_ratio<P: EvictionPolicy>(&self, policy: P, capacity: usize) -> Option<f64> {
        let mut random = SmallRng::seed_from_u64(self.seed);
        let mut cache = SimulatedCache::new(policy, capacity, self.seed);
        let (mut hits, mut reads) = (0_u64, 0_u64);
        for n in 0..self.requests {
            let passed_ms = n as f64 * 1e3 / self.requests_per_s;
            let at_ms = self.begins_ms + passed_ms as u64;
            let key = self.sampler.draw(&mut random);
            let writes = self.writes_ratio > 0.0 && random.random::<f64>() < self.writes_ratio;
            let is_hit = !writes && cache.read(key, at_ms);
            if !is_hit {
                cache.write(key, at_ms, Some(self.expiry.draw_ms(&mut random)));
            }
            if !writes {
                reads += 1;
                hits += u64::from(is_hit);
            }
        }
        (reads > 0).then(|| hits as f64 / reads as f64)
    }
}
