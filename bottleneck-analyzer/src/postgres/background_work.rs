//! Calls during the work of a background process, compared with calls at other times of the same repeat.

use std::ops::Range;

use bench_report::names::postgres_tables;
use bench_report::{Load, Series};

use super::evidence::{CitedRow, PostgresEvidence};
use crate::assessment::{ComputedFigure, EvidenceItem};
use crate::series_reading::{measured_intervals, overlap};

/// Smallest number of intervals during the work, and of intervals outside, that can be compared.
const LEAST_INTERVALS: usize = 5;
/// Smallest difference between the mean throughput during and outside the work, in standard errors,
/// that counts as more than chance.
const STANDARD_ERRORS: f64 = 2.0;
/// Smallest such difference for work that was seen only once in the repeat, in standard errors:
/// something else may have changed then.
const STANDARD_ERRORS_OF_ONE: f64 = 4.0;

/// Work of one kind of background process in a measured part.
#[derive(Debug)]
pub(crate) struct BackgroundWork<'a> {
    server: PostgresEvidence<'a>,
    rows: Vec<CitedRow<'a>>,
    spans: Vec<Range<u64>>,
}

/// Comparison of the calls during some work with the calls outside.
#[derive(Debug)]
pub(crate) struct CallsBeside {
    /// Mean time of a call during the work, in nanoseconds.
    pub(crate) during_ns: f64,
    /// Mean time of a call outside the work, in nanoseconds.
    pub(crate) outside_ns: f64,
    /// Mean time of all calls less that of the calls outside the work, in nanoseconds; 0 if the
    /// difference may be chance.
    pub(crate) lost_ns: f64,
    /// Throughput of a typical interval during the work and of one outside.
    pub(crate) evidence: Vec<EvidenceItem>,
}

impl CallsBeside {
    /// Returns the times of a call with the way in which they were computed.
    pub(crate) fn computed(&self) -> Vec<ComputedFigure> {
        const HOW: &str = "calls at work ÷ throughput of the intervals (Little's law)";
        vec![
            ComputedFigure::new(
                "time of a call during the work, in nanoseconds",
                self.during_ns,
                HOW,
            ),
            ComputedFigure::new(
                "time of a call at other times, in nanoseconds",
                self.outside_ns,
                HOW,
            ),
        ]
    }
}

impl<'a> BackgroundWork<'a> {
    /// Returns the work of `process`, as in `checkpointer`; without spans if it did not work. `None` if
    /// the processes' work was not recorded.
    pub(crate) fn of(server: &PostgresEvidence<'a>, process: &str) -> Option<Self> {
        let rows = server
            .table(postgres_tables::background_work::TABLE)?
            .into_iter();
        let rows: Vec<CitedRow<'a>> = rows.filter(|r| r.label("process") == process).collect();
        let window = server.step.window;
        let spans = rows.iter().map(|row| {
            let at = |name: &str| row.count(name) as u64;
            at("begin_ns").max(window.measure_start_ns)..at("end_ns").min(window.measure_end_ns)
        });
        Some(Self {
            server: *server,
            spans: joined(spans.filter(|span| span.start < span.end).collect()),
            rows,
        })
    }

    /// Returns the number of times that the work went on without a break.
    pub(crate) fn times(&self) -> usize {
        self.spans.len()
    }

    /// Returns the share of the measured part in which the work went on, from 0 to 1.
    pub(crate) fn ratio(&self) -> f64 {
        let worked: u64 = self.spans.iter().map(|span| span.end - span.start).sum();
        worked as f64 / (self.server.step.window.measured_s() * 1e9).max(1.0)
    }

    /// Returns the work that took most of the time, as in `VACUUM public.orders`; empty if there was none.
    pub(crate) fn mostly(&self) -> &str {
        let length = |row: &CitedRow<'_>| row.count("end_ns") - row.count("begin_ns");
        let of = |work: &str| {
            let rows = self.rows.iter().filter(|row| row.label("work") == work);
            rows.map(length).sum::<f64>()
        };
        let works = self.rows.iter().map(|row| row.label("work"));
        works.max_by(|a, b| of(a).total_cmp(&of(b))).unwrap_or("")
    }

    /// Returns begin and end of the longest span as evidence.
    pub(crate) fn evidence(&self) -> Vec<EvidenceItem> {
        let length = |row: &&CitedRow<'_>| row.count("end_ns") - row.count("begin_ns");
        let longest = self
            .rows
            .iter()
            .max_by(|a, b| length(a).total_cmp(&length(b)));
        let longest = longest.into_iter();
        let items = longest.flat_map(|row| {
            let work = row.label("work");
            [
                row.evidence(
                    format!("{work} began (clock of the machine since its start)"),
                    "begin_ns",
                ),
                row.evidence(format!("{work} ended"), "end_ns"),
            ]
        });
        items.flatten().collect()
    }

    /// Compares the calls during the work with those outside. `None` if the report has no throughput by
    /// interval, or too few intervals of either kind.
    pub(crate) fn compare_calls(&self) -> Option<CallsBeside> {
        let step = self.server.step;
        let (place, series) = throughput(&self.server)?;
        let is_during = |span: &Range<u64>| {
            let shared: u64 = self.spans.iter().map(|work| overlap(work, span)).sum();
            2 * shared >= span.end - span.start
        };
        let intervals = measured_intervals(series, step.window);
        let (during, outside): (Vec<_>, Vec<_>) = intervals
            .into_iter()
            .partition(|(_, span, _)| is_during(span));
        if during.len().min(outside.len()) < LEAST_INTERVALS {
            return None;
        }
        let (inside, out) = (Throughput::of(&during), Throughput::of(&outside));
        let all = Throughput::of(&[during.as_slice(), outside.as_slice()].concat());
        let outside_ns = call_ns(&step.load, out.mean)?;
        let errors = (inside.squared_error + out.squared_error).sqrt();
        let least = if self.times() > 1 {
            STANDARD_ERRORS
        } else {
            STANDARD_ERRORS_OF_ONE
        };
        let differs = out.mean - inside.mean > least * errors;
        let lost = call_ns(&step.load, all.mean)? - outside_ns;
        let point = |label: &str, index: usize| {
            let pointer = format!("/series/{place}/mean/{index}");
            self.server.source.evidence(label, &pointer)
        };
        Some(CallsBeside {
            during_ns: call_ns(&step.load, inside.mean)?,
            outside_ns,
            lost_ns: if differs { lost.max(0.0) } else { 0.0 },
            evidence: [
                point("throughput of an interval during it", inside.typical),
                point("throughput of an interval outside", out.typical),
            ]
            .into_iter()
            .flatten()
            .collect(),
        })
    }
}

/// Throughput over some intervals.
struct Throughput {
    /// Mean in calls per second, weighted by the lengths of the intervals.
    mean: f64,
    /// Square of the standard error of the mean.
    squared_error: f64,
    /// Index of the point that is nearest to the mean.
    typical: usize,
}

impl Throughput {
    fn of(intervals: &[(usize, Range<u64>, f64)]) -> Self {
        let length = |span: &Range<u64>| (span.end - span.start) as f64;
        let time: f64 = intervals.iter().map(|(_, span, _)| length(span)).sum();
        let calls: f64 = intervals.iter().map(|(_, span, x)| length(span) * x).sum();
        let mean = calls / time;
        let count = intervals.len() as f64;
        let squares: f64 = intervals.iter().map(|(_, _, x)| (x - mean).powi(2)).sum();
        let nearest = intervals
            .iter()
            .min_by(|a, b| (a.2 - mean).abs().total_cmp(&(b.2 - mean).abs()));
        Self {
            mean,
            squared_error: squares / (count - 1.0).max(1.0) / count,
            typical: nearest.map_or(0, |(index, _, _)| *index),
        }
    }
}

/// Returns the mean time of a call at `per_s` calls per second, in nanoseconds, by Little's law. `None`
/// for an open loop, whose throughput does not depend on the time of a call, and without calls.
fn call_ns(load: &Load, per_s: f64) -> Option<f64> {
    match load {
        Load::Closed {
            users,
            think_time_ns,
        } if per_s > 0.0 => Some((*users as f64 / per_s * 1e9 - *think_time_ns as f64).max(0.0)),
        _ => None,
    }
}

fn throughput<'a>(server: &PostgresEvidence<'a>) -> Option<(usize, &'a Series)> {
    let mut series = server.source.report.series.iter().enumerate();
    series.find(|(_, s)| s.name == "throughput_per_s" && s.labels.is_empty())
}

/// Joins spans that overlap, as those of two workers at once.
fn joined(mut spans: Vec<Range<u64>>) -> Vec<Range<u64>> {
    spans.sort_by_key(|span| span.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}
