//! Course of the hit ratio over a step, and whether it still drifts.

use bench_report::names::load_series;
use bench_report::{Series, Step};
use statistics::mann_kendall;

use super::cache_work::READS;

/// Smallest change of the hit ratio, from 0 to 1, that is told as a drift.
pub(super) const DRIFT_BOUND: f64 = 0.01;
/// Largest p-value of the test for a trend at which a change is told as a drift.
const TREND_P_VALUE: f64 = 0.01;
/// Smallest number of intervals from which a drift is computed, that of the test for a trend.
const LEAST_INTERVALS: usize = 8;

/// Reads with an answer in each interval of a step's measured part, in the order of time.
#[derive(Debug, Default)]
pub(super) struct HitRatioCourse {
    intervals: Vec<IntervalReads>,
}

/// Reads with an answer in one interval.
#[derive(Debug, Clone, Copy)]
struct IntervalReads {
    hits: f64,
    misses: f64,
}

impl IntervalReads {
    fn hit_ratio(self) -> f64 {
        self.hits / (self.hits + self.misses)
    }
}

/// Change of the hit ratio from the first to the last third of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HitRatioDrift {
    /// Hit ratio in the first third of the intervals, from 0 to 1.
    pub(super) first: f64,
    /// Hit ratio in the last third of the intervals, from 0 to 1.
    pub(super) last: f64,
    /// True if the change is too large for chance and matters: it is a trend over all intervals,
    /// and above [`DRIFT_BOUND`].
    pub(super) is_certain: bool,
}

impl HitRatioDrift {
    /// Returns the last third's hit ratio less that of the first.
    pub(super) fn change(&self) -> f64 {
        self.last - self.first
    }
}

impl HitRatioCourse {
    /// Reads the course of `step` from the series of its report, in which reads of the operations `hits`
    /// found their key. Intervals without a read, and those that do not lie in the measured part, are
    /// left out.
    pub(super) fn of(step: &Step, series: &[Series], hits: &[&str]) -> Self {
        let of_operation = |operation: &&str| {
            let name = load_series::OPERATIONS_PER_S.of(operation);
            series.iter().find(|series| series.name == name)
        };
        let (found, others): (Vec<&str>, Vec<&str>) =
            READS.iter().partition(|read| hits.contains(read));
        let [found, others] =
            [found, others].map(|names| names.iter().filter_map(of_operation).collect::<Vec<_>>());
        let Some(first) = found.first().or(others.first()) else {
            return Self::default();
        };
        let window = &step.window;
        let mut intervals = Vec::new();
        let mut begin_ns = window.start_ns;
        for (n, end_ns) in first.at_ns.iter().copied().enumerate() {
            let length_ns = end_ns.saturating_sub(begin_ns);
            // The last interval may be read a little late.
            let is_measured = begin_ns >= window.measure_start_ns
                && end_ns <= window.measure_end_ns + length_ns / 10;
            begin_ns = begin_ns.max(end_ns);
            let both = [&found, &others].map(|series| per_s(series, n));
            let (true, [Some(hits), Some(misses)]) = (is_measured, both) else {
                continue;
            };
            if hits + misses > 0.0 {
                let seconds = length_ns as f64 / 1e9;
                intervals.push(IntervalReads {
                    hits: hits * seconds,
                    misses: misses * seconds,
                });
            }
        }
        Self { intervals }
    }

    /// Returns the change of the hit ratio over the step; `None` for fewer than eight intervals with
    /// reads.
    pub(super) fn drift(&self) -> Option<HitRatioDrift> {
        if self.intervals.len() < LEAST_INTERVALS {
            return None;
        }
        let third = self.intervals.len() / 3;
        let first = hit_ratio(&self.intervals[..third]);
        let last = hit_ratio(&self.intervals[self.intervals.len() - third..]);
        let ratios: Vec<f64> = self
            .intervals
            .iter()
            .map(|reads| reads.hit_ratio())
            .collect();
        let trend = mann_kendall(&ratios)?;
        Some(HitRatioDrift {
            first,
            last,
            is_certain: (last - first).abs() > DRIFT_BOUND && trend.p_value < TREND_P_VALUE,
        })
    }
}

/// Returns the sum of all `series` in the interval `n`; `None` if one of them has no reading.
fn per_s(series: &[&Series], n: usize) -> Option<f64> {
    let readings = series
        .iter()
        .map(|series| series.mean.get(n).copied().flatten());
    readings.sum()
}

/// Returns the hit ratio over all `intervals`.
fn hit_ratio(intervals: &[IntervalReads]) -> f64 {
    let whole = intervals.iter().fold((0.0, 0.0), |(hits, misses), reads| {
        (hits + reads.hits, misses + reads.misses)
    });
    whole.0 / (whole.0 + whole.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::cache_work::HITS;
    use bench_report::Window;
    use rand::rngs::SmallRng;
    use rand::{RngExt as _, SeedableRng as _};
    use test_support::empty_step;

    const SECOND: u64 = 1_000_000_000;

    /// Returns a step that is measured from second 102 to 112 after a warm-up of 2 s.
    fn step() -> Step {
        Step {
            window: Window {
                start_ns: 100 * SECOND,
                measure_start_ns: 102 * SECOND,
                measure_end_ns: 112 * SECOND,
                end_ns: 113 * SECOND,
            },
            ..empty_step("cache")
        }
    }

    /// Returns the series of hits and of misses in intervals of a quarter of a second until second
    /// 113, each a draw of `reads` reads with the hit ratio that `ratio` gives for its end, in
    /// seconds since the start of the measured part.
    fn series(seed: u64, reads: u64, ratio: impl Fn(f64) -> f64) -> [Series; 2] {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut both =
            ["get", "miss"].map(|name| Series::new(load_series::OPERATIONS_PER_S.of(name)));
        for quarter in 1..=52_u64 {
            let at_ns = 100 * SECOND + quarter * SECOND / 4;
            let ratio = ratio(quarter as f64 / 4.0 - 2.0);
            let hits = (0..reads)
                .filter(|_| random.random::<f64>() < ratio)
                .count() as u64;
            both[0].push(at_ns, Some(hits as f64 * 4.0));
            both[1].push(at_ns, Some((reads - hits) as f64 * 4.0));
        }
        both
    }

    #[test]
    fn only_the_measured_part_counts() {
        let series = series(1, 100, |second| f64::from((0.1..10.1).contains(&second)));
        let drift = HitRatioCourse::of(&step(), &series, &HITS).drift().unwrap();
        assert_eq!((drift.first, drift.last), (1.0, 1.0));
        assert!(!drift.is_certain);
    }

    #[test]
    fn a_transient_drifts_and_a_steady_ratio_does_not() {
        // The ratio falls from 1 to 0.6 as keys end that a step began with.
        let transient = |second: f64| 0.6 + 0.4 * (-second / 5.0).exp();
        for seed in 0..20 {
            let drift = HitRatioCourse::of(&step(), &series(seed, 75, transient), &HITS).drift();
            let drift = drift.unwrap();
            assert!(drift.is_certain && drift.change() < -0.1, "{drift:?}");
        }
        let of = |seed: u64| HitRatioCourse::of(&step(), &series(seed, 75, |_| 0.6), &HITS).drift();
        let drifts = (0..1_000).filter(|seed| of(*seed).unwrap().is_certain);
        let false_alarms = drifts.count();
        assert!(false_alarms <= 15, "{false_alarms} of 1,000");
        // A change of half a point is no drift, however certain it is.
        let small =
            HitRatioCourse::of(&step(), &series(1, 100_000, |s| 0.6 + 0.0007 * s), &HITS).drift();
        let small = small.unwrap();
        assert!(!small.is_certain && small.change() > 0.002, "{small:?}");
    }

    #[test]
    fn a_short_step_and_one_without_series_have_no_drift() {
        assert_eq!(HitRatioCourse::of(&step(), &[], &HITS).drift(), None);
        let mut short = step();
        short.window.measure_end_ns = 103 * SECOND + SECOND / 2;
        let of = |reads| HitRatioCourse::of(&short, &series(1, reads, |_| 0.6), &HITS).drift();
        assert_eq!(of(75), None, "six intervals");
        short.window.measure_end_ns = 112 * SECOND;
        assert_eq!(
            HitRatioCourse::of(&short, &series(1, 0, |_| 0.6), &HITS).drift(),
            None
        );
    }
}
