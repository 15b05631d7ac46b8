//! Policies `allkeys-lru` and `volatile-lru`: evict a key that was not used for long.

use rand::rngs::SmallRng;

use super::cached_keys::CachedKeys;
use super::eviction_policy::EvictionPolicy;
use super::eviction_pool::EvictionPool;

/// Resolution of the clock that is stored with each key, in milliseconds (`LRU_CLOCK_RESOLUTION`).
const RESOLUTION_MS: u64 = 1_000;

/// Least recently used, as Redis approximates it: by keys drawn at random, and by whole seconds.
/// Keys that were used in the same second are alike to it.
#[derive(Debug)]
pub(crate) struct ApproximateLru {
    pool: EvictionPool,
}

impl ApproximateLru {
    /// Creates the policy with a value of `maxmemory-samples`.
    pub(crate) fn new(samples: usize) -> Self {
        Self {
            pool: EvictionPool::new(samples),
        }
    }
}

impl EvictionPolicy for ApproximateLru {
    /// Second of the last use.
    type State = u64;

    fn added(&self, at_ms: u64) -> u64 {
        at_ms / RESOLUTION_MS
    }

    fn accessed(&self, state: &mut u64, at_ms: u64, _: &mut SmallRng) {
        *state = at_ms / RESOLUTION_MS;
    }

    fn choose(&mut self, keys: &CachedKeys<u64>, at_ms: u64, random: &mut SmallRng) -> Option<u64> {
        let now = at_ms / RESOLUTION_MS;
        self.pool
            .choose(keys, random, |found| now.saturating_sub(found.state))
    }
}
