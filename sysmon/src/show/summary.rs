//! Summary figures of a whole series: extremes, mean and percentiles.

use bench_report::Series;
use serde::Serialize;
use statistics::{median, percentile_sorted};

use crate::rolling::POINTS;

/// Number of points below which a series whose extremes equal its means is taken not to be rolled
/// up: rolling up leaves at least twice as many in a recording with few series.
const FEWER_THAN_ROLLED_UP: usize = POINTS / 2;

/// Extremes, mean and percentiles of one series, in the unit of the series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct SeriesSummary {
    /// Number of points with a reading, from which the percentiles are computed.
    pub(crate) points: u64,
    /// Number of samples of which a point is the mean, a power of two; 1 if each point is one
    /// sample.
    pub(crate) samples_per_point: u64,
    /// Share of points, or of ticks for raw samples, without a reading; 0 to 1.
    pub(crate) missing_ratio: f64,
    /// Lowest sample, even if the points are means of several samples.
    pub(crate) min: f64,
    /// Mean of all samples; of a report's series it is the mean of the points, of which the last
    /// may count less.
    pub(crate) mean: f64,
    /// Median of the points that have a reading.
    pub(crate) p50: f64,
    /// 95th percentile of the points that have a reading.
    pub(crate) p95: f64,
    /// 99th percentile of the points that have a reading.
    pub(crate) p99: f64,
    /// Highest sample, even if the points are means of several samples.
    pub(crate) max: f64,
}

impl SeriesSummary {
    /// Summarizes a series of a report from its points. `interval_ns` is the time between samples,
    /// in nanoseconds, from which the number of samples of a point follows; `None` if it is
    /// unknown. Returns `None` if no point has a reading.
    pub(crate) fn of_points(series: &Series, interval_ns: Option<u64>) -> Option<Self> {
        let samples_per_point = samples_per_point(series, interval_ns);
        let mut means: Vec<f64> = series.mean.iter().flatten().copied().collect();
        let min = series.min.iter().flatten().copied().reduce(f64::min)?;
        let max = series.max.iter().flatten().copied().reduce(f64::max)?;
        // In a recording that is still running, the last point may stand for fewer samples.
        let last_weight = weight_of_last(&series.at_ns, interval_ns, samples_per_point);
        let last = series.mean.last().copied().flatten();
        let lacking = last.map_or(0.0, |_| 1.0 - last_weight);
        let sum = means.iter().sum::<f64>() - last.unwrap_or(0.0) * lacking;
        let mean = sum / (means.len() as f64 - lacking);
        means.sort_by(f64::total_cmp);
        // An empty point at the beginning only marks the start of the first rate.
        let begins = matches!(series.mean[..], [None, Some(_), ..]);
        let expected = series.mean.len() - usize::from(begins);
        Some(Self {
            points: means.len() as u64,
            samples_per_point,
            missing_ratio: 1.0 - means.len() as f64 / expected.max(1) as f64,
            min,
            mean,
            max,
            ..Self::percentiles(&means)?
        })
    }

    /// Summarizes raw samples, of which one was expected in each of `ticks` ticks. Samples that are
    /// not finite are ignored; `None` if no other remains.
    pub(crate) fn of_samples(mut samples: Vec<f64>, ticks: u64) -> Option<Self> {
        samples.retain(|sample| sample.is_finite());
        samples.sort_by(f64::total_cmp);
        let count = samples.len() as u64;
        Some(Self {
            missing_ratio: 1.0 - count as f64 / ticks.max(count).max(1) as f64,
            mean: samples.iter().sum::<f64>() / count as f64,
            ..Self::percentiles(&samples)?
        })
    }

    /// Computes extremes and percentiles of values in ascending order; the caller sets the mean and
    /// the missing share, which are 0. `None` if there are no values.
    fn percentiles(sorted: &[f64]) -> Option<Self> {
        let percentile = |q| percentile_sorted(sorted, q);
        Some(Self {
            points: sorted.len() as u64,
            samples_per_point: 1,
            missing_ratio: 0.0,
            min: *sorted.first()?,
            mean: 0.0,
            p50: percentile(0.5)?,
            p95: percentile(0.95)?,
            p99: percentile(0.99)?,
            max: *sorted.last()?,
        })
    }
}

/// Returns the number of samples that a point stands for, a power of two, estimated from the median
/// distance between two points: each roll-up doubles it. On a busy machine samples are late, so a
/// little more than one interval is still one sample.
fn samples_per_point(series: &Series, interval_ns: Option<u64>) -> u64 {
    let single = series.mean == series.max && series.mean == series.min;
    if single && series.len() < FEWER_THAN_ROLLED_UP {
        return 1;
    }
    let apart = series.at_ns.windows(2);
    let apart: Vec<f64> = apart
        .map(|pair| pair[1].saturating_sub(pair[0]) as f64)
        .collect();
    let samples = median(&apart).zip(interval_ns);
    let samples = samples.map_or(1.0, |(apart, interval)| apart / interval.max(1) as f64);
    let doubled = (samples.max(1.0).log2() + 0.25).floor().min(62.0) as u32;
    1 << doubled.max(u32::from(!single))
}

/// Returns the number of samples in the last point as a share of those in the others, at most 1; 1
/// if it is unknown.
fn weight_of_last(at_ns: &[u64], interval_ns: Option<u64>, samples_per_point: u64) -> f64 {
    let ([.., before, last], Some(interval)) = (at_ns, interval_ns) else {
        return 1.0;
    };
    let samples = (last.saturating_sub(*before) as f64 / interval.max(1) as f64).round();
    (samples.max(1.0) / samples_per_point as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rolling::Rolling;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn points_that_are_samples_have_their_known_figures() {
        let mut series = Series::new("x");
        for i in 0..=100u64 {
            series.push(i * SECOND, Some(i as f64));
        }
        let summary = SeriesSummary::of_points(&series, Some(SECOND)).unwrap();
        let figures = [summary.p50, summary.p95, summary.p99, summary.mean];
        assert_eq!(figures, [50.0, 95.0, 99.0, 50.0]);
        assert_eq!((summary.min, summary.max), (0.0, 100.0));
        assert_eq!((summary.points, summary.samples_per_point), (101, 1));
        let raw = SeriesSummary::of_samples((0..=100).map(f64::from).collect(), 101);
        assert_eq!(raw, Some(summary));
    }

    #[test]
    fn rolled_up_points_say_how_many_samples_they_stand_for_and_keep_mean_and_extremes() {
        let mut rolling = Rolling::new(Series::new("x"));
        let value = |i: u64| if i == 1777 { 50.0 } else { i as f64 / 1e3 };
        let count = 3003;
        for i in 1..=count {
            rolling.push(i * SECOND, Some(value(i)));
        }
        let summary = SeriesSummary::of_points(&rolling.series(), Some(SECOND)).unwrap();
        assert_eq!(summary.samples_per_point, 4);
        assert_eq!((summary.min, summary.max), (0.001, 50.0));
        let mean = (1..=count).map(value).sum::<f64>() / count as f64;
        assert!((summary.mean / mean - 1.0).abs() < 1e-9, "{}", summary.mean);
        assert!(summary.p99 < 3.0, "the peak of one sample is not in it");
    }

    #[test]
    fn samples_that_come_late_are_samples_all_the_same() {
        let mut series = Series::new("x");
        for i in 0..100u64 {
            series.push(i * 3 * SECOND / 2, Some(i as f64));
        }
        let summary = SeriesSummary::of_points(&series, Some(SECOND)).unwrap();
        assert_eq!(summary.samples_per_point, 1);
        series.roll_up(60);
        let summary = SeriesSummary::of_points(&series, None).unwrap();
        assert_eq!(summary.samples_per_point, 2, "its extremes tell");
    }

    #[test]
    fn what_was_not_read_is_counted_and_does_not_count() {
        let mut series = Series::new("x");
        for (i, value) in [Some(1.0), None, None, Some(3.0)].into_iter().enumerate() {
            series.push(i as u64 * SECOND, value);
        }
        let summary = SeriesSummary::of_points(&series, Some(SECOND)).unwrap();
        assert_eq!((summary.missing_ratio, summary.mean), (0.5, 2.0));
        assert_eq!(SeriesSummary::of_points(&Series::new("x"), None), None);
        let absent = Series {
            at_ns: vec![1, 2],
            mean: vec![None; 2],
            min: vec![None; 2],
            max: vec![None; 2],
            ..Series::new("x")
        };
        assert_eq!(SeriesSummary::of_points(&absent, Some(1)), None);
        assert_eq!(SeriesSummary::of_samples(vec![f64::NAN], 1), None);
        assert_eq!(
            SeriesSummary::of_samples(vec![1.0], 4)
                .unwrap()
                .missing_ratio,
            0.75
        );
    }

    #[test]
    fn columns_of_unlike_lengths_do_no_harm() {
        let odd = Series {
            at_ns: vec![5, 1],
            mean: vec![Some(1.0), Some(f64::NAN), None],
            min: vec![Some(0.5)],
            max: vec![Some(2.0), Some(3.0)],
            ..Series::new("x")
        };
        for interval_ns in [None, Some(0), Some(u64::MAX)] {
            let summary = SeriesSummary::of_points(&odd, interval_ns);
            assert!(summary.is_none_or(|s| s.max == 3.0));
        }
    }
}
