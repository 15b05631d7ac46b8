//! Cache that holds a limited number of keys, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::cached_keys::{CachedKey, CachedKeys};
use super::eviction_policy::EvictionPolicy;

/// Simulated cache in Redis. The limit is one of keys, so all keys are of the same size. As in Redis,
/// keys are evicted before a command and not after it, so that the last key that was written may be
/// one too many until the next command.
#[derive(Debug)]
pub(crate) struct SimulatedCache<P: EvictionPolicy> {
    policy: P,
    capacity: usize,
    keys: CachedKeys<P::State>,
    /// Times of expiry, in milliseconds, and keys; also of keys that have another expiry since.
    expiries: BinaryHeap<Reverse<(u64, u64)>>,
    random: SmallRng,
}

impl<P: EvictionPolicy> SimulatedCache<P> {
    /// Creates an empty cache for `capacity` keys. The same `seed` leads to the same evictions.
    pub(crate) fn new(policy: P, capacity: usize, seed: u64) -> Self {
        Self {
            policy,
            capacity,
            keys: CachedKeys::new(),
            expiries: BinaryHeap::new(),
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Reads `key` at `at_ms`, which must not be before the time of an earlier call. Returns true if
    /// the cache held it. A read that misses changes nothing; who reads through a cache then calls
    /// [`write`](Self::write).
    pub(crate) fn read(&mut self, key: u64, at_ms: u64) -> bool {
        self.make_room(at_ms);
        let Some(found) = self.keys.get_mut(key) else {
            return false;
        };
        self.policy
            .accessed(&mut found.state, at_ms, &mut self.random);
        true
    }

    /// Writes `key` at `at_ms`, with a time to live; `None` for no expiry. A write of a key that the
    /// cache holds counts as a use of it.
    pub(crate) fn write(&mut self, key: u64, at_ms: u64, ttl_ms: Option<u64>) {
        self.make_room(at_ms);
        let expires_ms = ttl_ms.map(|ttl| at_ms.saturating_add(ttl));
        if let Some(expires_ms) = expires_ms {
            self.expiries.push(Reverse((expires_ms, key)));
        }
        if let Some(found) = self.keys.get_mut(key) {
            self.policy
                .accessed(&mut found.state, at_ms, &mut self.random);
            found.expires_ms = expires_ms;
            return;
        }
        let state = self.policy.added(at_ms);
        self.keys.add(CachedKey {
            key,
            expires_ms,
            state,
        });
    }

    /// Removes the keys that have expired, and then keys of the policy's choice while there are more
    /// than the capacity. Redis finds most expired keys within a fraction of a second; here it is at
    /// once.
    fn make_room(&mut self, at_ms: u64) {
        while let Some(Reverse((expires_ms, key))) = self.expiries.peek().copied() {
            if expires_ms > at_ms {
                break;
            }
            self.expiries.pop();
            let current = self.keys.get_mut(key).and_then(|found| found.expires_ms);
            if current == Some(expires_ms) {
                self.keys.remove(key);
            }
        }
        while self.keys.len() > self.capacity {
            let chosen = self.policy.choose(&self.keys, at_ms, &mut self.random);
            let Some(chosen) = chosen else { break };
            self.keys.remove(chosen);
        }
    }
}

#[cfg(test)]
impl<P: EvictionPolicy> SimulatedCache<P> {
    /// Removes `key` at `at_ms`.
    pub(super) fn delete(&mut self, key: u64, at_ms: u64) {
        self.make_room(at_ms);
        self.keys.remove(key);
    }

    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}
