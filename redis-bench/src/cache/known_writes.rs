//! Writes that were acknowledged, so that an answer without the key, or with an older value, can be told
//! from one that is right.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Last acknowledged write of each key by this process.
#[derive(Debug)]
pub(super) struct KnownWrites(Vec<KnownWrite>);

/// Last acknowledged write of one key, in instants on the monotonic clock in nanoseconds; 0 without one.
#[derive(Debug, Default)]
struct KnownWrite {
    /// Instant at which the write was sent.
    sent: AtomicU64,
    /// Instant until which the key certainly lives.
    until: AtomicU64,
    /// Instant from which on it certainly lives no more.
    over: AtomicU64,
}

impl KnownWrites {
    /// Creates the record of `keys` keys.
    pub(super) fn new(keys: u64) -> Self {
        Self((0..keys).map(|_| KnownWrite::default()).collect())
    }

    /// Notes a write of the key at `index`, which was sent and acknowledged at these instants, in
    /// nanoseconds, and lives for `life`. The server's own life of the key begins between the two.
    pub(super) fn note(&self, index: u64, (sent_ns, acknowledged_ns): (u64, u64), life: Duration) {
        if let Some(known) = self.0.get(index as usize) {
            let life_ns = life.as_nanos() as u64;
            let end = |begin_ns: u64| begin_ns.saturating_add(life_ns);
            known.until.store(end(sent_ns), Ordering::Relaxed);
            known.over.store(end(acknowledged_ns), Ordering::Relaxed);
            known.sent.fetch_max(sent_ns, Ordering::Relaxed);
        }
    }

    /// Returns true if a value of the key at `index` that was read at `read_ns` is certainly not valid at
    /// `now_ns`: a write that was acknowledged replaced it, or its life is over.
    pub(super) fn is_outdated(&self, index: u64, read_ns: u64, now_ns: u64) -> bool {
        let Some(known) = self.0.get(index as usize) else {
            return false;
        };
        let over_ns = known.over.load(Ordering::Relaxed);
        known.sent.load(Ordering::Relaxed) > read_ns || (over_ns > 0 && over_ns < now_ns)
    }

    /// Returns the instant until which the key at `index` certainly lives. An answer without the key
    /// before then, to a read that is sent now, is stale.
    pub(super) fn lives_until_ns(&self, index: u64) -> u64 {
        let known = self.0.get(index as usize);
        known.map_or(0, |known| known.until.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_from_its_last_write_on_and_others_are_not_known() {
        let writes = KnownWrites::new(3);
        assert_eq!(writes.lives_until_ns(1), 0);
        writes.note(1, (5_000, 5_500), Duration::from_micros(2));
        assert_eq!(writes.lives_until_ns(1), 7_000);
        writes.note(1, (6_000, 6_500), Duration::from_micros(2));
        assert_eq!(writes.lives_until_ns(1), 8_000);
        writes.note(9, (5_000, 5_500), Duration::from_micros(2));
        assert_eq!(writes.lives_until_ns(9), 0);
    }

    #[test]
    fn a_value_is_outdated_by_a_later_write_and_by_the_end_of_its_life() {
        let writes = KnownWrites::new(3);
        assert!(!writes.is_outdated(1, 0, 9_000));
        writes.note(1, (5_000, 5_500), Duration::from_micros(2));
        // A later acknowledgement of an earlier write changes nothing.
        writes.note(1, (4_000, 5_800), Duration::from_micros(2));
        assert!(writes.is_outdated(1, 4_500, 6_000));
        assert!(
            !writes.is_outdated(1, 5_000, 6_000),
            "the order is not known"
        );
        assert!(!writes.is_outdated(2, 4_500, 6_000));
        // Its life began at 5,800 at the latest.
        assert!(!writes.is_outdated(1, 6_000, 7_800));
        assert!(writes.is_outdated(1, 6_000, 7_801));
    }
}
