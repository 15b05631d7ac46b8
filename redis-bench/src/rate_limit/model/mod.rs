//! Reference models of rate limiters: the decisions that each algorithm must make, in exact
//! arithmetic on whole microseconds. A script on the server is right if its decisions are those of
//! its model at the same times and in the same order.

mod fixed_window;
mod gcra;
#[cfg(test)]
mod random_times;
mod sliding_counter;
mod sliding_log;
mod token_bucket;

use std::fmt::{self, Debug};
use std::time::Duration;

use bench_cli::UsageError;

pub(crate) use fixed_window::FixedWindow;
pub(crate) use gcra::Gcra;
#[cfg(test)]
pub(crate) use random_times::RandomTimes;
pub(crate) use sliding_counter::SlidingCounter;
pub(crate) use sliding_log::SlidingLog;
pub(crate) use token_bucket::TokenBucket;

/// Shortest window. Redis lets keys expire in whole milliseconds.
const SHORTEST_WINDOW: Duration = Duration::from_millis(1);
/// Largest number of requests × microseconds of the window. The scripts add two such products, and
/// their numbers are exact below 2⁵³.
const LARGEST_PRODUCT: u128 = 1 << 52;

/// Limit of the requests for each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    allowed: u64,
    window_us: u64,
    burst: u64,
}

impl RateLimit {
    /// Creates the limit of `allowed` requests in each `window`. Token bucket and GCRA admit up to
    /// `burst` requests at once; the other algorithms do not use it.
    ///
    /// # Errors
    /// Fails if no request is allowed, if the window is shorter than a millisecond or no whole
    /// number of microseconds, or if the scripts could not calculate exactly with such numbers.
    pub(crate) fn new(allowed: u64, window: Duration, burst: u64) -> Result<Self, UsageError> {
        if allowed == 0 || burst == 0 {
            let text = "a limit of 0 requests admits nothing; allow at least 1";
            return Err(UsageError(text.to_owned()));
        }
        if window < SHORTEST_WINDOW || !window.subsec_nanos().is_multiple_of(1_000) {
            let text = "a window is at least 1ms long, and whole microseconds";
            return Err(UsageError(text.to_owned()));
        }
        let most = u128::from(allowed.max(burst));
        if most.saturating_mul(window.as_micros()) > LARGEST_PRODUCT {
            return Err(UsageError(format!(
                "the scripts cannot calculate exactly with {most} requests in a window of \
                 {window:?}; allow fewer requests or use a shorter window"
            )));
        }
        Ok(Self {
            allowed,
            window_us: window.as_micros() as u64,
            burst,
        })
    }

    /// Returns the number of requests that are allowed in a window.
    pub(crate) fn allowed(&self) -> u64 {
        self.allowed
    }

    /// Returns the length of the window, in microseconds.
    pub(crate) fn window_us(&self) -> u64 {
        self.window_us
    }

    /// Returns the number of requests that token bucket and GCRA admit at once.
    pub(crate) fn burst(&self) -> u64 {
        self.burst
    }

    /// Returns the largest number of requests in any `span_us` consecutive microseconds for a
    /// limiter that starts with `burst` tokens and gets `allowed` of them in a window, evenly.
    /// Between the first and the last of these microseconds pass `span_us` − 1.
    fn burst_and_refill(&self, span_us: u64) -> u64 {
        let Some(passed) = span_us.checked_sub(1) else {
            return 0;
        };
        let refill = u128::from(passed) * u128::from(self.allowed) / u128::from(self.window_us);
        u64::try_from(refill).map_or(u64::MAX, |tokens| tokens.saturating_add(self.burst))
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = Duration::from_micros(self.window_us);
        write!(f, "{}/{window:?}", self.allowed)
    }
}

/// Decisions of a rate limiter, for any number of keys that share a limit. Each key is counted on
/// its own.
pub(crate) trait LimiterModel: Debug {
    /// Returns true if a request for `key` at `now_us` would be admitted. Changes nothing.
    fn admits(&self, key: u32, now_us: u64) -> bool;

    /// Counts a request for `key` at `now_us` that the limiter admits.
    fn count(&mut self, key: u32, now_us: u64);

    /// Decides about a request for `key` at `now_us`, and counts it if it is admitted. Returns true
    /// if it is. The time may be before that of an earlier decision, as when a clock is set back.
    fn decide(&mut self, key: u32, now_us: u64) -> bool {
        let admitted = self.admits(key, now_us);
        if admitted {
            self.count(key, now_us);
        }
        admitted
    }

    /// Returns the largest number of requests that are admitted for a key in any `span_us`
    /// consecutive microseconds, if the time of its decisions never goes back.
    fn most_in(&self, span_us: u64) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_the_scripts_cannot_keep_is_refused() {
        let second = Duration::from_secs(1);
        assert!(RateLimit::new(100, second, 250).is_ok());
        assert!(RateLimit::new(1, SHORTEST_WINDOW, 1).is_ok());
        let refused = [
            (0, second, 1),
            (1, second, 0),
            (1, Duration::from_micros(999), 1),
            (1, Duration::new(1, 500), 1),
            (u64::MAX, Duration::from_secs(u64::MAX), 1),
            (1, second, (1 << 52) / 1_000_000 + 1),
        ];
        for (allowed, window, burst) in refused {
            let limit = RateLimit::new(allowed, window, burst);
            assert!(limit.is_err(), "{limit:?}");
        }
    }

    #[test]
    fn a_refill_never_overflows() {
        let limit = RateLimit::new(1_000, SHORTEST_WINDOW, 5).unwrap();
        assert_eq!(limit.burst_and_refill(0), 0);
        assert_eq!(limit.burst_and_refill(1), 5);
        assert_eq!(limit.burst_and_refill(3), 7);
        assert_eq!(limit.burst_and_refill(u64::MAX), u64::MAX);
    }
}
