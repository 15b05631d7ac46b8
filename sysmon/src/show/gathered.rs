//! The samples of a raw recording by series, and the time of which there is none.

use std::collections::HashMap;

use bench_report::Series;

use super::{Pattern, Row, Summary};
use crate::stream::{self, Header, Point};

/// Samples may come late; what is later than two intervals and this leaves a gap.
const LATE_NS: u64 = 1_000_000_000;

/// Samples by series, and how often any was taken.
pub(super) struct Gathered {
    ticks: u64,
    began_ns: u64,
    last_ns: u64,
    interval_ns: u64,
    gaps: Vec<Gap>,
    keep_points: bool,
    /// By name, then by labels as they stand in the file; `None` for what is not wanted.
    places: HashMap<String, HashMap<String, Option<usize>>>,
    all: Vec<Samples>,
}

/// A time of which nothing was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// The last sample before it, or the start.
    pub(super) from_ns: u64,
    /// The first sample after it.
    pub(super) to_ns: u64,
    /// How many were there before it.
    ticks: u64,
}

struct Samples {
    series: Series,
    first_tick: u64,
    last_tick: u64,
    values: Vec<f64>,
}

impl Gathered {
    /// None yet of the recording with this header.
    pub(super) fn new(header: &Header, keep_points: bool) -> Self {
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

    /// Takes in a row that is not of an earlier time than the one before.
    pub(super) fn add(&mut self, row: &stream::Row<'_>, wanted: &Pattern) {
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

    /// From the start to the last sample.
    pub(super) fn duration_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.began_ns)
    }

    /// Times of which there is none.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Rows of one tick follow each other.
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

    /// Where the row's series is among all.
    fn place(&mut self, row: &stream::Row<'_>, wanted: &Pattern) -> Option<usize> {
        let (name, labels) = (row.series, row.labels);
        if let Some(known) = self.places.get(name).and_then(|of| of.get(labels)) {
            return *known;
        }
        let series = Series {
            labels: row.labels(),
            ..Series::new(name)
        };
        let place = wanted.matches(name, &series.labels).then(|| {
            self.all.push(Samples {
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

    /// Rows in order of name and labels, and points if they were kept.
    pub(super) fn finish(mut self) -> (Vec<Row>, Vec<Series>) {
        self.all.sort_by(|a, b| {
            (&a.series.name, &a.series.labels).cmp(&(&b.series.name, &b.series.labels))
        });
        let mut rows = Vec::new();
        let mut points = Vec::new();
        for samples in self.all {
            let Samples {
                series,
                first_tick,
                last_tick,
                values,
            } = samples;
            // A process that has ended is not missing.
            let mortal = series.labels.contains_key("pid");
            let until = if mortal { last_tick } else { self.ticks };
            let summary = Summary::of_samples(values, until - first_tick + 1);
            rows.extend(summary.map(|summary| Row::new(&series.name, &series.labels, summary)));
            if self.keep_points {
                points.push(series);
            }
        }
        (rows, points)
    }
}

impl Samples {
    /// A gap since the sample before becomes a point without a reading.
    fn keep(&mut self, point: Point, last_gap: Option<&Gap>, interval_ns: u64) {
        let since = last_gap.filter(|gap| gap.ticks >= self.last_tick && !self.values.is_empty());
        if let Some(gap) = since {
            let absent_ns = gap.from_ns.saturating_add(interval_ns);
            self.series.push(absent_ns, None);
        }
        self.series.push(point.at_ns, Some(point.value));
    }
}
