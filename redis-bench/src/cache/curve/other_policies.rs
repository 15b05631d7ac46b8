//! Policies that do not depend on the use of keys: `allkeys-random`, `volatile-random` and
//! `volatile-ttl`.

use rand::rngs::SmallRng;

use super::cached_keys::CachedKeys;
use super::eviction_policy::EvictionPolicy;
use super::eviction_pool::EvictionPool;

/// Evicts any key.
#[derive(Debug)]
pub(crate) struct RandomEviction;

impl EvictionPolicy for RandomEviction {
    type State = ();

    fn added(&self, _: u64) {}

    fn accessed(&self, (): &mut (), _: u64, _: &mut SmallRng) {}

    fn choose(&mut self, keys: &CachedKeys<()>, _: u64, random: &mut SmallRng) -> Option<u64> {
        keys.draw(random).map(|drawn| drawn.key)
    }
}

/// Evicts a key that expires soon, in a cache whose keys all expire.
#[derive(Debug)]
pub(crate) struct SoonestExpiry {
    pool: EvictionPool,
}

impl SoonestExpiry {
    /// Creates the policy with a value of `maxmemory-samples`.
    pub(crate) fn new(samples: usize) -> Self {
        Self {
            pool: EvictionPool::new(samples),
        }
    }
}

impl EvictionPolicy for SoonestExpiry {
    type State = ();

    fn added(&self, _: u64) {}

    fn accessed(&self, (): &mut (), _: u64, _: &mut SmallRng) {}

    fn choose(&mut self, keys: &CachedKeys<()>, _: u64, random: &mut SmallRng) -> Option<u64> {
        self.pool.choose(keys, random, |found| {
            u64::MAX - found.expires_ms.unwrap_or(u64::MAX)
        })
    }
}
