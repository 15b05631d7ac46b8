//! Cache in the client's memory, which the server keeps valid: over RESP3 it tells the client which of
//! the keys that it read were changed, evicted or expired (`CLIENT TRACKING`).

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_report::clock::monotonic_ns;
use bench_report::names::{FigureName, steps};
use lru::LruCache;
use redis::{PushInfo, PushKind, Value};

/// Number of parts of a cache, each behind a lock of its own.
const SHARDS: u64 = 32;

/// Entries by the name of their key.
type Shard = LruCache<Box<[u8]>, Entry>;

/// Cache of one connection, which evicts the entry that was used least recently.
#[derive(Debug)]
pub(crate) struct ClientCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// Number of the next fetch.
    next_fetch: AtomicU64,
    invalidations: AtomicU64,
    evictions: AtomicU64,
}

/// Entry of a key.
#[derive(Debug)]
enum Entry {
    /// The fetch with this number asked the server for the value. An invalidation removes the entry, so
    /// that an answer from before it is not kept.
    Fetching(u64),
    Held {
        value: Vec<u8>,
        /// Instant at which the answer was there, on the monotonic clock in nanoseconds.
        read_ns: u64,
    },
}

/// Fetch of a value from the server, whose answer the cache may keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetch(u64);

/// Length and age of a value that a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldValue {
    /// Length of the value in bytes.
    pub(crate) bytes: usize,
    /// Instant at which the value came from the server, on the monotonic clock in nanoseconds.
    pub(crate) read_ns: u64,
}

impl ClientCache {
    /// Creates an empty cache for about `entries` keys: the number is divided evenly among its parts.
    pub(crate) fn new(entries: u64) -> Self {
        let shards = SHARDS.min(entries).max(1);
        let of_shard = entries.div_ceil(shards) as usize;
        let of_shard = NonZeroUsize::new(of_shard).unwrap_or(NonZeroUsize::MIN);
        Self {
            shards: (0..shards)
                .map(|_| Mutex::new(LruCache::new(of_shard)))
                .collect(),
            hasher: RandomState::new(),
            next_fetch: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        let index = self.hasher.hash_one(key) % self.shards.len() as u64;
        let shard = self.shards[index as usize].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks `key` up. If the cache does not hold it, returns the fetch under which the answer of the
    /// server is then kept.
    pub(crate) fn look_up(&self, key: &[u8]) -> Result<HeldValue, Fetch> {
        let mut shard = self.shard(key);
        if let Some(Entry::Held { value, read_ns }) = shard.get(key) {
            return Ok(HeldValue {
                bytes: value.len(),
                read_ns: *read_ns,
            });
        }
        let number = self.next_fetch.fetch_add(1, Ordering::Relaxed);
        let fetching = Entry::Fetching(number);
        match shard.get_mut(key) {
            Some(entry) => *entry = fetching,
            None => self.insert(&mut shard, key, fetching),
        }
        Err(Fetch(number))
    }

    fn insert(&self, shard: &mut Shard, key: &[u8], entry: Entry) {
        if let Some((_, Entry::Held { .. })) = shard.push(key.into(), entry) {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends the fetch of `key`: keeps `value`, the answer of the server, unless the server invalidated
    /// the key meanwhile or another fetch of it began later. Keeps nothing for `None`, which is an error
    /// or a key that is not there.
    pub(crate) fn fetched(&self, key: &[u8], fetch: Fetch, value: Option<Vec<u8>>) {
        let mut shard = self.shard(key);
        match (shard.peek_mut(key), value) {
            (Some(Entry::Fetching(number)), _) if *number != fetch.0 => {}
            (Some(entry @ Entry::Fetching(_)), Some(value)) => {
                *entry = Entry::Held {
                    value,
                    read_ns: monotonic_ns(),
                };
            }
            (Some(Entry::Fetching(_)), None) => {
                shard.pop(key);
            }
            _ => {}
        }
    }

    /// Does what a message of the server, or the end of the connection, says of the entries.
    pub(super) fn note(&self, push: &PushInfo) {
        match (&push.kind, push.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(keys))) => {
                for key in keys {
                    if let Value::BulkString(key) = key {
                        self.shard(key).pop(key.as_slice());
                    }
                }
                let count = keys.len() as u64;
                self.invalidations.fetch_add(count, Ordering::Relaxed);
            }
            // The server sends no keys if all of them were removed. Without a connection it sends nothing.
            (PushKind::Invalidate | PushKind::Disconnection, _) => self.clear(),
            _ => {}
        }
    }

    /// Removes all entries.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Returns the counts so far, each with the name of its figure.
    pub(super) fn tallies(&self) -> [(FigureName, u64); 2] {
        [
            (steps::CLIENT_CACHE_INVALIDATIONS, &self.invalidations),
            (steps::CLIENT_CACHE_EVICTIONS, &self.evictions),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalidation(keys: &[&str]) -> PushInfo {
        let keys = keys
            .iter()
            .map(|key| Value::BulkString(key.as_bytes().to_vec()));
        PushInfo {
            kind: PushKind::Invalidate,
            data: vec![Value::Array(keys.collect())],
        }
    }

    fn fetch(cache: &ClientCache, key: &str) -> Fetch {
        cache.look_up(key.as_bytes()).unwrap_err()
    }

    fn hold(cache: &ClientCache, key: &str, bytes: usize) {
        let fetch = fetch(cache, key);
        cache.fetched(key.as_bytes(), fetch, Some(vec![0; bytes]));
    }

    fn held(cache: &ClientCache, key: &str) -> Option<usize> {
        cache.look_up(key.as_bytes()).ok().map(|value| value.bytes)
    }

    fn count(cache: &ClientCache, name: FigureName) -> u64 {
        let mut tallies = cache.tallies().into_iter();
        tallies.find(|(figure, _)| *figure == name).unwrap().1
    }

    #[test]
    fn a_value_is_held_from_its_answer_until_its_invalidation() {
        let cache = ClientCache::new(100);
        hold(&cache, "a", 3);
        hold(&cache, "b", 5);
        assert_eq!((held(&cache, "a"), held(&cache, "b")), (Some(3), Some(5)));
        cache.note(&invalidation(&["a", "stranger"]));
        assert_eq!((held(&cache, "a"), held(&cache, "b")), (None, Some(5)));
        assert_eq!(count(&cache, steps::CLIENT_CACHE_INVALIDATIONS), 2);
    }

    #[test]
    fn an_answer_from_before_an_invalidation_is_not_kept() {
        let cache = ClientCache::new(100);
        let early = fetch(&cache, "a");
        cache.note(&invalidation(&["a"]));
        cache.fetched(b"a", early, Some(vec![0; 3]));
        assert_eq!(held(&cache, "a"), None);
    }

    #[test]
    fn of_two_fetches_at_once_the_answer_of_the_later_one_is_kept() {
        let cache = ClientCache::new(100);
        let (early, late) = (fetch(&cache, "a"), fetch(&cache, "a"));
        cache.fetched(b"a", early, Some(vec![0; 3]));
        cache.fetched(b"a", late, Some(vec![0; 5]));
        assert_eq!(held(&cache, "a"), Some(5));
        // A key that is not there is asked for again.
        let absent = fetch(&cache, "b");
        cache.fetched(b"b", absent, None);
        assert_eq!(held(&cache, "b"), None);
    }

    #[test]
    fn nothing_is_held_after_the_connection_ended_or_all_keys_were_removed() {
        for (kind, data) in [
            (PushKind::Disconnection, Vec::new()),
            (PushKind::Invalidate, vec![Value::Nil]),
        ] {
            let cache = ClientCache::new(100);
            hold(&cache, "a", 3);
            let open = fetch(&cache, "b");
            cache.note(&PushInfo { kind, data });
            cache.fetched(b"b", open, Some(vec![0; 3]));
            assert_eq!((held(&cache, "a"), held(&cache, "b")), (None, None));
        }
    }

    #[test]
    fn the_entry_that_was_used_least_recently_is_evicted() {
        // A single entry has a single part.
        let cache = ClientCache::new(1);
        hold(&cache, "a", 3);
        hold(&cache, "b", 5);
        assert_eq!(held(&cache, "b"), Some(5));
        assert_eq!(count(&cache, steps::CLIENT_CACHE_EVICTIONS), 1);
        assert_eq!(held(&cache, "a"), None);
    }
}
