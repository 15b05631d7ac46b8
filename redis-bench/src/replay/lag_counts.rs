//! Lag of a replay behind the instants of its trace, counted by all users of a step.

use std::sync::atomic::{AtomicU64, Ordering};

/// Lag above which a request counts as late, in nanoseconds.
pub(super) const LATE_NS: u64 = 10_000_000;

/// Lag of the requests of a step behind the instants of the trace. It lasts until a request begins.
#[derive(Debug, Default)]
pub(super) struct LagCounts {
    begun: AtomicU64,
    late: AtomicU64,
    longest_ns: AtomicU64,
}

impl LagCounts {
    /// Counts a request that begins so many nanoseconds after its instant.
    pub(super) fn count(&self, lag_ns: u64) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        if lag_ns > LATE_NS {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
        if lag_ns > self.longest_ns.load(Ordering::Relaxed) {
            self.longest_ns.fetch_max(lag_ns, Ordering::Relaxed);
        }
    }

    /// Returns the number of requests that began, that of those that began late, and the longest lag
    /// in nanoseconds.
    pub(super) fn read(&self) -> (u64, u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.begun), of(&self.late), of(&self.longest_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_late_if_it_begins_long_after_its_instant() {
        let counts = LagCounts::default();
        for lag_ns in [0, LATE_NS, LATE_NS + 1, 90_000_000] {
            counts.count(lag_ns);
        }
        assert_eq!(counts.read(), (4, 2, 90_000_000));
    }
}
