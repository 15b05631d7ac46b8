//! A disk that fills up under a recording. Alone in its process, whose files may not grow large.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use bench_report::{Report, Tool};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use sysmon::recording::{Recording, Settings};
use sysmon::stream::{Ending, Header, RawWriter, Rotation, place, read};
use test_support::eventually;

const MOST_BYTES: u64 = 100_000;

#[test]
fn a_full_disk_ends_the_raw_samples_and_neither_the_recording_nor_what_was_written() {
    // SAFETY: ignoring a signal runs no code of ours in a handler.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, MOST_BYTES, MOST_BYTES).unwrap();
    let home = tempfile::tempdir().unwrap();
    let place_of_report = home.path().join("r.json");
    let tool = Tool {
        name: "sysmon".to_owned(),
        version: "0".to_owned(),
        commit: None,
    };
    let mut report = Report::begin(tool, "test".to_owned(), "record");
    let header = Header::new(&report, 1_000_000_000);
    let raw = RawWriter::start(&place_of_report, header, Rotation::default()).unwrap();
    let mut recording = Recording::begin_into(&Settings::host(), Some(raw));
    let mut samples = 1;
    eventually("the disk is full", || {
        recording.sample();
        samples += 1;
        recording.raw().unwrap().failure().is_some()
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

    let file = place::single(&place_of_report);
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
