//! Recording as read from its report or from its raw samples.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bench_report::clock::ClockAnchor;
use bench_report::{Growing, Mark, Report, Series, Status};
use serde::Serialize;

use super::{Pattern, SeriesSummary};
use crate::marks::{self, ActiveRecording};
use crate::metric::Unit;
use crate::recording::UNFINISHED;
use crate::stream::paths;

/// Content of a recording, independent of the kind of file that it was read from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LoadedRecording {
    /// Path of the file that it was read from, or a pattern for several files.
    pub(crate) path: PathBuf,
    /// Id of the run that made the recording.
    pub(crate) run_id: String,
    /// Wall clock at the start, in RFC 3339 and UTC.
    pub(crate) started_at: String,
    /// Time of `started_at` on the host's monotonic clock.
    pub(crate) clock: ClockAnchor,
    /// Length of the recording in nanoseconds, from its start: to the last sample if it was read
    /// from raw samples, to the last save if from a report.
    pub(crate) duration_ns: u64,
    /// Result in one sentence; `None` if the file has none, or only that of an unfinished
    /// recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) headline: Option<String>,
    /// Notes about completeness, such as an early end with its reason.
    pub(crate) notes: Vec<String>,
    /// Summaries of the selected series.
    pub(crate) series: Vec<SummaryRow>,
    /// Selected series with their points; empty unless points were requested.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) points: Vec<Series>,
    /// Selected series that grew although they should level off, as the recorder judged them.
    pub(crate) growth: Vec<Growing>,
    /// Named instants that were marked in the recording, in order of time.
    pub(crate) marks: Vec<Mark>,
    /// Messages of the recorder's warnings about the figures.
    pub(crate) warnings: Vec<String>,
}

/// Row of a summary: one series and its figures over the whole recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SummaryRow {
    /// Name of the series.
    pub(crate) name: String,
    /// Labels that distinguish the series from others of the same name.
    pub(crate) labels: BTreeMap<String, String>,
    /// Symbol of the unit of the figures, such as `B`.
    pub(crate) unit: &'static str,
    /// Mean, percentiles and extremes of the series.
    #[serde(flatten)]
    pub(crate) summary: SeriesSummary,
}

impl LoadedRecording {
    /// Converts a report that was read from `path`. Only series that match `wanted` are included,
    /// with their points if `points` is set. Adds the marks that an interrupted recording did not
    /// save.
    pub(crate) fn of_report(path: &Path, report: Report, wanted: &Pattern, points: bool) -> Self {
        let interval_ns = interval_ns(&report);
        let note = note(path, &report);
        let growth = report.summary.growth.iter();
        let growth = growth.filter(|g| wanted.matches(&g.series, &g.labels));
        let growth = growth.cloned().collect();
        let mut marks = report.marks;
        if report.status == Status::Interrupted {
            let left = marks::unsaved(path);
            let new: Vec<Mark> = left.into_iter().filter(|m| !marks.contains(m)).collect();
            marks.extend(new);
            marks.sort_by_key(|mark| mark.at_ns);
        }
        let all = report.series.into_iter();
        let chosen: Vec<Series> = all.filter(|s| wanted.matches(&s.name, &s.labels)).collect();
        let rows = chosen.iter().filter_map(|series| {
            let summary = SeriesSummary::of_points(series, interval_ns)?;
            Some(SummaryRow::new(&series.name, &series.labels, summary))
        });
        let rows: Vec<SummaryRow> = rows.collect();
        let rolled_up = rows.iter().any(|row| row.summary.samples_per_point > 1);
        let raw = rolled_up.then(|| raw_beside(path)).flatten();
        Self {
            path: path.to_owned(),
            run_id: report.run_id,
            started_at: report.started_at,
            clock: report.clock,
            duration_ns: report.duration_ns,
            headline: Some(report.summary.headline)
                .filter(|text| !text.is_empty() && text != UNFINISHED),
            notes: note.into_iter().chain(raw).collect(),
            series: rows,
            points: if points { chosen } else { Vec::new() },
            growth,
            marks,
            warnings: report.warnings.into_iter().map(|w| w.message).collect(),
        }
    }

    /// Returns the seconds from the start of the recording to `at_ns`, in nanoseconds of the
    /// monotonic clock; 0 for an earlier time.
    pub(crate) fn seconds(&self, at_ns: u64) -> f64 {
        at_ns.saturating_sub(self.clock.monotonic_ns) as f64 / 1e9
    }

    /// Returns the wall clock at `at_ns`, in nanoseconds of the monotonic clock, as RFC 3339 in UTC
    /// with milliseconds; the wall clock is taken not to have been set since the start. `None` if
    /// the start is not valid or the time is past the year 9999.
    pub(crate) fn wall_clock(&self, at_ns: u64) -> Option<String> {
        let start: SystemTime = humantime::parse_rfc3339(&self.started_at).ok()?;
        let since = Duration::from_nanos(at_ns.saturating_sub(self.clock.monotonic_ns));
        let at = start.checked_add(since)?;
        // RFC 3339 ends with the year 9999, and formatting a later time would panic.
        let end = humantime::parse_rfc3339("9999-12-31T23:59:59Z").ok()?;
        (at < end).then(|| humantime::format_rfc3339_millis(at).to_string())
    }

    /// Returns a sentence about the points from which percentiles are computed: single samples, or
    /// means of several. In a report this depends on the length of the recording.
    pub(crate) fn basis(&self) -> String {
        let of = |row: &SummaryRow| row.summary.samples_per_point;
        let least = self.series.iter().map(of).min().unwrap_or(1);
        let most = self.series.iter().map(of).max().unwrap_or(1);
        match (least, most) {
            (_, 1) => "Percentiles are of single samples.".to_owned(),
            (least, most) => {
                let count = if least == most {
                    most.to_string()
                } else {
                    format!("{least} to {most}")
                };
                format!(
                    "Percentiles are of roll-ups: each point is the mean of {count} samples, so \
                     that a shorter peak shows in max and not in p99."
                )
            }
        }
    }
}

impl SummaryRow {
    /// Creates the row of a series with this name, from which the unit follows, and these labels.
    pub(crate) fn new(
        name: &str,
        labels: &BTreeMap<String, String>,
        summary: SeriesSummary,
    ) -> Self {
        Self {
            name: name.to_owned(),
            labels: labels.clone(),
            unit: Unit::of(name).symbol(),
            summary,
        }
    }
}

/// Returns the mean interval between samples, in nanoseconds. If the report does not contain the
/// number of samples, it is the configured interval; `None` if that is missing too.
fn interval_ns(report: &Report) -> Option<u64> {
    let samples = report.summary.figures.get("samples");
    let intervals = samples.map(|samples| samples - 1.0).filter(|n| *n >= 1.0);
    let true_ns = intervals.map(|intervals| (report.duration_ns as f64 / intervals) as u64);
    let asked_ns = || report.config.get("interval_ns")?.as_u64();
    true_ns.or_else(asked_ns)
}

fn note(path: &Path, report: &Report) -> Option<String> {
    let recorder = ActiveRecording::find(path).ok().flatten();
    match (report.status, recorder) {
        (Status::Interrupted, Some(recorder)) => Some(format!(
            "Still being recorded by process {}: this is what was saved last.",
            recorder.pid
        )),
        (Status::Complete, _) => None,
        (Status::Interrupted, None) => {
            Some("Interrupted before its end: this is what was saved.".to_owned())
        }
        (Status::Stopped, _) => Some("Stopped by a rule before its end.".to_owned()),
        (Status::Failed, _) => Some("Failed on the way: this is what was saved.".to_owned()),
        (Status::Unknown, _) => Some(
            "Ended in a way that this version does not know: this is what was saved.".to_owned(),
        ),
    }
}

/// Returns a sentence that names the files of raw samples beside the report; `None` if there are
/// none.
fn raw_beside(report: &Path) -> Option<String> {
    let files = paths::files(report).ok()?;
    let (first, more) = files.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(format!(
        "Raw samples are in {}{more}; shown from there, percentiles are of every sample.",
        first.display()
    ))
}
