//! Collection of the samples of a raw recording, by series, and of its gaps.

use std::collections::HashMap;

use bench_report::Series;

use super::{Pattern, SeriesSummary, SummaryRow};
use crate::stream::{self, RawHeader, RawPoint};

/// Time in nanoseconds beyond two intervals. If no sample arrives for longer, that is a gap; single samples
/// may be late.
const LATE_NS: u64 = 1_000_000_000;

/// Samples by series, and the number of ticks.
pub(super) struct SampleCollector {
    ticks: u64,
    began_ns: u64,
    last_ns: u64,
    interval_ns: u64,
    gaps: Vec<Gap>,
    keep_points: bool,
    /// Index of each series, by its name and then by its labels as written in the file; `None` for series
    /// that are not wanted.
    places: HashMap<String, HashMap<String, Option<usize>>>,
    all: Vec<SeriesSamples>,
}

/// Time without samples, in nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// Time of the last sample before the gap, or start of the recording.
    pub(super) from_ns: u64,
    /// Time of the first sample after the gap.
    pub(super) to_ns: u64,
    /// Number of ticks before the gap.
    ticks: u64,
}

struct SeriesSamples {
    series: Series,
    first_tick: u64,
    last_tick: u64,
    values: Vec<f64>,
}

impl SampleCollector {
    /// Creates a collector for the recording with this header.
    pub(super) fn new(header: &RawHeader, keep_points: bool) -> Self {
        Self {
            ticks: 0,
            began_ns: header.clock.monotonic_ns,
            last_ns: header.clock.monotonic_ns,
            interval_ns: header.interval_ns,
            gaps: Vec::new(),
            keep_points,
            places: HashMap::new(),
            all: Vec::new(),
        }
    }

    /// Adds a row if its series is wanted. Rows must come in order of time.
    pub(super) fn add(&mut self, row: &stream::RawRow<'_>, wanted: &Pattern) {
        self.tick(row.point.at_ns);
        if let Some(place) = self.place(row, wanted) {
            let Self {
                ticks, gaps, all, ..
            } = self;
            let samples = &mut all[place];
            if self.keep_points {
                samples.keep(row.point, gaps.last(), self.interval_ns);
            }
            samples.last_tick = *ticks;
            samples.values.push(row.point.value);
        }
    }

    /// Returns the time from the start of the recording to its last sample, in nanoseconds.
    pub(super) fn duration_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.began_ns)
    }

    /// Returns the times without samples.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Counts a tick if `at_ns` differs from the last row: the rows of one tick follow each other.
    fn tick(&mut self, at_ns: u64) {
        if self.ticks > 0 && at_ns == self.last_ns {
            return;
        }
        let least_ns = self.interval_ns.saturating_mul(2).saturating_add(LATE_NS);
        if at_ns.saturating_sub(self.last_ns) > least_ns {
            self.gaps.push(Gap {
                from_ns: self.last_ns,
                to_ns: at_ns,
                ticks: self.ticks,
            });
        }
        self.ticks += 1;
        self.last_ns = at_ns;
    }

    /// Returns the index of the row's series; `None` if the series is not wanted.
    fn place(&mut self, row: &stream::RawRow<'_>, wanted: &Pattern) -> Option<usize> {
        let (name, labels) = (row.series, row.labels);
        if let Some(known) = self.places.get(name).and_then(|of| of.get(labels)) {
            return *known;
        }
        let series = Series {
            labels: row.labels(),
            ..Series::new(name)
        };
        let place = wanted.matches(name, &series.labels).then(|| {
            self.all.push(SeriesSamples {
                series,
                first_tick: self.ticks,
                last_tick: self.ticks,
                values: Vec::new(),
            });
            self.all.len() - 1
        });
        let of_name = self.places.entry(name.to_owned()).or_default();
        of_name.insert(labels.to_owned(), place);
        place
    }

    /// Returns a summary of each series, in order of name and labels, and the series with their points if
    /// these were kept.
    pub(super) fn finish(mut self) -> (Vec<SummaryRow>, Vec<Series>) {
        self.all.sort_by(|a, b| {
            (&a.series.name, &a.series.labels).cmp(&(&b.series.name, &b.series.labels))
        });
        let mut rows = Vec::new();
        let mut points = Vec::new();
        for samples in self.all {
            let SeriesSamples {
                series,
                first_tick,
                last_tick,
                values,
            } = samples;
            // Ticks after a process has exited do not count as missing.
            let mortal = series.labels.contains_key("pid");
            let until = if mortal { last_tick } else { self.ticks };
            let summary = SeriesSummary::of_samples(values, until - first_tick + 1);
            rows.extend(
                summary.map(|summary| SummaryRow::new(&series.name, &series.labels, summary)),
            );
            if self.keep_points {
                points.push(series);
            }
        }
        (rows, points)
    }
}

impl SeriesSamples {
    /// Stores a point. A gap since the sample before becomes a point without a reading.
    fn keep(&mut self, point: RawPoint, last_gap: Option<&Gap>, interval_ns: u64) {
        let since = last_gap.filter(|gap| gap.ticks >= self.last_tick && !self.values.is_empty());
        if let Some(gap) = since {
            let absent_ns = gap.from_ns.saturating_add(interval_ns);
            self.series.push(absent_ns, None);
        }
        self.series.push(point.at_ns, Some(point.value));
    }
}
