//! A recording read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bench_report::{ClockAnchor, Growing, Mark, Report, Series, Status};
use serde::Serialize;

use super::{Pattern, Summary};
use crate::marks::{self, Recorder};
use crate::record;
use crate::stream::place;

/// What is shown of a recording, whichever of its files it was read from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// Names the run.
    pub run_id: String,
    /// Wall clock at its start, RFC 3339 in UTC.
    pub started_at: String,
    /// The same instant on the monotonic clock.
    pub clock: ClockAnchor,
    /// From start to the last that was written.
    pub duration_ns: u64,
    /// Result in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// What to know before relying on it: where it ends before its time, and why.
    pub notes: Vec<String>,
    /// The series asked for, in a few figures each.
    pub series: Vec<Row>,
    /// The same over time, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Series>,
    /// What grew that should level off, as the recorder judged it.
    pub growth: Vec<Growing>,
    /// What happened meanwhile.
    pub marks: Vec<Mark>,
    /// What makes some of the figures doubtful.
    pub warnings: Vec<String>,
}

/// One series in a few figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Labels that tell it from its siblings.
    pub labels: BTreeMap<String, String>,
    /// What it is measured in.
    pub unit: &'static str,
    /// Its figures.
    #[serde(flatten)]
    pub summary: Summary,
}

impl Recorded {
    /// What is shown of the report that was read from `path`.
    pub fn of_report(path: &Path, report: Report, wanted: &Pattern, points: bool) -> Self {
        let interval_ns = interval_ns(&report);
        let note = note(path, &report);
        let growth = report.summary.growth.iter();
        let growth = growth.filter(|g| wanted.matches(&g.series, &g.labels));
        let growth = growth.cloned().collect();
        let mut marks = report.marks;
        if report.status == Status::Interrupted {
            let left = marks::left_behind(path);
            let new: Vec<Mark> = left.into_iter().filter(|m| !marks.contains(m)).collect();
            marks.extend(new);
            marks.sort_by_key(|mark| mark.at_ns);
        }
        let all = report.series.into_iter();
        let chosen: Vec<Series> = all.filter(|s| wanted.matches(&s.name, &s.labels)).collect();
        let rows = chosen.iter().filter_map(|series| {
            let summary = Summary::of_points(series, interval_ns)?;
            Some(Row::new(&series.name, &series.labels, summary))
        });
        let rows: Vec<Row> = rows.collect();
        let rolled_up = rows.iter().any(|row| row.summary.samples_per_point > 1);
        let raw = rolled_up.then(|| raw_beside(path)).flatten();
        Self {
            path: path.to_owned(),
            run_id: report.run_id,
            started_at: report.started_at,
            clock: report.clock,
            duration_ns: report.duration_ns,
            headline: Some(report.summary.headline)
                .filter(|text| !text.is_empty() && text != record::UNFINISHED),
            notes: note.into_iter().chain(raw).collect(),
            series: rows,
            points: if points { chosen } else { Vec::new() },
            growth,
            marks,
            warnings: report.warnings.into_iter().map(|w| w.message).collect(),
        }
    }

    /// Seconds from the start to an instant of the monotonic clock.
    pub fn seconds(&self, at_ns: u64) -> f64 {
        at_ns.saturating_sub(self.clock.monotonic_ns) as f64 / 1e9
    }

    /// The wall clock at an instant of the monotonic clock, had nobody set it since the start.
    pub fn wall_clock(&self, at_ns: u64) -> Option<String> {
        let start: SystemTime = humantime::parse_rfc3339(&self.started_at).ok()?;
        let since = Duration::from_nanos(at_ns.saturating_sub(self.clock.monotonic_ns));
        let at = start.checked_add(since)?;
        // Beyond the year 9999 there is no such text, and writing it would panic.
        let end = humantime::parse_rfc3339("9999-12-31T23:59:59Z").ok()?;
        (at < end).then(|| humantime::format_rfc3339_millis(at).to_string())
    }

    /// What the percentiles are percentiles of, which depends on how long the recording is.
    pub fn basis(&self) -> String {
        let of = |row: &Row| row.summary.samples_per_point;
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

impl Row {
    /// Of a series of this name and with these labels.
    pub fn new(name: &str, labels: &BTreeMap<String, String>, summary: Summary) -> Self {
        Self {
            name: name.to_owned(),
            labels: labels.clone(),
            unit: super::Unit::of(name).symbol(),
            summary,
        }
    }
}

/// How far apart samples were in truth; what was asked for where that is not told.
fn interval_ns(report: &Report) -> Option<u64> {
    let samples = report.summary.figures.get("samples");
    let intervals = samples.map(|samples| samples - 1.0).filter(|n| *n >= 1.0);
    let true_ns = intervals.map(|intervals| (report.duration_ns as f64 / intervals) as u64);
    let asked_ns = || report.config.get("interval_ns")?.as_u64();
    true_ns.or_else(asked_ns)
}

fn note(path: &Path, report: &Report) -> Option<String> {
    let recorder = Recorder::of_report(path).ok().flatten();
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
    }
}

/// Where to find more than the report has.
fn raw_beside(report: &Path) -> Option<String> {
    let files = place::files(report).ok()?;
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
