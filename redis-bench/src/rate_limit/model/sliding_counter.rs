//! Sliding window counter: an estimate of the sliding log from the counts of two windows.

use std::collections::HashMap;

use super::{LimiterModel, RateLimit};

/// Sliding window counter: admits a request if fewer than the limit are estimated in the window
/// that ends with it. The estimate is the count of this window of the clock, and of the previous
/// one the share that lies in that time, as if its requests had been evenly spread.
///
/// Source: Cloudflare, "How we built rate limiting capable of scaling to millions of domains",
/// 2017.
#[derive(Debug)]
pub(crate) struct SlidingCounter {
    limit: RateLimit,
    /// Admitted requests by key and by number of the window.
    counts: HashMap<(u32, u64), u64>,
}

impl SlidingCounter {
    /// Creates a limiter that has admitted nothing.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            counts: HashMap::new(),
        }
    }

    fn count_of(&self, key: u32, window: u64) -> u64 {
        self.counts.get(&(key, window)).copied().unwrap_or(0)
    }
}

impl LimiterModel for SlidingCounter {
    fn admits(&self, key: u32, now_us: u64) -> bool {
        let (allowed, length) = (self.limit.allowed, self.limit.window_us);
        let (window, past) = (now_us / length, now_us % length);
        let current = self.count_of(key, window);
        let previous = window.checked_sub(1);
        let previous = previous.map_or(0, |window| self.count_of(key, window));
        previous * (length - past) + current * length < allowed * length
    }

    fn count(&mut self, key: u32, now_us: u64) {
        let window = (key, now_us / self.limit.window_us);
        *self.counts.entry(window).or_default() += 1;
    }

    /// Adds what the windows of a span hold at most. With the limit L, the windows' length W and P
    /// requests in the previous window, the request after C others is admitted at the time e of its
    /// window if P·(W − e) + C·W < L·W. So both windows together hold fewer than L + P·e/W + 1
    /// until then, and P is at most L. A span holds most if its first microsecond is the last of a
    /// window: then its last two windows hold up to L + L·e/W, rounded up, and each one before them
    /// L.
    fn most_in(&self, span_us: u64) -> u64 {
        let (allowed, window) = (self.limit.allowed, self.limit.window_us);
        let Some(last) = span_us.checked_sub(2) else {
            return span_us * allowed;
        };
        let full = (last / window + 1).saturating_mul(allowed);
        full.saturating_add((allowed * (last % window)).div_ceil(window))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::random_times::{assert_within_bound, limits};
    use super::*;

    /// Sends requests at `at` until one is refused, and returns the number of those admitted.
    fn exhaust(model: &mut SlidingCounter, at: u64) -> u64 {
        let mut admitted = 0;
        while model.decide(0, at) {
            admitted += 1;
        }
        admitted
    }

    #[test]
    fn it_admits_no_more_than_its_bound() {
        assert_within_bound(|limit| Box::new(SlidingCounter::new(limit)));
    }

    #[test]
    fn the_previous_window_counts_by_the_share_that_is_left_of_it() {
        let limit = RateLimit::new(10, Duration::from_millis(1), 10).unwrap();
        // Requests of the first window, elapsed part of the second in µs, requests admitted then.
        let cases = [
            (10, 0, 0),
            (10, 1, 1),
            (10, 500, 5),
            (10, 501, 6),
            (10, 999, 10),
            (6, 0, 4),
            (6, 500, 7),
            (5, 500, 8),
            (0, 0, 10),
        ];
        for (before, elapsed, admitted) in cases {
            let mut model = SlidingCounter::new(limit);
            for _ in 0..before {
                assert!(model.decide(0, 3_999));
            }
            assert!(model.admits(1, 3_999), "another key has its own counts");
            let found = exhaust(&mut model, 4_000 + elapsed);
            assert_eq!(found, admitted, "{before} before, {elapsed} µs later");
            assert_eq!(exhaust(&mut model, 9_000), 10, "some windows later");
        }
    }

    /// A full window in its last microsecond, then a request in each microsecond, is the load for
    /// which the bound is reached.
    #[test]
    fn the_bound_is_reached_at_an_edge() {
        let limit = RateLimit::new(7, Duration::from_micros(1_009), 7).unwrap();
        let window = limit.window_us;
        let edge = 8 * window;
        let mut model = SlidingCounter::new(limit);
        let mut admitted = exhaust(&mut model, edge - 1);
        assert_eq!(admitted, model.most_in(1));
        for last in 0..3 * window {
            admitted += exhaust(&mut model, edge + last);
            assert_eq!(
                admitted,
                model.most_in(last + 2),
                "{last} µs after the edge"
            );
        }
        assert_eq!(model.most_in(window), 2 * limit.allowed);
    }

    #[test]
    fn the_largest_limits_do_not_overflow() {
        for limit in limits() {
            let model = SlidingCounter::new(limit);
            assert!(model.most_in(u64::MAX) > 0);
            assert_eq!(model.most_in(0), 0);
        }
        let limit = RateLimit::new(1 << 42, Duration::from_millis(1), 1).unwrap();
        let mut model = SlidingCounter::new(limit);
        for window in [1, 2] {
            model.counts.insert((0, window), 1 << 42);
        }
        assert!(!model.decide(0, 2_000));
        assert_eq!(
            model.most_in(1_000),
            (1 << 42) + ((1_u64 << 42) * 998).div_ceil(1_000)
        );
    }
}
