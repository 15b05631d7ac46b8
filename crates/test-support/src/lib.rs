//! Parts that tests share: a place where a tool runs alone, the tool at work, and how much
//! longer than alone everything takes on this machine now.
//!
//! For tests only: whatever goes wrong here fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contention;
mod empty_step;
mod running_program;
mod test_directory;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bench_report::{Report, WarningCode};

pub use contention::{contention, ending_bound};
pub use empty_step::empty_step;
pub use running_program::{Ended, RunningProgram};
pub use test_directory::TestDirectory;

/// Time-out of all waits; only a failing test reaches it.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < TIMEOUT,
            "{what}: not within {TIMEOUT:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the warning about things that a run could not remove; `None` where it left
/// nothing.
pub fn left_behind(report: &Report) -> Option<&str> {
    let mut warnings = report.warnings.iter();
    let left = warnings.find(|warning| warning.code == WarningCode::LeftBehind);
    left.map(|left| left.message.as_str())
}

/// Copies a program that is to be started.
///
/// Another process does so: had this one the copy open for writing, a thread that starts something
/// else just then would hand the open file on, and the copy could not be started ('Text file
/// busy') until that other program has begun.
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("--").args([from, to]).status();
    assert!(copied.unwrap().success(), "no copy of {}", from.display());
}
