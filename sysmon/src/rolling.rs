//! A series of bounded length, however long the recording.
//!
//! Each reading is a point of its own until there are twice as many as are to be kept; then
//! neighbours are joined, and from there on each point takes twice as many readings. Mean, extremes
//! and count of the whole are kept beside, so that they do not suffer from the joining.
//!
//! All series of a recording have [`ALL_POINTS`] between them: where there are many, each keeps
//! fewer. Memory, and a report that somebody has to read, are bounded that way whatever is recorded.

use bench_report::Series;

use crate::figure::Reading;
use crate::points::Points;

/// The least number of points that a long recording of few series keeps of each.
pub const POINTS: usize = 600;
/// How many points there are in all, unless there are so many series that not even
/// [`LEAST_POINTS`] of each fit.
pub const ALL_POINTS: usize = 120_000;
/// With fewer points than this a series would say nothing.
const LEAST_POINTS: usize = 60;

/// The least number of points that a long recording keeps of each of so many series.
pub fn points_of_each(series: usize) -> usize {
    // Before it is rolled up a series has twice as many.
    (ALL_POINTS / (2 * series.max(1))).clamp(LEAST_POINTS, POINTS)
}

/// One figure over time and over the whole recording.
#[derive(Debug, Clone)]
pub struct Rolling {
    /// Name and labels, without points.
    series: Series,
    points: Points,
    points_kept: usize,
    readings_per_point: u32,
    pending: Pending,
    whole: Spread,
}

/// Mean and extremes of what was read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    count: u64,
    sum: f64,
    lowest: f64,
    highest: f64,
}

impl Spread {
    /// Takes in one reading.
    pub fn add(&mut self, value: f64) {
        (self.lowest, self.highest) = if self.count == 0 {
            (value, value)
        } else {
            (self.lowest.min(value), self.highest.max(value))
        };
        self.count += 1;
        self.sum += value;
    }

    /// Arithmetic mean; `None` when nothing was read.
    pub fn mean(&self) -> Option<f64> {
        self.read(self.sum / self.count as f64)
    }

    /// Lowest reading.
    pub fn min(&self) -> Option<f64> {
        self.read(self.lowest)
    }

    /// Highest reading.
    pub fn max(&self) -> Option<f64> {
        self.read(self.highest)
    }

    fn read(&self, value: f64) -> Option<f64> {
        (self.count > 0).then_some(value)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Pending {
    readings: u32,
    at_ns: u64,
    spread: Spread,
}

impl Rolling {
    /// An empty one under the name and labels of `series`.
    pub fn new(series: Series) -> Self {
        Self {
            series,
            points: Points::default(),
            points_kept: POINTS,
            readings_per_point: 1,
            pending: Pending::default(),
            whole: Spread::default(),
        }
    }

    /// Adds the reading of one tick; `None` when there was none, which takes its time all the
    /// same.
    pub fn push(&mut self, at_ns: u64, value: Option<f64>) {
        if let Some(value) = value {
            self.whole.add(value);
            self.pending.spread.add(value);
        }
        self.pending.readings += 1;
        self.pending.at_ns = at_ns;
        if self.pending.readings < self.readings_per_point {
            return;
        }
        std::mem::take(&mut self.pending).close(&mut self.points);
        // A point without a neighbour waits for it, so that all stand for as many readings.
        while self.points.len() >= 2 * self.points_kept && self.points.len().is_multiple_of(2) {
            self.points.halve();
            self.readings_per_point *= 2;
        }
    }

    /// Keeps at least so many points in a long recording.
    pub fn keep_points(&mut self, points: usize) {
        self.points_kept = points.max(1);
    }

    /// Adds a reading, and remembers the largest error.
    pub fn take(&mut self, at_ns: u64, reading: Reading) {
        if reading.error > self.series.error_max.unwrap_or(0.0) {
            self.series.error_max = Some(reading.error);
        }
        self.push(at_ns, Some(reading.value));
    }

    /// When the last reading was taken.
    pub fn last_ns(&self) -> Option<u64> {
        let pending = (self.pending.readings > 0).then_some(self.pending.at_ns);
        pending.or(self.points.last_ns())
    }

    /// Mean and extremes of every reading.
    pub fn whole(&self) -> &Spread {
        &self.whole
    }

    /// The series as it stands, the unfinished point included.
    pub fn series(&self) -> Series {
        let mut points = self.points.clone();
        if self.pending.readings > 0 {
            self.pending.close(&mut points);
        }
        points.under(self.series.clone())
    }

    /// Changes a label.
    pub fn relabel(&mut self, key: &str, value: &str) {
        self.series.labels.insert(key.to_owned(), value.to_owned());
    }
}

impl Pending {
    fn close(self, points: &mut Points) {
        let Spread {
            lowest, highest, ..
        } = self.spread;
        let read = self.spread.mean().map(|mean| (mean, lowest, highest));
        points.push(self.at_ns, read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_largest_error_is_remembered_and_exact_readings_have_none() {
        let mut rolling = Rolling::new(Series::new("x"));
        rolling.take(1, Reading::from(2.0));
        assert_eq!(rolling.series().error_max, None);
        for (at_ns, error) in [(2, 0.1), (3, 0.3), (4, 0.2)] {
            rolling.take(at_ns, Reading { value: 2.0, error });
        }
        assert_eq!(rolling.series().error_max, Some(0.3));
    }

    #[test]
    fn nothing_read_is_nothing() {
        let mut rolling = Rolling::new(Series::new("x"));
        rolling.push(5, None);
        assert_eq!(rolling.whole().mean(), None);
        assert_eq!(rolling.whole().max(), None);
        assert_eq!(rolling.series().mean, [None]);
    }
}
