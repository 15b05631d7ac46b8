//! Tests of a disk that becomes full during a recording. A limit on the size of a process's files
//! stands for the disk.

use std::time::Duration;

use bench_report::{Report, Tool};
use host_metrics::rate_window::FigureValue;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use test_support::eventually;

use super::own_process::in_own_process;
use crate::label_text::label_text;
use crate::recording::LiveRecording;
use crate::settings::SamplingSettings;
use crate::stream::sample::{RawSample, SampleRow};
use crate::stream::{Ending, RawHeader, RawWriter, Rotation, paths, read};

const MOST_BYTES: u64 = 100_000;
const SECOND_NS: u64 = 1_000_000_000;

fn limit_files(most_bytes: Option<u64>) {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    let soft = most_bytes.unwrap_or(hard);
    setrlimit(Resource::RLIMIT_FSIZE, soft, hard).unwrap();
}

fn report() -> Report {
    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "0".to_owned(),
        commit: None,
    };
    Report::begin(tool, "test".to_owned(), "record")
}

#[test]
fn a_full_disk_costs_raw_samples_and_neither_the_recording_nor_what_was_written() {
    in_own_process(
        "tests::full_disk::a_full_disk_costs_raw_samples_and_neither_the_recording_nor_what_was_written",
        record_on_a_full_disk,
    );
}

fn record_on_a_full_disk() {
    limit_files(Some(MOST_BYTES));
    let home = tempfile::tempdir().unwrap();
    let place_of_report = home.path().join("r.json");
    let mut report = report();
    let header = RawHeader::new(&report, SECOND_NS);
    let raw = RawWriter::start(&place_of_report, header, Rotation::default()).unwrap();
    let mut recording = LiveRecording::begin_into(&SamplingSettings::host(), Some(raw));
    let mut samples = 1;
    eventually("the disk is full", || {
        recording.sample();
        samples += 1;
        recording.raw().unwrap().outages().current.is_some()
    });
    for _ in 0..10 {
        recording.sample();
        samples += 1;
    }
    recording.close_raw();
    recording.fill(&mut report);

    let memory = report
        .series
        .iter()
        .find(|s| s.name == "memory.used_ratio")
        .unwrap();
    assert_eq!(memory.len(), samples.min(memory.len()));
    assert!(report.summary.figures["samples"] as usize == samples);
    assert!(
        memory.max.last().unwrap().is_some(),
        "the recording went on"
    );
    let told = report.warnings.iter().any(|warning| {
        let message = &warning.message;
        message.contains("cannot write raw samples to") && message.contains("Try: make room")
    });
    assert!(told, "{:?}", report.warnings);

    let file = paths::single(&place_of_report);
    let written = read(&file).unwrap();
    assert_eq!(written.ending, Ending::Closed, "its end found room");
    let rows: usize = written
        .series
        .iter()
        .map(|series| series.points.len())
        .sum();
    assert_eq!(rows as f64, report.summary.figures["raw.rows"]);
    assert!(rows > 100);
    assert!(std::fs::metadata(&file).unwrap().len() <= MOST_BYTES);
}

/// Returns the sample of the tick that ended at `second`, with `rows` rows that compression cannot
/// make smaller.
fn tick(second: u64, rows: u64) -> RawSample {
    let row = |i: u64| SampleRow {
        series: "x",
        labels: label_text([].into_iter()),
        reading: FigureValue::from((second * 1000 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) as f64),
    };
    RawSample {
        at_ns: second * SECOND_NS,
        rows: (0..rows).map(row).collect(),
    }
}

#[test]
fn a_recording_that_rotates_goes_on_in_another_file_once_there_is_room() {
    let rotation = Rotation {
        age_ns: Some(3600 * SECOND_NS),
        keep: Some(2),
        ..Rotation::default()
    };
    in_own_process(
        "tests::full_disk::a_recording_that_rotates_goes_on_in_another_file_once_there_is_room",
        || goes_on_in_another_file(rotation, &["r.000001.arrows", "r.000002.arrows"]),
    );
}

#[test]
fn a_recording_that_does_not_rotate_goes_on_in_a_numbered_file_once_there_is_room() {
    in_own_process(
        "tests::full_disk::a_recording_that_does_not_rotate_goes_on_in_a_numbered_file_once_there_is_room",
        || goes_on_in_another_file(Rotation::default(), &["r.arrows", "r.000001.arrows"]),
    );
}

fn goes_on_in_another_file(rotation: Rotation, names: &[&str; 2]) {
    let home = tempfile::tempdir().unwrap();
    let place_of_report = home.path().join("r.json");
    let part = |number: usize| home.path().join(names[number - 1]);
    let header = RawHeader::new(&report(), SECOND_NS);
    let mut raw = RawWriter::start(&place_of_report, header, rotation).unwrap();
    raw.hand_in(tick(1, 1));
    eventually("the first tick is on disk", || raw.written_rows() == 1);
    // Space for the marker that closes the file; in a further file only for its header.
    let size = std::fs::metadata(part(1)).unwrap().len();
    limit_files(Some(size + 8));
    raw.hand_in(tick(2, 500));
    eventually("the disk is full", || raw.outages().current.is_some());
    assert!(raw.failure().is_none());
    let told = raw.trouble().unwrap();
    assert!(
        told.contains("another file is begun once there is room. Try: make room"),
        "{told}"
    );
    let mut second = 2;
    let mut next = |raw: &mut RawWriter| {
        std::thread::sleep(Duration::from_millis(100));
        second += 1;
        raw.hand_in(tick(second, 500));
        raw.outages()
    };
    // Writing is tried again more than once, without success.
    eventually("it was tried again", || next(&mut raw).lost_samples >= 50);
    assert!(raw.outages().current.is_some());
    assert_eq!(
        read(&part(1)).unwrap().ending,
        Ending::Closed,
        "it kept its place"
    );

    limit_files(None);
    eventually("there is room again", || next(&mut raw).current.is_none());
    next(&mut raw);
    raw.close();
    assert_eq!(raw.trouble(), None);
    assert_eq!(paths::files(&place_of_report).unwrap(), [part(1), part(2)]);
    let [before, after] = [1, 2].map(|number| read(&part(number)).unwrap());
    assert_eq!((before.header.part, after.header.part), (1, 2));
    assert_eq!(
        (before.ending, after.ending),
        (Ending::Closed, Ending::Closed)
    );
    let points = &after.series[0].points;
    let (first, last) = (
        points[0].at_ns / SECOND_NS,
        points.last().unwrap().at_ns / SECOND_NS,
    );
    assert_eq!(before.series[0].points.len(), 1);
    assert_eq!(
        (points.len() as u64, last),
        ((last - first + 1) * 500, second)
    );
    told_and_counted(&raw, first - 1);
}

/// Asserts that there was one outage of `seconds` seconds, from the last second that was written
/// before it to the first that was written after it, and that the report says so.
fn told_and_counted(raw: &RawWriter, seconds: u64) {
    let outages = raw.outages();
    assert_eq!((outages.count, outages.lost_samples), (1, seconds - 1));
    assert_eq!(outages.total_ns(), seconds * SECOND_NS);
    let mut report = report();
    raw.fill(&mut report);
    let figures = &report.summary.figures;
    assert_eq!(figures["raw.dropped_samples"], (seconds - 1) as f64);
    assert_eq!(figures["raw.outage_ns"], (seconds * SECOND_NS) as f64);
    let [warning] = report.warnings.as_slice() else {
        panic!("{:?}", report.warnings);
    };
    let told = format!("for {seconds}.0 s in all no raw samples were kept: once");
    assert!(warning.message.starts_with(&told), "{}", warning.message);
}
