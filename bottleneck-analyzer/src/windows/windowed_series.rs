//! Series that is read over the windows of a step.

use std::ops::Range;

use bench_report::Series;

use super::WindowTrend;
use crate::assessment::EvidenceItem;
use crate::figures;
use crate::series_reading::{PointSpan, SeriesReading, overlap};
use crate::source_report::SourceReport;

/// Series of a bench or of the machine, with one reading for each window of a step.
#[derive(Debug, Clone)]
pub(crate) struct WindowedSeries<'a> {
    /// Series that was read, with its name and labels.
    pub(crate) series: &'a Series,
    /// Readings over the windows, in order of time.
    pub(crate) readings: Vec<SeriesReading>,
    source: &'a SourceReport,
}

impl<'a> WindowedSeries<'a> {
    /// Reads a series of `source`, with its index in the report, over `windows`. `spans` are the times that
    /// its points cover. `None` if points cover less than half of some window, or if
    /// there are fewer points than windows, so that neighbours would share one.
    pub(crate) fn read(
        source: &'a SourceReport,
        (index, series): (usize, &'a Series),
        spans: &[PointSpan],
        windows: &[Range<u64>],
    ) -> Option<Self> {
        let over = |window: &Range<u64>| {
            SeriesReading::from_spans(index, series, spans, window)
                .filter(|reading| reading.covers_enough_of(window))
        };
        let (first, last) = (windows.first()?, windows.last()?);
        let whole = first.start..last.end;
        let inside = spans
            .iter()
            .filter(|(_, span, _)| overlap(span, &whole) > 0);
        if inside.count() < windows.len() {
            return None;
        }
        let readings: Option<Vec<SeriesReading>> = windows.iter().map(over).collect();
        Some(Self {
            series,
            readings: readings?,
            source,
        })
    }

    /// Returns the mean of each window, in the unit of the series.
    pub(crate) fn means(&self) -> Vec<f64> {
        self.readings.iter().map(|reading| reading.mean).collect()
    }

    /// Returns the trend of the means over the windows; `None` if the windows are too few for the test.
    pub(crate) fn trend(&self) -> Option<WindowTrend> {
        WindowTrend::of(&self.means())
    }

    /// Returns the mean of window `place` as evidence: the point nearest to it. The label begins with `what`
    /// and contains the mean. `None` if there is no such window.
    pub(crate) fn evidence(&self, what: &str, place: usize) -> Option<EvidenceItem> {
        let reading = self.readings.get(place)?;
        let (series, point) = (reading.series, reading.typical);
        let mean = figures::show(&self.series.name, reading.mean);
        let label = format!("{what}: point nearest the mean of {mean}");
        self.source
            .evidence(label, &format!("/series/{series}/mean/{point}"))
    }

    /// Returns the label that tells the series from others of its name, as in `postgres` or `vda`; empty if
    /// it has none.
    pub(crate) fn whose(&self) -> &'a str {
        let labels = &self.series.labels;
        let told = ["name", "cgroup", "device", "interface", "mount"];
        let told = told.iter().find_map(|label| labels.get(*label));
        told.or_else(|| labels.values().next())
            .map_or("", String::as_str)
    }
}
