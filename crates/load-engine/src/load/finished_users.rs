//! Users of a step who have received the answer to their last request.

use std::sync::atomic::{AtomicU64, Ordering};

/// Number of users whose last request has finished, with the latest end of these requests.
#[derive(Debug, Default)]
pub(crate) struct FinishedUsers {
    count: AtomicU64,
    last_ns: AtomicU64,
}

impl FinishedUsers {
    /// Counts a user whose last request finished at `at_ns`, in nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) fn add(&self, at_ns: u64) {
        self.last_ns.fetch_max(at_ns, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Returns the instant at which the last request of all `users` finished, in nanoseconds on
    /// `CLOCK_MONOTONIC`; `None` while fewer users have finished.
    pub(crate) fn last_ns(&self, users: u64) -> Option<u64> {
        let all = self.count.load(Ordering::Acquire) >= users;
        all.then(|| self.last_ns.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_all_users_ends_the_load_whoever_is_counted_last() {
        let finished = FinishedUsers::default();
        finished.add(30);
        assert_eq!(finished.last_ns(2), None);
        finished.add(20);
        assert_eq!(finished.last_ns(2), Some(30));
    }
}
