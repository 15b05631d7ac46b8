//! Instants at which the load of a step was changed while it ran.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Value of a place that holds no instant.
const NEVER: u64 = u64::MAX;

/// Instants at which a load was changed, at most `MOST`, rising, in nanoseconds on
/// `CLOCK_MONOTONIC`. Clones share the same instants, so that every thread sees a change without a
/// lock.
#[derive(Debug, Clone)]
pub(super) struct ChangeInstants<const MOST: usize>(Arc<[AtomicU64; MOST]>);

impl<const MOST: usize> Default for ChangeInstants<MOST> {
    fn default() -> Self {
        Self(Arc::new([const { AtomicU64::new(NEVER) }; MOST]))
    }
}

impl<const MOST: usize> PartialEq for ChangeInstants<MOST> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<const MOST: usize> Eq for ChangeInstants<MOST> {}

impl<const MOST: usize> ChangeInstants<MOST> {
    /// Returns the instant of the first change, in nanoseconds on `CLOCK_MONOTONIC`; `u64::MAX` if
    /// there is none.
    pub(super) fn first_ns(&self) -> u64 {
        self.0
            .first()
            .map_or(NEVER, |at_ns| at_ns.load(Ordering::Relaxed))
    }

    /// Iterates over the instants of all changes, rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        let all = self.0.iter().map(|at_ns| at_ns.load(Ordering::Relaxed));
        all.take_while(|at_ns| *at_ns != NEVER)
    }

    /// Returns the number of changes at `instant_ns` or before, on `CLOCK_MONOTONIC`.
    pub(super) fn count_until(&self, instant_ns: u64) -> usize {
        self.iter().take_while(|at_ns| *at_ns <= instant_ns).count()
    }

    /// Adds the instant of a change, in nanoseconds on `CLOCK_MONOTONIC`, which must be later than
    /// all others. Does nothing if there are already `MOST` changes.
    pub(super) fn push(&self, at_ns: u64) {
        if let Some(free) = self.0.get(self.iter().count()) {
            free.store(at_ns, Ordering::Relaxed);
        }
    }
}
