//! Eviction policy: it remembers something about each key, and chooses the key that must go.

use std::fmt::Debug;

use rand::rngs::SmallRng;

use super::cached_keys::CachedKeys;

/// Policy by which a full cache removes keys. All times are in milliseconds from any beginning, and
/// never go back.
pub(crate) trait EvictionPolicy: Debug {
    /// State that the policy keeps with each key.
    type State: Copy + Debug;

    /// Returns the state of a key that is written at `at_ms` and was absent.
    fn added(&self, at_ms: u64) -> Self::State;

    /// Changes the state of a key that is read or written at `at_ms` and was present.
    fn accessed(&self, state: &mut Self::State, at_ms: u64, random: &mut SmallRng);

    /// Chooses one of `keys` for removal at `at_ms`; `None` if there is none.
    fn choose(
        &mut self,
        keys: &CachedKeys<Self::State>,
        at_ms: u64,
        random: &mut SmallRng,
    ) -> Option<u64>;
}
