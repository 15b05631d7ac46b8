//! Figures of a run over time, with a bounded number of points.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Values of one figure over time, in columns. Point `i` covers the time that ends at `at_ns[i]`.
/// That time begins at the end of the last point before it that has a value, or else at the end of
/// the first point.
///
/// All columns have the same length. A point at which nothing could be read has `null` in the
/// columns `mean`, `min` and `max`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Name of the metric, such as `cpu.user_ratio` or `response.p99_ns`.
    pub name: String,
    /// Labels that distinguish series of one metric: `core = 0`, `device = vda`, `process =
    /// postgres` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// End of the time that each point covers, in nanoseconds on the monotonic clock
    /// (`CLOCK_MONOTONIC`).
    pub at_ns: Vec<u64>,
    /// Mean value over the time that each point covers, in the unit of the figure; `null` if
    /// nothing could be read.
    pub mean: Vec<Option<f64>>,
    /// Lowest reading within the time that each point covers; `null` if nothing could be read.
    pub min: Vec<Option<f64>>,
    /// Highest reading within the time that each point covers; `null` if nothing could be read.
    pub max: Vec<Option<f64>>,
    /// Largest possible error of a reading, in the unit of the figure. It comes from counters that
    /// grow in steps and take time to read. Absent where readings are exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_max: Option<f64>,
    /// Shortest time in nanoseconds between the two readings of a counter from which a rate was
    /// calculated. Absent where readings are not rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_min_ns: Option<u64>,
    /// Longest time in nanoseconds between the two readings of a counter from which a rate was
    /// calculated. Absent where readings are not rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_max_ns: Option<u64>,
}

impl Series {
    /// Creates a series of the metric `name` without points and labels.
    pub fn new(name: impl Display) -> Self {
        Self {
            name: name.to_string(),
            ..Self::default()
        }
    }

    /// Adds a label that distinguishes series of one metric, or replaces the value of the label
    /// `key`.
    #[must_use]
    pub fn label(mut self, key: &str, value: impl Into<String>) -> Self {
        self.labels.insert(key.to_owned(), value.into());
        self
    }

    /// Returns the number of points.
    pub fn len(&self) -> usize {
        self.at_ns.len()
    }

    /// Returns true if the series has no points.
    pub fn is_empty(&self) -> bool {
        self.at_ns.is_empty()
    }

    /// Adds one reading as a point that ends at `at_ns`, in nanoseconds of `CLOCK_MONOTONIC`.
    /// `None`, or a value that is not finite, adds a point without a value.
    pub fn push(&mut self, at_ns: u64, value: Option<f64>) {
        let value = value.filter(|v| v.is_finite());
        self.at_ns.push(at_ns);
        self.mean.push(value);
        self.min.push(value);
        self.max.push(value);
    }

    /// Halves the number of points until it is at most `bound` (at least 2). Pairs of neighbours
    /// are joined: the mean is weighted by time, the lowest and highest readings are kept.
    pub fn roll_up(&mut self, bound: usize) {
        while self.len() > bound.max(2) {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let pairs = |i: usize| (2 * i, (2 * i + 1).min(self.len() - 1));
        let half = self.len().div_ceil(2);
        let joined = |column: &[Option<f64>], join: fn(f64, f64) -> f64| -> Vec<Option<f64>> {
            (0..half)
                .map(pairs)
                .map(|(a, b)| join_present(column[a], column[b], join))
                .collect()
        };
        let at_ns = (0..half).map(pairs).map(|(_, b)| self.at_ns[b]).collect();
        let lengths = self.lengths_ns();
        let over_time = |(a, b): (usize, usize)| {
            let (len_a, len_b) = (lengths[a], lengths[b]);
            let mean = |x, y| (x * len_a + y * len_b) / (len_a + len_b);
            join_present(self.mean[a], self.mean[b], mean)
        };
        let mean = (0..half).map(pairs).map(over_time).collect();
        let min = joined(&self.min, f64::min);
        let max = joined(&self.max, f64::max);
        (self.at_ns, self.mean, self.min, self.max) = (at_ns, mean, min, max);
    }

    /// Returns the time-weighted mean of the points that end within `from_ns..=to_ns`, in
    /// nanoseconds of `CLOCK_MONOTONIC`; `None` if none of them has a value.
    pub fn mean_between(&self, from_ns: u64, to_ns: u64) -> Option<f64> {
        let lengths = self.lengths_ns();
        let points = self.at_ns.iter().zip(&self.mean).zip(&lengths);
        let inside = points.filter(|((at, _), _)| (from_ns..=to_ns).contains(*at));
        let read = inside.filter_map(|((_, mean), length)| Some(((*mean)?, *length)));
        let (sum, length) = read.fold((0.0, 0.0), |(sum, all), (mean, length)| {
            (sum + mean * length, all + length)
        });
        (length > 0.0).then(|| sum / length)
    }

    /// Iterates over the points that have a value: index of the point, the time that it covers in
    /// nanoseconds of `CLOCK_MONOTONIC`, and its mean.
    pub fn spans(&self) -> impl Iterator<Item = (usize, Range<u64>, f64)> {
        let lengths = self.lengths_ns().into_iter();
        let points = self.at_ns.iter().zip(&self.mean).zip(lengths).enumerate();
        points.filter_map(|(index, ((at_ns, mean), length_ns))| {
            let from_ns = at_ns.saturating_sub(length_ns as u64);
            Some((index, from_ns..*at_ns, (*mean)?))
        })
    }

    /// Returns the length of the time that each point covers, in nanoseconds, at least 1. That of
    /// the first point is unknown; it is assumed to be that of the second.
    fn lengths_ns(&self) -> Vec<f64> {
        let mut begin_ns = self.at_ns.first().copied().unwrap_or(0);
        let points = self.at_ns.iter().zip(&self.mean);
        let mut lengths: Vec<f64> = points
            .map(|(at_ns, mean)| {
                let ns = at_ns.saturating_sub(begin_ns).max(1);
                if mean.is_some() {
                    begin_ns = *at_ns;
                }
                ns as f64
            })
            .collect();
        if let [first, second, ..] = lengths.as_mut_slice() {
            *first = *second;
        }
        lengths
    }
}

fn join_present(a: Option<f64>, b: Option<f64>, join: impl FnOnce(f64, f64) -> f64) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_up_keeps_peaks_and_bounds_the_number_of_points() {
        let mut s = Series::new("cpu.user_ratio").label("core", "0");
        for i in 0..1000u64 {
            s.push(i, Some(if i == 517 { 9.0 } else { 1.0 }));
        }
        s.roll_up(300);
        assert_eq!(s.len(), 250);
        assert_eq!(s.max.iter().flatten().fold(0.0, |a: f64, b| a.max(*b)), 9.0);
        assert_eq!(s.at_ns.last(), Some(&999));
    }

    #[test]
    fn means_are_over_time() {
        let mut s = Series::new("x");
        for (at_ns, value) in [(100, None), (200, Some(8.0)), (300, None), (500, Some(4.0))] {
            s.push(at_ns, value);
        }
        // The value 8 covers 100 ns. The value 4 covers 300 ns, because a point without a value
        // belongs to the next one.
        assert_eq!(s.mean_between(0, 1000), Some(5.0));
        assert_eq!(s.mean_between(300, 1000), Some(4.0));
        assert_eq!(s.mean_between(0, 100), None);
        s.push(600, Some(1.0));
        s.push(900, Some(5.0));
        s.roll_up(3);
        assert_eq!(s.at_ns, [200, 500, 900]);
        assert_eq!(s.mean, [Some(8.0), Some(4.0), Some(4.0)]);
    }

    #[test]
    fn what_was_not_read_stays_absent() {
        let mut s = Series::new("x");
        s.push(1, None);
        s.push(2, Some(f64::NAN));
        s.push(3, Some(4.0));
        s.push(4, None);
        s.roll_up(2);
        assert_eq!(s.mean, vec![None, Some(4.0)]);
        assert_eq!(s.mean_between(0, 2), None);
    }
}
