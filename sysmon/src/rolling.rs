//! Series of bounded length, so that a recording may have any length.
//!
//! At first each reading is a point of its own. When there are twice as many points as are to be
//! kept, each two neighbouring points are joined, and from then on each new point covers twice as
//! many readings. Mean and extremes of all readings are stored separately, so that joining does not
//! affect them.
//!
//! The point of a rate stands at the end of the time over which the rate was computed, and its
//! weight is the length of that time. The sum of rates × lengths is therefore the growth of the
//! counter, even if a busy machine delayed the reads.
//!
//! All series of a recording together have at most [`ALL_POINTS`]; if there are many series, each
//! keeps fewer points. That bounds the memory and the length of the report.

use bench_report::Series;
use host_metrics::rate_window::FigureValue;

use crate::points::Points;
use crate::spread::Spread;

/// Smallest number of points that each series keeps in a long recording with few series; it has up
/// to twice as many.
pub(crate) const POINTS: usize = 600;
/// Largest number of points of all series of a recording together. It is exceeded only if there are
/// so many series that `LEAST_POINTS` of each do not fit.
pub(crate) const ALL_POINTS: usize = 120_000;
/// Smallest number of points to which a series is ever limited; fewer would not show its course.
const LEAST_POINTS: usize = 60;

/// Returns the number of points that each series of a long recording keeps at least, if there are
/// `series` of them. A series has up to twice as many.
pub(crate) fn points_of_each(series: usize) -> usize {
    // A series has up to twice as many points, just before they are joined.
    (ALL_POINTS / (2 * series.max(1))).clamp(LEAST_POINTS, POINTS)
}

/// One figure over time, in a bounded number of points, with mean and extremes over the whole
/// recording.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    /// Name and labels, without points; boxed, because they are not needed at each tick.
    series: Box<Series>,
    error_max: Option<f64>,
    /// Shortest and longest time over which a rate was computed, in nanoseconds; `None` before the
    /// first rate.
    windows_ns: Option<(u64, u64)>,
    points: Points,
    points_kept: usize,
    readings_per_point: u32,
    pending: Pending,
    whole: Spread,
    last_ns: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    readings: u32,
    at_ns: u64,
    spread: Spread,
}

impl Rolling {
    /// Creates a series without points, with the name, labels and largest error of `series`, whose
    /// points are ignored.
    pub(crate) fn new(series: Series) -> Self {
        Self {
            error_max: series.error_max,
            windows_ns: None,
            series: Box::new(series),
            points: Points::default(),
            points_kept: POINTS,
            readings_per_point: 1,
            pending: Pending::default(),
            whole: Spread::default(),
            last_ns: None,
        }
    }

    /// Adds the value of the tick that ended at `at_ns`, in nanoseconds of the monotonic clock,
    /// with weight 1 in the mean. `None` adds a point without a reading; it is ignored before the
    /// first value.
    pub(crate) fn push(&mut self, at_ns: u64, value: Option<f64>) {
        self.last_ns = Some(at_ns);
        if value.is_some() || !self.is_empty() {
            self.add(at_ns, value.map(|value| (value, 1.0)));
        }
    }

    /// Adds a reading of the tick that ended at `at_ns`, in nanoseconds of the monotonic clock. A
    /// rate is placed at the end of the time over which it was computed, and weighted with the
    /// length of that time. The largest error of any reading is stored.
    pub(crate) fn take(&mut self, at_ns: u64, reading: FigureValue) {
        if reading.error > self.error_max.unwrap_or(0.0) {
            self.error_max = Some(reading.error);
        }
        let Some(period) = reading.over else {
            self.push(at_ns, Some(reading.value));
            return;
        };
        self.last_ns = Some(at_ns);
        let window_ns = period.ns();
        let (shortest, longest) = self.windows_ns.unwrap_or((window_ns, window_ns));
        self.windows_ns = Some((shortest.min(window_ns), longest.max(window_ns)));
        if self.is_empty() {
            // A point without a value marks the start of the first rate's time.
            self.add(period.from_ns, None);
        }
        self.add(period.to_ns, Some((reading.value, period.ns() as f64)));
    }

    /// Adds a reading at `at_ns`: a value with its weight in the mean, or `None`. It joins the
    /// point in progress, which becomes complete when it covers enough readings.
    fn add(&mut self, at_ns: u64, value: Option<(f64, f64)>) {
        if let Some((value, weight)) = value {
            self.whole.add_weighted(value, weight);
            self.pending.spread.add_weighted(value, weight);
        }
        self.pending.readings += 1;
        self.pending.at_ns = at_ns;
        if self.pending.readings < self.readings_per_point {
            return;
        }
        std::mem::take(&mut self.pending).close(&mut self.points);
        // Joins only while the number of points is even, so that all points cover the same number of
        // readings.
        while self.points.len() >= 2 * self.points_kept && self.points.len().is_multiple_of(2) {
            self.points.halve();
            self.readings_per_point *= 2;
        }
    }

    /// Sets the smallest number of points, at least 1, that this series keeps in a long recording;
    /// it has up to twice as many.
    pub(crate) fn keep_points(&mut self, points: usize) {
        self.points_kept = points.max(1);
    }

    /// Returns the end of the last tick that was added, in nanoseconds of the monotonic clock;
    /// `None` before the first.
    pub(crate) fn last_ns(&self) -> Option<u64> {
        self.last_ns
    }

    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.pending.readings == 0
    }

    /// Returns mean and extremes of all readings, which do not depend on how points were joined.
    pub(crate) fn whole(&self) -> &Spread {
        &self.whole
    }

    /// Returns a copy of the series so far; its last point may cover fewer readings than the
    /// others.
    pub(crate) fn series(&self) -> Series {
        let mut points = self.points.clone();
        if self.pending.readings > 0 {
            self.pending.close(&mut points);
        }
        points.under(Series {
            error_max: self.error_max,
            window_min_ns: self.windows_ns.map(|(shortest, _)| shortest),
            window_max_ns: self.windows_ns.map(|(_, longest)| longest),
            ..Series::clone(&self.series)
        })
    }

    /// Sets the label `key` of the series to `value`, in place of an earlier value.
    pub(crate) fn relabel(&mut self, key: &str, value: &str) {
        self.series.labels.insert(key.to_owned(), value.to_owned());
    }
}

impl Pending {
    fn close(self, points: &mut Points) {
        let Self { spread, .. } = self;
        let extremes = spread.min().zip(spread.max());
        let read = spread.mean().zip(extremes);
        let read = read.map(|(mean, (lowest, highest))| (mean, lowest, highest));
        points.push(self.at_ns, read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_metrics::rate_window::Period;

    #[test]
    fn an_hour_at_ten_a_second_stays_bounded_and_keeps_its_peak() {
        let mut rolling = Rolling::new(Series::new("x"));
        let ticks = 36_000u64;
        for i in 1..=ticks {
            rolling.push(i, Some(if i == 20_007 { 50.0 } else { 1.0 }));
            assert!(rolling.series().len() <= 2 * POINTS);
        }
        let series = rolling.series();
        assert!(series.len() >= POINTS);
        assert_eq!(series.at_ns.last(), Some(&ticks));
        assert!(series.at_ns.is_sorted());
        let peak = series.max.iter().flatten().fold(0.0, |a: f64, b| a.max(*b));
        assert!((peak - 50.0).abs() < f64::EPSILON);
        let expected = (ticks as f64 + 49.0) / ticks as f64;
        assert!((rolling.whole().mean().unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn points_cover_equal_times_whatever_was_missed() {
        let mut rolling = Rolling::new(Series::new("x"));
        for i in 1..=3000u64 {
            rolling.push(i, (i % 3 != 0).then_some(2.0));
        }
        let series = rolling.series();
        let steps: Vec<u64> = series.at_ns.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(steps.iter().all(|step| *step == steps[0]), "{steps:?}");
        assert!(
            series
                .mean
                .iter()
                .flatten()
                .all(|m| (*m - 2.0).abs() < 1e-12)
        );
        assert_eq!(rolling.last_ns(), Some(3000));
    }

    /// Records a counter that grows by 3 per nanosecond until the time 5000 ns and by 1 afterwards,
    /// and is read at `times`, in nanoseconds. Returns the series of its rates, and the growth of
    /// the counter from the first read to the last.
    fn rates_of_reads(times: impl Iterator<Item = u64>) -> (Rolling, f64) {
        let counter = |at: u64| (3 * at.min(5000) + at.saturating_sub(5000)) as f64;
        let times: Vec<u64> = times.collect();
        let mut rolling = Rolling::new(Series::new("x"));
        for pair in times.windows(2) {
            let (from_ns, to_ns) = (pair[0], pair[1]);
            let reading = FigureValue {
                value: (counter(to_ns) - counter(from_ns)) / (to_ns - from_ns) as f64,
                error: 0.0,
                over: Some(Period { from_ns, to_ns }),
            };
            // The tick ends some time after the read.
            rolling.take(to_ns + 3, reading);
        }
        let grown = counter(times[times.len() - 1]) - counter(times[0]);
        (rolling, grown)
    }

    #[test]
    fn rates_add_up_to_what_the_counter_did_however_late_the_reads() {
        let (rolling, grown) = rates_of_reads([0, 900, 2000, 2040, 4700, 6000, 6100].into_iter());
        let series = rolling.series();
        assert_eq!(series.at_ns, [0, 900, 2000, 2040, 4700, 6000, 6100]);
        assert_eq!(series.mean[0], None);
        let windows = (series.window_min_ns, series.window_max_ns);
        assert_eq!(windows, (Some(40), Some(2660)));
        let steps = series.at_ns.windows(2).map(|pair| pair[1] - pair[0]);
        let total: f64 = steps
            .zip(series.mean.iter().flatten())
            .map(|(ns, rate)| ns as f64 * rate)
            .sum();
        assert!((total - grown).abs() < 1e-6, "{total} {grown}");
        let mean = rolling.whole().mean().unwrap();
        assert!((mean - grown / 6100.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn joined_points_are_means_over_time() {
        // Every other read is late, so that short and long intervals alternate.
        let times = (0..5000).map(|i: u64| 10 * i + 6 * (i % 2));
        let (rolling, grown) = rates_of_reads(times);
        let series = rolling.series();
        assert!(series.len() < 2 * POINTS);
        let points = series.at_ns.windows(2).zip(&series.mean[1..]);
        let later: f64 = points
            .map(|(at, mean)| mean.unwrap() * (at[1] - at[0]) as f64)
            .sum();
        let first = series.mean[0].unwrap() * series.at_ns[0] as f64;
        let ratio = (first + later) / grown;
        assert!((ratio - 1.0).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn the_largest_error_is_remembered_and_exact_readings_have_none() {
        let mut rolling = Rolling::new(Series::new("x"));
        rolling.take(1, FigureValue::from(2.0));
        assert_eq!(rolling.series().error_max, None);
        assert_eq!(rolling.series().window_min_ns, None);
        for (at_ns, error) in [(2, 0.1), (3, 0.3), (4, 0.2)] {
            let reading = FigureValue {
                error,
                ..FigureValue::from(2.0)
            };
            rolling.take(at_ns, reading);
        }
        assert_eq!(rolling.series().error_max, Some(0.3));
    }

    #[test]
    fn nothing_read_is_nothing() {
        let mut rolling = Rolling::new(Series::new("x"));
        rolling.push(5, None);
        assert_eq!(rolling.whole().mean(), None);
        assert_eq!(rolling.whole().max(), None);
        assert!(rolling.series().is_empty());
        assert_eq!(rolling.last_ns(), Some(5));
    }
}
