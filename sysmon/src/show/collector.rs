//! Collection of the samples of a raw recording by series, and of the gaps between its samples.

use std::collections::HashMap;

use bench_report::Series;

use super::{Pattern, SeriesSummary, SummaryRow};
use crate::stream::{self, RawHeader, RawPoint};

/// Allowance in nanoseconds on top of two intervals: a longer time without a sample is a gap,
/// because single samples may be late.
const LATE_NS: u64 = 1_000_000_000;

/// Samples of a raw recording by series, with the number of its ticks and the gaps between them.
pub(super) struct SampleCollector {
    ticks: u64,
    began_ns: u64,
    last_ns: u64,
    interval_ns: u64,
    gaps: Vec<Gap>,
    keep_points: bool,
    /// Index of each series in `all`, by its name and then by its labels as written in the file;
    /// `None` for series that are not wanted.
    places: HashMap<String, HashMap<String, Option<usize>>>,
    all: Vec<SeriesSamples>,
}

/// Period without samples, longer than a late sample explains; times are in nanoseconds of the
/// monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// Time of the last sample before the gap, or start of the recording.
    pub(super) from_ns: u64,
    /// Time of the first sample after the gap.
    pub(super) to_ns: u64,
    /// Number of ticks of the recording before the gap.
    ticks: u64,
}

struct SeriesSamples {
    series: Series,
    first_tick: u64,
    last_tick: u64,
    values: Vec<f64>,
}

impl SampleCollector {
    /// Creates a collector without samples for the recording with this header. Points are kept if
    /// `keep_points`; summaries are always made.
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

    /// Adds a row if its series matches `wanted`; other rows still count as ticks. Rows must come
    /// in order of time.
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

    /// Returns the time from the start of the recording to its last sample, in nanoseconds; 0
    /// without samples.
    pub(super) fn duration_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.began_ns)
    }

    /// Returns the gaps between samples, in order of time.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Counts a tick, and notes a gap before it, if `at_ns` differs from the time of the last row:
    /// the rows of one tick follow each other.
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

    /// Returns the index of the row's series in `all`, which is created if it is new; `None` if the
    /// series does not match `wanted`.
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

    /// Returns a summary of each series, in order of name and labels, and the series with their
    /// points in the same order; the latter are empty unless points are kept.
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
    /// Stores a point. If `last_gap` lies after the sample before, adds a point without a reading
    /// one interval after that gap's start.
    fn keep(&mut self, point: RawPoint, last_gap: Option<&Gap>, interval_ns: u64) {
        let since = last_gap.filter(|gap| gap.ticks >= self.last_tick && !self.values.is_empty());
        if let Some(gap) = since {
            let absent_ns = gap.from_ns.saturating_add(interval_ns);
            self.series.push(absent_ns, None);
        }
        self.series.push(point.at_ns, Some(point.value));
    }
}
