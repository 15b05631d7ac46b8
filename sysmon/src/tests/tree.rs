//! A made-up `/proc` and `/sys`, and what a recording of it says.

use std::path::Path;

use crate::recording::LiveRecording;
use bench_report::{Report, Tool};

/// Writes a file of the tree, and the directories to it.
pub(super) fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Samples once more, a while after the sample before.
pub(super) fn sample_later(recording: &mut LiveRecording) {
    std::thread::sleep(std::time::Duration::from_millis(120));
    recording.sample();
}

/// The report of what was recorded so far.
pub(super) fn report_of(recording: &LiveRecording) -> Report {
    let tool = Tool {
        name: "sysmon".into(),
        version: "0".into(),
        commit: None,
    };
    let mut report = Report::begin(tool, "test".into(), "record");
    recording.fill(&mut report);
    report
}
