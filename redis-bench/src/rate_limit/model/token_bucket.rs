//! Token bucket: tokens come back evenly, and each admitted request takes one.

use std::collections::HashMap;

use super::{LimiterModel, RateLimit};

/// Token bucket: holds up to `burst` tokens and gets `allowed` of them in a window, evenly. A
/// request is admitted if there is a whole token, which it takes.
///
/// A token is counted in as many parts as the window has microseconds, so that each microsecond
/// adds `allowed` parts and nothing is rounded. If the clock is set back, nothing is added until it
/// reaches the time of the last admitted request again.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    limit: RateLimit,
    buckets: HashMap<u32, Bucket>,
}

/// Content of a bucket after the last request that was admitted from it.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    parts: u64,
    at_us: u64,
}

impl TokenBucket {
    /// Creates a limiter whose buckets are full.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            buckets: HashMap::new(),
        }
    }

    fn bucket(&self, key: u32, now_us: u64) -> Bucket {
        let full = self.limit.burst * self.limit.window_us;
        let Some(last) = self.buckets.get(&key) else {
            return Bucket {
                parts: full,
                at_us: now_us,
            };
        };
        let at_us = now_us.max(last.at_us);
        let added = (at_us - last.at_us).saturating_mul(self.limit.allowed);
        Bucket {
            parts: last.parts.saturating_add(added).min(full),
            at_us,
        }
    }
}

impl LimiterModel for TokenBucket {
    fn admits(&self, key: u32, now_us: u64) -> bool {
        self.bucket(key, now_us).parts >= self.limit.window_us
    }

    fn count(&mut self, key: u32, now_us: u64) {
        let mut bucket = self.bucket(key, now_us);
        bucket.parts = bucket.parts.saturating_sub(self.limit.window_us);
        self.buckets.insert(key, bucket);
    }

    /// Adds the tokens that come back in a span to a full bucket.
    fn most_in(&self, span_us: u64) -> u64 {
        self.limit.burst_and_refill(span_us)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::random_times::{assert_generous, assert_within_bound};
    use super::*;

    #[test]
    fn it_admits_no_more_than_its_bound_and_no_less() {
        assert_within_bound(|limit| Box::new(TokenBucket::new(limit)));
        assert_generous(|limit| Box::new(TokenBucket::new(limit)));
    }

    #[test]
    fn tokens_come_back_one_by_one_up_to_the_burst() {
        // 3 tokens in 1,000 µs: one after 333⅓ µs.
        let limit = RateLimit::new(3, Duration::from_millis(1), 2).unwrap();
        let mut model = TokenBucket::new(limit);
        // Time, and whether a request is admitted then.
        let cases = [
            (0, true),
            (0, true),
            (0, false),
            (333, false),
            (334, true),
            (666, false),
            (667, true),
            (999, false),
            (1_000, true),
            (9_000, true),
            (9_000, true),
            (9_000, false),
            (8_000, false),
            (9_333, false),
            (9_334, true),
        ];
        for (at, admitted) in cases {
            assert_eq!(model.decide(0, at), admitted, "at {at} µs");
        }
        assert!(model.admits(1, 0), "another key has its own bucket");
    }
}
