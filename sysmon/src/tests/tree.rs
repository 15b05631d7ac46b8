//! Made-up `/proc` and `/sys`, and a recording of them.

use std::path::Path;

use crate::recording::LiveRecording;
use bench_report::{Report, Tool};

/// Writes a file of the tree, and creates its directories.
pub(super) fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Takes another sample, some time after the last one.
pub(super) fn sample_later(recording: &mut LiveRecording) {
    std::thread::sleep(std::time::Duration::from_millis(120));
    recording.sample();
}

/// Returns the report of what was recorded so far.
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
