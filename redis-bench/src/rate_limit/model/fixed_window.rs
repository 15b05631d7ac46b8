//! Fixed window: each window of the clock has a count of its own.

use std::collections::HashMap;

use super::{LimiterModel, RateLimit};

/// Fixed window: admits the first requests of each window, whose edges are at whole multiples of
/// its length. Requests before and after an edge may add up to twice the limit in any short time.
#[derive(Debug)]
pub(crate) struct FixedWindow {
    limit: RateLimit,
    /// Admitted requests by key and by number of the window.
    counts: HashMap<(u32, u64), u64>,
}

impl FixedWindow {
    /// Creates a limiter that has admitted nothing.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            counts: HashMap::new(),
        }
    }
}

impl LimiterModel for FixedWindow {
    fn admits(&self, key: u32, now_us: u64) -> bool {
        let window = (key, now_us / self.limit.window_us);
        let count = self.counts.get(&window).copied().unwrap_or(0);
        count < self.limit.allowed
    }

    fn count(&mut self, key: u32, now_us: u64) {
        let window = (key, now_us / self.limit.window_us);
        *self.counts.entry(window).or_default() += 1;
    }

    /// Counts the windows that a span touches at most, if its first microsecond is the last of a
    /// window. Each may be full.
    fn most_in(&self, span_us: u64) -> u64 {
        let Some(after_the_first) = span_us.checked_sub(1) else {
            return 0;
        };
        let windows = after_the_first.div_ceil(self.limit.window_us) + 1;
        windows.saturating_mul(self.limit.allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random_times::{assert_within_bound, limits};
    use super::*;

    #[test]
    fn it_admits_no_more_than_its_bound() {
        assert_within_bound(|limit| Box::new(FixedWindow::new(limit)));
    }

    #[test]
    fn twice_the_limit_passes_at_an_edge() {
        for limit in limits() {
            let mut model = FixedWindow::new(limit);
            let edge = 5 * limit.window_us;
            for at in [edge - 1, edge] {
                for _ in 0..limit.allowed {
                    assert!(model.decide(0, at));
                }
                assert!(!model.decide(0, at));
                assert!(model.admits(1, at), "another key has its own count");
            }
            assert!(!model.admits(0, edge + limit.window_us - 1));
            assert!(model.admits(0, edge + limit.window_us));
            assert_eq!(model.most_in(1), limit.allowed);
            assert_eq!(model.most_in(2), 2 * limit.allowed);
            assert_eq!(model.most_in(limit.window_us + 1), 2 * limit.allowed);
            assert_eq!(model.most_in(limit.window_us + 2), 3 * limit.allowed);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_finds_the_count_of_that_window() {
        let limit = limits()[1];
        let mut model = FixedWindow::new(limit);
        for at in [0, limit.window_us] {
            for _ in 0..limit.allowed {
                assert!(model.decide(0, at));
            }
        }
        assert!(!model.admits(0, limit.window_us - 1));
    }
}
