//! Made-up `/proc` and `/sys`, and a recording of them.

use std::path::Path;

use crate::recording::LiveRecording;
use bench_report::{Report, Tool};

/// Writes the file `path`, relative to `root`, of a made-up tree, and creates its directories.
pub(super) fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Takes another sample after 120 ms, which is long enough for all rates.
pub(super) fn sample_later(recording: &mut LiveRecording) {
    std::thread::sleep(std::time::Duration::from_millis(120));
    recording.sample();
}

/// Returns a report of what the recording contains so far.
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
