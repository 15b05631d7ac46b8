//! Random times of requests for tests of limiters, and the check of a model against its bound.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{LimiterModel, RateLimit};

/// Time of the first request, in microseconds since 1970: as a server's clock shows it.
const START_US: u64 = 1_800_000_000_000_000;
/// Number of random sequences of requests for each limit.
const SEQUENCES: u64 = 8;
/// Number of requests in a sequence.
const REQUESTS: usize = 2_000;

/// Random times of requests for one key, which never end. They come two to three times as often
/// as the limit allows, many in the same microsecond, with pauses that end at a window's edge, one
/// window later, or at any time.
#[derive(Debug)]
pub(crate) struct RandomTimes {
    limit: RateLimit,
    now_us: u64,
    random: SmallRng,
}

impl RandomTimes {
    /// Creates the sequence of times that belongs to `seed`.
    pub(crate) fn new(limit: RateLimit, seed: u64) -> Self {
        Self {
            limit,
            now_us: START_US,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Sets the clock back by up to half a window.
    pub(crate) fn set_back(&mut self) {
        self.now_us -= self.random.random_range(0..=self.limit.window_us / 2);
    }

    /// Returns the end of a pause: 2 µs around the next edge of a window, 1 µs around one window
    /// later, or up to three windows later.
    fn after_a_pause(&mut self) -> u64 {
        let window = self.limit.window_us;
        match self.random.random_range(0..3) {
            0 => {
                let edge = (self.now_us / window + 1) * window;
                self.now_us
                    .max(edge - 2 + self.random.random_range(0..=4_u64))
            }
            1 => self.now_us + window - 1 + self.random.random_range(0..=2_u64),
            _ => self.now_us + self.random.random_range(0..=3 * window),
        }
    }
}

impl Iterator for RandomTimes {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (allowed, window) = (self.limit.allowed, self.limit.window_us);
        self.now_us = if self.random.random_range(0..4 * allowed) == 0 {
            self.after_a_pause()
        } else if self.random.random::<bool>() {
            self.now_us
        } else {
            self.now_us + self.random.random_range(0..=window / (2 * allowed))
        };
        Some(self.now_us)
    }
}

/// Returns limits for tests, of which some divide the window unevenly or have a burst of another
/// size.
pub(super) fn limits() -> Vec<RateLimit> {
    [
        (10, 1_000_000, 10),
        (7, 1_000_003, 3),
        (1, 1_000, 1),
        (100, 60_000_000, 150),
    ]
    .map(|(allowed, window_us, burst)| {
        RateLimit::new(allowed, Duration::from_micros(window_us), burst).unwrap()
    })
    .to_vec()
}

/// Checks a model for random times and all of [`limits`]: in spans from a microsecond to some
/// windows, it admits no more than [`LimiterModel::most_in`] says.
pub(super) fn assert_within_bound(model: impl Fn(RateLimit) -> Box<dyn LimiterModel>) {
    for limit in limits() {
        for seed in 0..SEQUENCES {
            let mut model = model(limit);
            let mut times: Vec<u64> = RandomTimes::new(limit, seed).take(REQUESTS).collect();
            times.retain(|at| model.decide(0, *at));
            assert!(!times.is_empty() && times.len() < REQUESTS);
            for span in spans(limit) {
                let (most, bound) = (most_within(&times, span), model.most_in(span));
                assert!(most <= bound, "{limit:?}, {span} µs: {most} > {bound}");
            }
        }
    }
}

/// Checks a model for random times and all of [`limits`]: it refuses a request only if admitting it
/// would exceed [`LimiterModel::most_in`] for some span that ends with it.
pub(super) fn assert_generous(model: impl Fn(RateLimit) -> Box<dyn LimiterModel>) {
    for limit in limits() {
        for seed in 0..SEQUENCES {
            let mut model = model(limit);
            let mut admitted: Vec<u64> = Vec::new();
            for now in RandomTimes::new(limit, seed).take(REQUESTS) {
                if model.decide(0, now) {
                    admitted.push(now);
                    continue;
                }
                let mut spans = admitted.iter().rev().zip(2_u64..);
                let must = spans.any(|(first, count)| count > model.most_in(now - first + 1));
                assert!(must, "{limit:?}, {now}: refused without need");
            }
        }
    }
}

fn spans(limit: RateLimit) -> Vec<u64> {
    let window = limit.window_us;
    let mut spans = vec![1, 2, 3, window / limit.allowed, window / 2];
    for windows in 1..=3 {
        spans.extend([windows * window - 1, windows * window, windows * window + 1]);
    }
    spans
}

/// Returns the largest number of `times`, which never go back, in any `span_us` consecutive
/// microseconds.
fn most_within(times: &[u64], span_us: u64) -> u64 {
    let (mut first, mut most) = (0, 0);
    for (last, at) in times.iter().enumerate() {
        while times[first] + span_us <= *at {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most as u64
}
