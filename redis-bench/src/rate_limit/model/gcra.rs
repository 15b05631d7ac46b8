//! Generic cell rate algorithm (GCRA): one time for each key instead of a count.

use std::collections::HashMap;

use super::{LimiterModel, RateLimit};

/// Generic cell rate algorithm, as virtual scheduling: requests that come evenly are one interval
/// apart, the window ÷ `allowed`. Each key has the time at which its next request is due in that
/// order. A request is admitted if the end of its own interval is at most `burst` intervals ahead.
///
/// While the clock is not set back, its decisions are those of the token bucket. Source: ITU-T
/// Recommendation I.371 (2004), annex A.1.
#[derive(Debug)]
pub(crate) struct Gcra {
    limit: RateLimit,
    /// Time at which the next request of each key is due, in microseconds × `allowed`: in this unit
    /// an interval is as long as the window has microseconds, and nothing is rounded.
    due: HashMap<u32, u128>,
}

impl Gcra {
    /// Creates a limiter that has admitted nothing.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            due: HashMap::new(),
        }
    }

    fn scaled(&self, now_us: u64) -> u128 {
        u128::from(now_us) * u128::from(self.limit.allowed)
    }

    /// Returns the end of the interval of a request at `now_us`, in the unit of `due`.
    fn end_of_interval(&self, key: u32, now_us: u64) -> u128 {
        let due = self.due.get(&key).copied().unwrap_or(0);
        due.max(self.scaled(now_us)) + u128::from(self.limit.window_us)
    }
}

impl LimiterModel for Gcra {
    fn admits(&self, key: u32, now_us: u64) -> bool {
        let ahead = u128::from(self.limit.burst) * u128::from(self.limit.window_us);
        self.end_of_interval(key, now_us) <= self.scaled(now_us) + ahead
    }

    fn count(&mut self, key: u32, now_us: u64) {
        let end = self.end_of_interval(key, now_us);
        self.due.insert(key, end);
    }

    /// Adds the intervals that pass in a span to those that may be ahead of it.
    fn most_in(&self, span_us: u64) -> u64 {
        self.limit.burst_and_refill(span_us)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::random_times::{assert_generous, assert_within_bound, limits};
    use super::super::{RandomTimes, TokenBucket};
    use super::*;

    #[test]
    fn it_admits_no_more_than_its_bound_and_no_less() {
        assert_within_bound(|limit| Box::new(Gcra::new(limit)));
        assert_generous(|limit| Box::new(Gcra::new(limit)));
    }

    #[test]
    fn it_decides_as_a_token_bucket() {
        for limit in limits() {
            let (mut gcra, mut bucket) = (Gcra::new(limit), TokenBucket::new(limit));
            for at in RandomTimes::new(limit, 9).take(5_000) {
                assert_eq!(gcra.decide(0, at), bucket.decide(0, at), "{limit:?}, {at}");
            }
        }
    }

    #[test]
    fn requests_are_an_interval_apart_once_the_burst_is_used_up() {
        let limit = RateLimit::new(3, Duration::from_millis(1), 2).unwrap();
        let mut model = Gcra::new(limit);
        let cases = [
            (5_000, true),
            (5_000, true),
            (5_000, false),
            (5_333, false),
            (5_334, true),
            (5_666, false),
            (5_667, true),
            (4_000, false),
        ];
        for (at, admitted) in cases {
            assert_eq!(model.decide(0, at), admitted, "at {at} µs");
        }
        assert!(model.admits(1, 4_000), "another key has its own time");
    }
}
