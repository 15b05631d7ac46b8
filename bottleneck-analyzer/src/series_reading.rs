//! Reading of a recorded series over a window of time.

use std::ops::Range;

use bench_report::names::{Place, reads};
use bench_report::{Series, Window};

/// Smallest share of a window that points must cover for the reading to stand for the whole window.
const COVERED: f64 = 0.5;

/// Divisor of an interval's length. The interval may extend beyond the measured part by this
/// fraction (a fiftieth) of its length, because a bench reads its counters slightly late.
const OUTSIDE: u64 = 50;

/// Point of a series: its index, the time that it covers in nanoseconds on the monotonic clock, and
/// its mean.
pub(crate) type PointSpan = (usize, Range<u64>, f64);

/// Summary of a series over a window of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SeriesReading {
    /// Index into the recording's `series` of the series that was read.
    pub(crate) series: usize,
    /// Mean over the recorded part of the window, in the unit of the series. Each point is weighted
    /// by its overlap with the window.
    pub(crate) mean: f64,
    /// Highest sample of those points of which at least half lies in the window, in the unit of the
    /// series; if there is none, of all points that overlap the window.
    pub(crate) max: f64,
    /// Number of points that overlap the window.
    pub(crate) samples: usize,
    /// Length of the part of the window that the points cover, in nanoseconds.
    pub(crate) covered_ns: u64,
    /// Index of the point in the window whose mean is nearest to `mean`.
    pub(crate) typical: usize,
    /// Index of the point with the sample `max`.
    pub(crate) peak: usize,
}

impl SeriesReading {
    /// Reads `series`, whose index in the recording is `index`; `None` if no point overlaps
    /// `window`, which is in nanoseconds on the monotonic clock.
    pub(crate) fn over(index: usize, series: &Series, window: &Range<u64>) -> Option<Self> {
        let spans: Vec<PointSpan> = series.spans().collect();
        Self::from_spans(index, series, &spans, window)
    }

    /// Reads `series`, whose index in the recording is `index`. `spans` are the times that its
    /// points cover, in place of those that follow from the series. `None` if no point overlaps
    /// `window`.
    pub(crate) fn from_spans(
        index: usize,
        series: &Series,
        spans: &[PointSpan],
        window: &Range<u64>,
    ) -> Option<Self> {
        reads::note(Place::Series, &series.name);
        let shared = |span: &Range<u64>| overlap(span, window);
        let inside: Vec<&PointSpan> = spans.iter().filter(|(_, s, _)| shared(s) > 0).collect();
        let covered_ns: u64 = inside.iter().map(|(_, span, _)| shared(span)).sum();
        let weighted = inside.iter().map(|(_, span, v)| shared(span) as f64 * v);
        let mean = weighted.sum::<f64>() / covered_ns as f64;
        let distance = |v: f64| (v - mean).abs();
        let typical = inside
            .iter()
            .min_by(|a, b| distance(a.2).total_cmp(&distance(b.2)))?;
        let highest = |i: usize| series.max.get(i).copied().flatten().unwrap_or(f64::MIN);
        // The maximum of a point counts only if most of its time lies in the window, because the maximum may
        // have occurred outside.
        let mostly = |(_, span, _): &&PointSpan| 2 * shared(span) >= span.end - span.start;
        let within = inside.iter().copied().filter(mostly);
        let all = inside.iter().copied();
        let by_height = |a: &&PointSpan, b: &&PointSpan| highest(a.0).total_cmp(&highest(b.0));
        let peak = within.max_by(by_height).or_else(|| all.max_by(by_height))?;
        Some(Self {
            series: index,
            mean,
            max: highest(peak.0).max(peak.2),
            samples: inside.len(),
            covered_ns,
            typical: typical.0,
            peak: peak.0,
        })
    }

    /// Returns true if the points cover half of `window` or more, enough to stand for all of it.
    pub(crate) fn covers_enough_of(&self, window: &Range<u64>) -> bool {
        self.covered_ns as f64 >= COVERED * (window.end - window.start) as f64
    }

    /// Returns the mean number of cores that a process used over `recorded_ns` nanoseconds, for a
    /// reading of the process's cores. Time in which the process did not exist counts as 0.
    pub(crate) fn cores_over(&self, recorded_ns: u64) -> f64 {
        self.mean * self.covered_ns as f64 / recorded_ns.max(self.covered_ns).max(1) as f64
    }
}

/// Returns the intervals of a bench's series that lie in the measured part of a step, in order of
/// time. An interval across the start of the measured part, and the intervals of the drain, are
/// left out.
pub(crate) fn measured_intervals(series: &Series, window: Window) -> Vec<PointSpan> {
    reads::note(Place::Series, &series.name);
    let measured = |(index, span, mean): PointSpan| {
        // The first interval of a step begins with the step, not at the end of the previous step.
        let start_ns = span.start.max(window.start_ns);
        let length_ns = span.end.checked_sub(start_ns).filter(|ns| *ns > 0)?;
        let allowed_ns = length_ns / OUTSIDE;
        let is_inside = start_ns + allowed_ns >= window.measure_start_ns
            && span.end <= window.measure_end_ns + allowed_ns;
        is_inside.then_some((index, start_ns..span.end, mean))
    };
    series.spans().filter_map(measured).collect()
}

/// Returns the length of the overlap of `a` and `b`, in their unit; 0 if they do not overlap.
pub(crate) fn overlap(a: &Range<u64>, b: &Range<u64>) -> u64 {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(u64, Option<f64>)]) -> Series {
        let mut series = Series::new("cpu.busy_ratio");
        for (at_ns, value) in points {
            series.push(*at_ns, *value);
        }
        series
    }

    #[test]
    fn points_count_for_the_time_they_share_with_the_window() {
        // Rates: 0.2 from 0 to 100, 0.8 from 100 to 200, 0.4 from 200 to 400.
        let busy = series(&[(100, Some(0.2)), (200, Some(0.8)), (400, Some(0.4))]);
        let read = |window| SeriesReading::over(0, &busy, &window).unwrap();
        assert!((read(150..300).mean - (50.0 * 0.8 + 100.0 * 0.4) / 150.0).abs() < 1e-12);
        // A window inside a single point gets the value of that point.
        assert!((read(250..260).mean - 0.4).abs() < 1e-12);
        assert_eq!(read(90..400).peak, 1);
        // Most of the high point lies before the window.
        assert_eq!(read(180..400).peak, 2);
        assert!(SeriesReading::over(0, &busy, &(500..600)).is_none());
    }

    #[test]
    fn intervals_across_the_start_of_measuring_and_the_drain_are_not_measured() {
        let points = [1_000, 1_100, 1_205, 1_300, 1_400, 1_502, 1_900].map(|ms| (ms, Some(9.0)));
        let throughput = series(&points);
        let measured = |start_ns, measure_start_ns| {
            let window = Window {
                start_ns,
                measure_start_ns,
                measure_end_ns: 1_500,
                end_ns: 1_900,
            };
            let intervals = measured_intervals(&throughput, window).into_iter();
            intervals.map(|(_, span, _)| span).collect::<Vec<_>>()
        };
        // The warm-up ends at 1,205 ms.
        let rest = [1_205..1_300, 1_300..1_400, 1_400..1_502];
        assert_eq!(measured(1_000, 1_205), rest);
        // A report of an old version, with an interval across the start of the measured part.
        assert_eq!(measured(1_000, 1_150), rest);
        // A step without a warm-up: the point at 1,100 ms is the last one of the previous step.
        assert_eq!(measured(1_110, 1_110)[0], 1_110..1_205);
    }

    #[test]
    fn a_window_that_was_hardly_recorded_is_not_judged() {
        let busy = series(&[(100, None), (200, Some(0.8))]);
        let read = |window: Range<u64>| {
            SeriesReading::over(0, &busy, &window)
                .unwrap()
                .covers_enough_of(&window)
        };
        assert!(read(100..300) && !read(100..400));
    }

    #[test]
    fn a_process_that_lived_for_a_tenth_of_a_window_used_a_tenth_of_its_cores() {
        let burner = series(&[(900, None), (1_000, Some(2.0))]);
        let reading = SeriesReading::over(0, &burner, &(0..1_000)).unwrap();
        assert!((reading.cores_over(1_000) - 0.2).abs() < 1e-12);
    }
}
