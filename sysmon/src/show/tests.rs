//! Tests of `sysmon show` for a recording whose raw samples were rotated: its parts are shown as
//! one.

use std::fs;
use std::path::PathBuf;

use bench_cli::UsageError;
use bench_report::{Report, Tool};
use clap::Parser as _;
use host_metrics::rate_window::FigureValue;
use serde_json::Value;
use tempfile::TempDir;

use super::{Rendered, ShowFlags, rendered};
use crate::cli::{SysmonCli, SysmonCommand};
use crate::label_text::label_text;
use crate::stream::sample::{RawSample, SampleRow};
use crate::stream::{RawHeader, RawWriter, Rotation, paths};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_000 * SECOND;

/// Temporary directory that a test's recordings are in.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn report_path(&self) -> PathBuf {
        self.0.path().join("sysmon.record.json")
    }

    /// Returns the output of `sysmon show` with the arguments `words`, or its error. Names of files
    /// are relative to the directory. Panics if the arguments cannot be parsed.
    fn try_show(&self, words: &[&str]) -> anyhow::Result<String> {
        let cli = SysmonCli::try_parse_from([&["sysmon", "show"], words].concat());
        let SysmonCommand::Show(flags) = cli.unwrap().action else {
            panic!("{words:?} shows nothing");
        };
        let places = flags.recordings.iter().map(|name| self.0.path().join(name));
        let flags = ShowFlags {
            recordings: places.collect(),
            ..flags
        };
        let (Rendered::Text(text) | Rendered::Data(text)) = rendered(&flags, None)?;
        Ok(text)
    }

    fn show(&self, words: &[&str]) -> String {
        self.try_show(words).unwrap()
    }

    /// Returns the error message of `sysmon show` with the arguments `words`. Panics unless it
    /// fails with a usage error.
    fn refused(&self, words: &[&str]) -> String {
        let error = self.try_show(words).unwrap_err();
        assert!(error.downcast_ref::<UsageError>().is_some(), "{error:?}");
        format!("{error:#}")
    }
}

fn begun(run_id: &str) -> Report {
    let tool = Tool {
        name: "sysmon".into(),
        version: "0".into(),
        commit: None,
    };
    let mut report = Report::begin(tool, run_id.into(), "record");
    report.started_at = "2026-03-14T09:15:00.000Z".into();
    report.clock.monotonic_ns = START;
    report
}

fn header(run_id: &str) -> RawHeader {
    RawHeader::new(&begun(run_id), SECOND)
}

/// Records a run of 45 seconds in five files, each of ten seconds except for the last: a load whose
/// value is the number of the second, and memory that was first read in the 15th second.
fn record(home: &Home, run_id: &str) {
    let rotation = Rotation {
        age_ns: Some(10 * SECOND),
        ..Rotation::default()
    };
    let mut writer = RawWriter::start(&home.report_path(), header(run_id), rotation).unwrap();
    for second in 1..=45_u32 {
        let row = |series, value| SampleRow {
            series,
            labels: label_text([].into_iter()),
            reading: FigureValue::from(value),
        };
        let mut rows = vec![row("load.tasks", f64::from(second))];
        rows.extend((second >= 15).then(|| row("memory.used_bytes", 5e9)));
        let at_ns = START + u64::from(second) * SECOND;
        writer.hand_in(RawSample { at_ns, rows });
    }
    writer.close();
    assert_eq!(
        (writer.failure().is_none(), writer.dropped_samples()),
        (true, 0)
    );
}

fn part(number: u64) -> String {
    format!("sysmon.record.{number:06}.arrows")
}

fn json(home: &Home, args: &[&str]) -> Value {
    let args = [args, &["--format", "json"]].concat();
    serde_json::from_str(&home.show(&args)).unwrap()
}

/// Returns the series `name` with its figures from the JSON of a recording. Panics if there is
/// none.
fn series<'a>(json: &'a Value, name: &str) -> &'a Value {
    let mut all = json["series"].as_array().unwrap().iter();
    all.find(|series| series["name"] == name).unwrap()
}

fn notes(json: &Value) -> Vec<&str> {
    let notes = json["notes"].as_array().unwrap().iter();
    notes.map(|note| note.as_str().unwrap()).collect()
}

#[test]
fn any_part_names_the_whole_recording_however_it_is_named() {
    let home = Home::new();
    record(&home, "run");
    let all: Vec<String> = (1..=5).map(part).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let joined = "Joined from 5 files, sysmon.record.000001.arrows to sysmon.record.000005.arrows: \
                  parts 1 to 5 of the recording.";
    for named in [
        &all[2..3],
        &all[1..3],
        &all[..],
        &["sysmon.record.*.arrows"],
        &["sysmon.record.arrows"],
        &["."],
    ] {
        let whole = json(&home, named);
        let load = series(&whole, "load.tasks");
        assert_eq!((&load["points"], &load["mean"]), (&45.into(), &23.0.into()));
        assert_eq!((&load["min"], &load["max"]), (&1.0.into(), &45.0.into()));
        assert_eq!(series(&whole, "memory.used_bytes")["missing_ratio"], 0.0);
        assert_eq!(whole["duration_ns"], 45 * SECOND, "{named:?}");
        assert_eq!(notes(&whole), [joined], "{named:?}");
    }
    let alone = json(&home, &["--alone", &part(3)]);
    assert_eq!(series(&alone, "load.tasks")["min"], 21.0);
    assert_eq!(series(&alone, "load.tasks")["points"], 10);
    let two = home.show(&["--alone", &part(1), &part(2), "--format", "csv"]);
    assert!(two.starts_with("series,labels,unit,a_points"), "{two}");
    assert!(two.contains("\nload.tasks,,count,10,"), "{two}");
}

#[test]
fn parts_stand_in_order_of_time_whatever_their_names_and_what_lies_between_is_a_gap() {
    let home = Home::new();
    record(&home, "run");
    let path = |number| paths::part(&home.report_path(), number);
    // The first file gets a name after the last, the second is removed, the third is copied, and the fourth
    // was never closed.
    fs::rename(path(1), path(6)).unwrap();
    fs::remove_file(path(2)).unwrap();
    fs::copy(path(3), path(9)).unwrap();
    let fourth = fs::read(path(4)).unwrap();
    fs::write(path(4), &fourth[..fourth.len() - 8]).unwrap();
    fs::write(path(7), "no samples").unwrap();

    let points = ["--points", "--series", "load", "sysmon.record.*.arrows"];
    let csv = home.show(&[&points[..], &["--format", "csv"]].concat());
    let told: Vec<(&str, &str)> = csv
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[1], fields[6])
        })
        .collect();
    let seconds: Vec<String> = (1..=10).chain(21..=45).map(|s| s.to_string()).collect();
    let mut expected: Vec<(&str, &str)> = seconds.iter().map(|s| (&**s, &**s)).collect();
    expected.insert(10, ("11", ""));
    assert_eq!(told, expected);
    let text = home.show(&points);
    let gap = text.lines().find(|line| line.contains("11.000 s"));
    assert!(gap.is_some_and(|line| line.ends_with("  absent")), "{text}");

    let whole = json(&home, &[&part(5)]);
    let load = series(&whole, "load.tasks");
    assert_eq!(
        (&load["points"], &load["missing_ratio"]),
        (&35.into(), &0.0.into())
    );
    assert_eq!(load["mean"], (55.0 + 33.0 * 25.0) / 35.0);
    let [joined, unclosed, gap] = notes(&whole)[..] else {
        panic!("{:?}", notes(&whole));
    };
    assert!(
        joined.starts_with("Joined from 4 files, sysmon.record.000006.arrows to"),
        "{joined}"
    );
    assert_eq!(unclosed, "Part 4 was never closed.");
    assert_eq!(
        gap,
        "There are no samples of 11.0 s, from 10.0 s to 21.0 s after the start."
    );

    // Files that --keep has removed are no part of it either.
    fs::remove_file(path(6)).unwrap();
    let gone = "There are no samples of 21.0 s, from 0 s to 21.0 s after the start.";
    assert!(notes(&json(&home, &[&part(5)])).contains(&gone));
    fs::remove_file(path(4)).unwrap();
    let both = "There are no samples of 32.0 s in 2 places, the first from 0 s to 21.0 s after \
                the start.";
    assert!(notes(&json(&home, &[&part(5)])).contains(&both));
}

#[test]
fn recordings_one_after_the_other_are_not_joined() {
    let home = Home::new();
    record(&home, "monday");
    record(&home, "tuesday");
    let run = |number| json(&home, &[&part(number)])["run_id"].clone();
    assert_eq!((run(5), run(6)), ("monday".into(), "tuesday".into()));
    let both = json(&home, &[&part(2), &part(7), &part(10)]);
    assert_eq!(both["first"]["run_id"], "monday");
    assert_eq!(both["second"]["run_id"], "tuesday");
    for named in ["sysmon.record.*.arrows", "."] {
        let said = home.refused(&[named]);
        assert!(said.contains("names several recordings"), "{said}");
        assert!(
            said.contains("000006.arrows") && said.contains("sysmon show "),
            "{said}"
        );
    }
    let three = ["--alone", &part(1), &part(2), &part(3)];
    let said = home.refused(&three);
    assert!(
        said.contains("3 recordings are named; two is the most"),
        "{said}"
    );
}

/// Names that the analyzer does not read, each with the program that shows it.
const UNREAD: &str = include_str!("../../../bottleneck-analyzer/unread-names.txt");

/// Ends of the names of series that give their unit, as the text leaves them out.
const UNITS: [&str; 9] = [
    "_ratio",
    "_bytes",
    "_bytes_per_s",
    "_per_s",
    "_ns",
    "_cores",
    "_hertz",
    "_watts",
    "_celsius",
];

/// A series that the list says is shown here is one that a recording with all of them shows.
#[test]
fn each_series_that_this_command_is_said_to_show_is_shown_with_its_figures() {
    let said = UNREAD.lines().filter_map(|line| {
        let (name, why) = line.strip_prefix("series\t")?.split_once('\t')?;
        why.starts_with("shown: by sysmon show").then_some(name)
    });
    let said: Vec<&str> = said.collect();
    assert!(!said.is_empty());
    let home = Home::new();
    let mut report = begun("all");
    for (at, name) in said.iter().enumerate() {
        let mut series = bench_report::Series::new(*name);
        for second in 1..=3 {
            series.push(START + second * SECOND, Some(at as f64 + 1.0));
        }
        report.series.push(series);
    }
    bench_report::store::save_json(&home.report_path(), &report).unwrap();
    let shown = json(&home, &["sysmon.record.json"]);
    let text = home.show(&["sysmon.record.json"]);
    // The text has the unit of a series in a column of its own, and not in its name.
    let is_row = |line: &str, name: &str| {
        let shown = line.split_whitespace().next();
        let unit = shown.and_then(|shown| name.strip_prefix(shown));
        unit.is_some_and(|unit| unit.is_empty() || UNITS.contains(&unit))
    };
    for (at, name) in said.iter().enumerate() {
        assert_eq!(series(&shown, name)["mean"], at as f64 + 1.0, "{name}");
        let rows = text.lines().filter(|line| is_row(line, name)).count();
        assert_eq!(rows, 1, "{name}: {text}");
    }
}
