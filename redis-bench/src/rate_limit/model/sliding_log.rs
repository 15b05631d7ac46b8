//! Sliding log: the time of each admitted request is kept for one window.

use std::collections::{HashMap, VecDeque};

use super::{LimiterModel, RateLimit};

/// Sliding log: admits a request if fewer than the limit were admitted in the window that ends with
/// it. A request that was admitted exactly one window ago no longer counts.
///
/// If the clock is set back, time stands still for a key until the clock reaches the key's last
/// admitted request again.
#[derive(Debug)]
pub(crate) struct SlidingLog {
    limit: RateLimit,
    /// Times of the last admitted requests of each key, in microseconds, oldest first; at most as
    /// many as the limit.
    logs: HashMap<u32, VecDeque<u64>>,
}

impl SlidingLog {
    /// Creates a limiter that has admitted nothing.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            logs: HashMap::new(),
        }
    }
}

impl LimiterModel for SlidingLog {
    fn admits(&self, key: u32, now_us: u64) -> bool {
        let Some(log) = self.logs.get(&key) else {
            return true;
        };
        let (Some(oldest), Some(newest)) = (log.front(), log.back()) else {
            return true;
        };
        let has_room = (log.len() as u64) < self.limit.allowed;
        has_room || oldest + self.limit.window_us <= now_us.max(*newest)
    }

    fn count(&mut self, key: u32, now_us: u64) {
        let log = self.logs.entry(key).or_default();
        let newest = log.back().copied().unwrap_or(now_us);
        log.push_back(now_us.max(newest));
        if log.len() as u64 > self.limit.allowed {
            log.pop_front();
        }
    }

    /// Cuts a span into windows, of which each holds no more than the limit.
    fn most_in(&self, span_us: u64) -> u64 {
        span_us
            .div_ceil(self.limit.window_us)
            .saturating_mul(self.limit.allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random_times::{assert_generous, assert_within_bound, limits};
    use super::*;

    #[test]
    fn it_admits_no_more_than_its_bound_and_no_less() {
        assert_within_bound(|limit| Box::new(SlidingLog::new(limit)));
        assert_generous(|limit| Box::new(SlidingLog::new(limit)));
    }

    #[test]
    fn room_comes_back_one_window_after_it_was_taken() {
        for limit in limits() {
            let mut model = SlidingLog::new(limit);
            for _ in 0..limit.allowed {
                assert!(model.decide(0, 500));
            }
            assert!(!model.decide(0, 500 + limit.window_us - 1));
            assert!(model.admits(1, 500), "another key has its own log");
            for _ in 0..limit.allowed {
                assert!(model.decide(0, 500 + limit.window_us));
            }
            assert!(!model.decide(0, 500 + limit.window_us));
            assert_eq!(model.most_in(0), 0);
            assert_eq!(model.most_in(limit.window_us), limit.allowed);
            assert_eq!(model.most_in(limit.window_us + 1), 2 * limit.allowed);
        }
    }

    #[test]
    fn time_stands_still_where_the_clock_goes_back() {
        let limit = limits()[0];
        let mut model = SlidingLog::new(limit);
        for at in (0..limit.allowed).rev() {
            assert!(model.decide(0, 1_000 + at));
        }
        // All of them count as at the time of the first, 1,000 + the limit − 1.
        let last = 1_000 + limit.allowed - 1;
        assert!(!model.admits(0, last + limit.window_us - 1));
        assert!(model.admits(0, last + limit.window_us));
    }
}
