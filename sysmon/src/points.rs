//! Points of a series in memory while it is recorded. They take less than half of the memory that
//! they take in a report.

use std::ops::RangeInclusive;

use bench_report::Series;

/// Points of a series in order of time, each with a mean, minimum and maximum; NaN stands for an
/// absent value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Points(Vec<Point>);

#[derive(Debug, Clone, Copy)]
struct Point {
    at_ns: u64,
    mean: f64,
    min: f64,
    max: f64,
}

/// Number of points for which room is reserved when it runs out: as many as there are, but within
/// these limits.
const ROOM: RangeInclusive<usize> = 8..=256;

impl Points {
    /// Adds a point at `at_ns`, in nanoseconds of the monotonic clock, with its mean, minimum and
    /// maximum in that order; `None` for a point at which nothing was read.
    pub(crate) fn push(&mut self, at_ns: u64, read: Option<(f64, f64, f64)>) {
        let (mean, min, max) = read.unwrap_or((f64::NAN, f64::NAN, f64::NAN));
        if self.0.len() == self.0.capacity() {
            let room = self.0.len().clamp(*ROOM.start(), *ROOM.end());
            self.0.reserve_exact(room);
        }
        self.0.push(Point {
            at_ns,
            mean,
            min,
            max,
        });
    }

    /// Returns the number of points, those without a reading included.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are no points.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Joins each two neighbouring points into one, as [`Series::roll_up`] does; a last point
    /// without a neighbour stays.
    pub(crate) fn halve(&mut self) {
        let mut series = self.under(Series::default());
        series.roll_up(self.len().div_ceil(2));
        self.0.clear();
        // Keeps room for as many further points.
        self.0.shrink_to(2 * series.len());
        let columns = series.mean.iter().zip(&series.min).zip(&series.max);
        for (at_ns, ((mean, min), max)) in series.at_ns.iter().zip(columns) {
            self.push(*at_ns, mean.zip(*min).zip(*max).map(flat));
        }
    }

    /// Returns a series with these points, and with the name, labels and other properties of
    /// `series`.
    pub(crate) fn under(&self, mut series: Series) -> Series {
        let read = |value: f64| (!value.is_nan()).then_some(value);
        let column = |of: fn(&Point) -> f64| self.0.iter().map(|point| read(of(point))).collect();
        series.at_ns = self.0.iter().map(|point| point.at_ns).collect();
        series.mean = column(|point| point.mean);
        series.min = column(|point| point.min);
        series.max = column(|point| point.max);
        series
    }
}

fn flat(((mean, min), max): ((f64, f64), f64)) -> (f64, f64, f64) {
    (mean, min, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_and_what_was_not_read_stays_absent() {
        let mut points = Points::default();
        points.push(1, Some((2.0, 1.0, 3.0)));
        points.push(2, None);
        assert_eq!(
            (points.len(), points.0.last().map(|point| point.at_ns)),
            (2, Some(2))
        );
        let series = points.under(Series::new("x"));
        assert_eq!((series.name.as_str(), series.at_ns), ("x", vec![1, 2]));
        assert_eq!(series.mean, [Some(2.0), None]);
        assert_eq!(series.min, [Some(1.0), None]);
        assert_eq!(series.max, [Some(3.0), None]);
    }

    #[test]
    fn halving_joins_as_a_series_does() {
        let (mut points, mut series) = (Points::default(), Series::new("x"));
        for at_ns in 1..=50 {
            let value = (at_ns % 3 != 0).then_some(at_ns as f64);
            points.push(at_ns, value.map(|value| (value, value, value)));
            series.push(at_ns, value);
        }
        points.halve();
        series.roll_up(25);
        assert_eq!(points.under(Series::new("x")), series);
    }
}
