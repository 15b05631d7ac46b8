//! Helpers that tests of several crates share: a directory in which a tool runs alone, the running
//! tool, an allocator that counts, and the slowdown of this machine by other programs.
//!
//! For tests only: any failure here panics and so fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod certificates;
mod counting_allocator;
mod empty_step;
mod running_program;
mod test_directory;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bench_report::{Report, WarningCode};
use nix::time::{ClockId, clock_gettime};

pub use certificates::Certificates;
pub use counting_allocator::CountingAllocator;
pub use empty_step::empty_step;
pub use running_program::{Ended, RunningProgram};
pub use test_directory::TestDirectory;

/// Time-out of all waits, three minutes; only a failing test reaches it.
pub const TIMEOUT: Duration = Duration::from_mins(3);
/// Longest time from a signal to the exit of a tool on an otherwise idle machine, 3 s.
const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// Calls `condition` every 10 ms until it returns true. Panics with `what`, the name of the event,
/// if it does not within [`TIMEOUT`].
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

/// Returns the text of the report's warning about data that a run could not remove; `None` if there
/// is no such warning.
pub fn left_behind(report: &Report) -> Option<&str> {
    let mut warnings = report.warnings.iter();
    let left = warnings.find(|warning| warning.code == WarningCode::LeftBehind);
    left.map(|left| left.message.as_str())
}

/// Copies the executable file `from` to `to`, to be started from there. Panics if that fails.
///
/// A separate process makes the copy. If this process had the copy open for writing, a thread that
/// starts a program at that instant would pass on the open file, and the copy could not be started
/// ('Text file busy') until that program has begun.
pub fn copy_program(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("--").args([from, to]).status();
    assert!(copied.unwrap().success(), "no copy of {}", from.display());
}

/// Measures by what factor a thread runs slower now than on an idle machine, because other programs
/// use the processors. Computes for 30 ms and divides the elapsed time by the thread's CPU time; at
/// least 1.
pub fn contention() -> f64 {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let (wall, before) = (Instant::now(), used());
    let mut x = 1_u64;
    while wall.elapsed() < Duration::from_millis(30) {
        x = std::hint::black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    let spent = used().saturating_sub(before).as_secs_f64();
    (wall.elapsed().as_secs_f64() / spent).max(1.0)
}

/// Returns the time that a tool may take to end after a signal: 3 s times [`contention`], which
/// takes 30 ms to measure.
pub fn ending_bound() -> Duration {
    ENDS_WITHIN.mul_f64(contention())
}
