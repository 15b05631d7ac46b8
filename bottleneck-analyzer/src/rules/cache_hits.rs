//! Hits and misses of a cache in the chosen step, as the rules `low_hit_ratio` and `evictions` judge them.

use bench_report::Step;
use bench_report::names::steps;

use crate::bench_facts::BenchFacts;
use crate::gates::interval;

/// Smallest difference of two hit ratios, from 0 to 1, that is more than noise.
const NOISE: f64 = 0.02;

/// Hit ratio of a cache in the chosen step, with its bound. All figures are shares from 0 to 1.
pub(super) struct HitRatio {
    pub(super) ratio: f64,
    /// Smallest and largest value that the true ratio may have.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Smallest ratio that the objective allows.
    pub(super) least: f64,
}

impl HitRatio {
    /// Returns the hit ratio of the chosen step; `None` if it was not measured.
    pub(super) fn of(bench: &BenchFacts<'_>) -> Option<Self> {
        let (_, step) = bench.operating_step()?;
        let ratio = step.value(steps::HIT_RATIO)?;
        let least = bench.objectives().cache_hit_ratio;
        let (low, high) = interval::around(ratio, interval::of_hits(step), least);
        Some(Self {
            ratio,
            low,
            high,
            least,
        })
    }

    /// Returns true if the true ratio is certainly below the bound.
    pub(super) fn is_below(&self) -> bool {
        self.high < self.least
    }

    /// Returns how far the true ratio may be above the measured one; at least [`NOISE`].
    pub(super) fn noise(&self) -> f64 {
        (self.high - self.ratio).max(NOISE)
    }

    /// Returns true if the true ratio is certainly not below the bound.
    pub(super) fn is_within(&self) -> bool {
        self.low >= self.least
    }
}

/// Returns the number of answered reads of a cache in `step`, and the number of misses among them; `None` if
/// there were no reads.
pub(super) fn reads(step: &Step) -> Option<(f64, f64)> {
    let count = |name: &str| step.operations.get(name).map_or(0, |o| o.succeeded) as f64;
    let (hits, misses) = (count("get"), count("miss"));
    (hits + misses > 0.0).then_some((hits + misses, misses))
}

/// Returns the share of the time of all reads, from 0 to 1, that was spent in misses; `None` if
/// hits or misses were not timed.
pub(super) fn miss_share(step: &Step) -> Option<f64> {
    let time = |name: &str| {
        let operation = step.operations.get(name)?;
        Some(operation.latency()?.mean_ns * operation.succeeded as f64)
    };
    let misses = time("miss")?;
    Some(misses / (misses + time("get")?))
}

#[cfg(test)]
mod tests {
    use bench_report::histogram::recording;
    use bench_report::{Histogram, Operation};
    use test_support::empty_step;

    use super::*;

    /// Creates a step with operations, each with its name, its number of answers, and their time if it was taken,
    /// in nanoseconds.
    fn step(operations: &[(&str, u64, Option<u64>)]) -> Step {
        let mut step = empty_step("cache");
        for (name, succeeded, ns) in operations {
            let mut times = recording();
            times.saturating_record_n(ns.unwrap_or(1), *succeeded);
            let operation = Operation {
                attempted: *succeeded,
                succeeded: *succeeded,
                call: ns.and_then(|_| Histogram::from_recording(&times)),
                ..Operation::default()
            };
            step.operations.insert((*name).to_owned(), operation);
        }
        step
    }

    #[test]
    fn misses_take_their_time_by_their_number_of_that_of_all_reads() {
        let hits = ("get", 6, Some(1_000_000));
        // 2 × 4 ms of 6 × 1 ms + 2 × 4 ms; the writes do not count.
        let reads = step(&[
            hits,
            ("miss", 2, Some(4_000_000)),
            ("set", 9, Some(9_000_000)),
        ]);
        let share = miss_share(&reads).unwrap();
        assert!((share - 8.0 / 14.0).abs() < 0.001, "{share}");
        for unknown in [
            step(&[hits]),
            step(&[hits, ("miss", 2, None)]),
            step(&[("get", 6, None), ("miss", 2, Some(4_000_000))]),
        ] {
            assert_eq!(miss_share(&unknown), None);
        }
    }

    #[test]
    fn reads_are_hits_and_misses_together() {
        let both = step(&[("get", 6, None), ("miss", 2, None), ("set", 9, None)]);
        assert_eq!(reads(&both), Some((8.0, 2.0)));
        assert_eq!(reads(&step(&[("set", 9, None)])), None);
    }
}
