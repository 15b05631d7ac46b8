//! Writes that were acknowledged, so that a replica's answer without the key can be told from a miss.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Instants until which the keys live that this process wrote, on the monotonic clock in nanoseconds; 0
/// for a key that it did not write.
#[derive(Debug)]
pub(super) struct KnownWrites(Vec<AtomicU64>);

impl KnownWrites {
    /// Creates the record of `keys` keys.
    pub(super) fn new(keys: u64) -> Self {
        Self((0..keys).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes an acknowledged write of the key at `index`, which was sent at `sent_ns` and lives for
    /// `life`. The server's own life of the key begins later, so that it ends later as well.
    pub(super) fn note(&self, index: u64, sent_ns: u64, life: Duration) {
        if let Some(until_ns) = self.0.get(index as usize) {
            let end_ns = sent_ns.saturating_add(life.as_nanos() as u64);
            until_ns.store(end_ns, Ordering::Relaxed);
        }
    }

    /// Returns the instant until which the key at `index` certainly lives. An answer without the key
    /// before then, to a read that is sent now, is stale.
    pub(super) fn lives_until_ns(&self, index: u64) -> u64 {
        let until_ns = self.0.get(index as usize);
        until_ns.map_or(0, |until_ns| until_ns.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_from_its_last_write_on_and_others_are_not_known() {
        let writes = KnownWrites::new(3);
        assert_eq!(writes.lives_until_ns(1), 0);
        writes.note(1, 5_000, Duration::from_micros(2));
        assert_eq!(writes.lives_until_ns(1), 7_000);
        writes.note(1, 6_000, Duration::from_micros(2));
        assert_eq!(writes.lives_until_ns(1), 8_000);
        writes.note(9, 5_000, Duration::from_micros(2));
        assert_eq!(writes.lives_until_ns(9), 0);
    }
}
