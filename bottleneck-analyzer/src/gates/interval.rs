//! Uncertainty of a measured figure: the values between which the true one lies with 95 % confidence.
//!
//! The intervals of percentiles and shares hold for requests that do not influence each other. Real requests
//! do (a lock delays all behind it), so that the true uncertainty is at least this large.

use bench_report::{Histogram, Latency, Operation, Step};
use statistics::proportion_at_most;

/// Number of standard deviations on each side of the mean that hold 95 % of a normal distribution.
const DEVIATIONS: f64 = 1.96;

/// Confidence of one side of an interval that holds 95 %.
const ONE_SIDE: f64 = 0.975;

/// Lowest and highest value that a true figure may have.
pub(crate) type ValueInterval = (f64, f64);

/// Returns the interval of the quantile `q` of an operation's latency, in nanoseconds, from the
/// order statistics of its samples. `None` if the samples cannot be read.
pub(super) fn of_quantile(operation: &Operation, q: f64, samples: u64) -> Option<ValueInterval> {
    let apart = DEVIATIONS * (q * (1.0 - q) / samples.max(1) as f64).sqrt();
    let latency = Latency::from_operations([operation]).ok()?;
    let at = |q: f64| Some(latency.quantile(q.clamp(0.0, 1.0))?.ns as f64);
    Some((at(q - apart)?, at(q + apart)?))
}

/// Returns the interval of the mean of a histogram, in nanoseconds.
pub(super) fn of_mean(histogram: &Histogram) -> ValueInterval {
    let apart = DEVIATIONS * histogram.stdev_ns / (histogram.count.max(1) as f64).sqrt();
    let mean = histogram.mean_ns;
    ((mean - apart).max(0.0), mean + apart)
}

/// Returns the interval of the share of `seen` among `all` (Clopper and Pearson); `None` if `all` is
/// 0 or less than `seen`.
pub(crate) fn of_share(seen: u64, all: u64) -> Option<ValueInterval> {
    let rest = all.checked_sub(seen)?;
    let high = proportion_at_most(seen, all, ONE_SIDE)?;
    let low = 1.0 - proportion_at_most(rest, all, ONE_SIDE)?;
    Some((low.max(0.0), high))
}

/// Returns true if the bound `limit` of a share allows no exception at all: it asks what happened, not what may
/// happen, so that the measured share counts as exact.
pub(super) fn is_absolute(limit: f64) -> bool {
    limit <= 0.0 || limit >= 1.0
}

/// Returns the values between which the true share lies when it is compared with the bound `limit`: the
/// `interval`, widened to hold the measured `ratio`; only `ratio` without an interval or with an absolute bound.
pub(crate) fn around(ratio: f64, interval: Option<ValueInterval>, limit: f64) -> ValueInterval {
    let interval = interval.filter(|_| !is_absolute(limit));
    let (low, high) = interval.unwrap_or((ratio, ratio));
    (low.min(ratio), high.max(ratio))
}

/// Returns the interval of the hit ratio of a step of a cache: of the share of its reads that found their key.
/// `None` if no read was counted.
pub(crate) fn of_hits(step: &Step) -> Option<ValueInterval> {
    let hits = step.operations.get("get").map_or(0, |get| get.succeeded);
    // A read whose write-back failed is a miss, too.
    let misses = step.operations.get("miss");
    let misses = misses.map_or(0, |miss| miss.succeeded.saturating_add(miss.failures()));
    of_share(hits, hits.saturating_add(misses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_samples_the_narrower_the_interval() {
        let operation = |count: u64| {
            let mut recording = bench_report::histogram::recording();
            for i in 0..count {
                recording.saturating_record(1_000_000 + i * 1_000_000 / count);
            }
            Operation {
                call: Histogram::from_recording(&recording),
                ..Operation::default()
            }
        };
        let width = |count| {
            let (low, high) = of_quantile(&operation(count), 0.9, count).unwrap();
            assert!(low < 1.9e6 && 1.9e6 < high, "{count}: {low} {high}");
            high - low
        };
        assert!(width(10_000) < width(100) / 5.0);
    }

    #[test]
    fn a_bound_that_allows_no_exception_is_compared_with_what_happened() {
        let close = |found: ValueInterval, expected: ValueInterval| {
            let apart = (found.0 - expected.0).abs() + (found.1 - expected.1).abs();
            assert!(apart < 1e-12, "{found:?} {expected:?}");
        };
        close(around(0.3, Some((0.2, 0.4)), 0.5), (0.2, 0.4));
        close(around(0.3, None, 0.5), (0.3, 0.3));
        for limit in [0.0, 1.0] {
            assert!(is_absolute(limit));
            close(around(0.3, Some((0.2, 0.4)), limit), (0.3, 0.3));
        }
        for limit in [0.001, 0.999] {
            assert!(!is_absolute(limit));
        }
        // An interval that was computed from rounded counts may not hold the ratio.
        close(around(0.3, Some((0.31, 0.4)), 0.5), (0.3, 0.4));
        close(around(0.3, Some((0.2, 0.29)), 0.5), (0.2, 0.3));
    }

    #[test]
    fn a_share_that_never_occurred_may_still_occur() {
        let (low, high) = of_share(0, 100).unwrap();
        assert!(low.abs() < 1e-12 && high > 0.03, "{low} {high}");
        let (low, high) = of_share(100, 100).unwrap();
        assert!(low < 0.97 && (high - 1.0).abs() < 1e-12, "{low} {high}");
        assert_eq!((of_share(0, 0), of_share(2, 1)), (None, None));
    }
}
