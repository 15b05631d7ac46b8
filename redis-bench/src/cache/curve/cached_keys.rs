//! Keys in a simulated cache, of which any few can be drawn at random.

use std::collections::HashMap;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::index;

/// Key in a simulated cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachedKey<S> {
    /// Number that stands for the key.
    pub(crate) key: u64,
    /// Time at which the key expires, in milliseconds; `None` for never.
    pub(crate) expires_ms: Option<u64>,
    /// State that the eviction policy keeps with the key.
    pub(crate) state: S,
}

/// Set of keys.
#[derive(Debug)]
pub(crate) struct CachedKeys<S> {
    entries: Vec<CachedKey<S>>,
    /// Index in `entries` by the number of the key.
    places: HashMap<u64, usize>,
}

impl<S> CachedKeys<S> {
    /// Creates an empty set.
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Returns the number of keys.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if the set holds `key`.
    pub(crate) fn contains(&self, key: u64) -> bool {
        self.places.contains_key(&key)
    }

    /// Returns `key` with its state; `None` if the set does not hold it.
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut CachedKey<S>> {
        let place = *self.places.get(&key)?;
        self.entries.get_mut(place)
    }

    /// Adds a key that the set does not hold.
    pub(crate) fn add(&mut self, added: CachedKey<S>) {
        self.places.insert(added.key, self.entries.len());
        self.entries.push(added);
    }

    /// Removes `key`. Returns false if the set does not hold it.
    pub(crate) fn remove(&mut self, key: u64) -> bool {
        let Some(place) = self.places.remove(&key) else {
            return false;
        };
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.key, place);
        }
        true
    }

    /// Draws `count` different keys, each as likely as any other; all keys if there are fewer.
    pub(crate) fn sample(
        &self,
        count: usize,
        random: &mut SmallRng,
    ) -> impl Iterator<Item = &CachedKey<S>> {
        let count = count.min(self.len());
        let places = index::sample(random, self.len(), count);
        places.into_iter().map(|place| &self.entries[place])
    }

    /// Draws a key; `None` if there is none.
    pub(crate) fn draw(&self, random: &mut SmallRng) -> Option<&CachedKey<S>> {
        let keys = self.len();
        (keys > 0).then(|| &self.entries[random.random_range(0..keys)])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    fn keys(numbers: impl IntoIterator<Item = u64>) -> CachedKeys<()> {
        let mut keys = CachedKeys::new();
        for key in numbers {
            keys.add(CachedKey {
                key,
                expires_ms: None,
                state: (),
            });
        }
        keys
    }

    #[test]
    fn removed_keys_are_gone_and_the_others_stay() {
        let mut keys = keys(0..10);
        for gone in [9, 0, 4] {
            assert!(keys.remove(gone));
            assert!(!keys.remove(gone));
        }
        let left: Vec<u64> = (0..10).filter(|key| keys.contains(*key)).collect();
        assert_eq!(left, [1, 2, 3, 5, 6, 7, 8]);
        assert_eq!(keys.len(), 7);
        for key in left {
            assert_eq!(keys.get_mut(key).map(|found| found.key), Some(key));
        }
    }

    #[test]
    fn samples_have_no_key_twice_and_favour_none() {
        let keys = keys(0..20);
        let mut random = SmallRng::seed_from_u64(5);
        let mut counts = [0; 20];
        for _ in 0..10_000 {
            let sample: BTreeSet<u64> =
                keys.sample(5, &mut random).map(|found| found.key).collect();
            assert_eq!(sample.len(), 5);
            for key in sample {
                counts[key as usize] += 1;
            }
        }
        // The standard deviation of each count is 43.
        assert!(
            counts.iter().all(|n| (2_250..2_750).contains(n)),
            "{counts:?}"
        );
        assert_eq!(keys.sample(100, &mut random).count(), 20);
        assert!(keys.draw(&mut random).is_some());
        assert!(CachedKeys::<()>::new().draw(&mut random).is_none());
    }
}
