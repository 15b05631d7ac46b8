//! Detector of processes that slept since the last reading. Such a process used no CPU time, so its
//! last reading is still right. The check takes a fifth of the time of reading the process.
//!
//! The kernel counts how often a thread got a CPU and how long it ran. Some changes to a sleeping
//! process do not show in these counters: its memory may be reclaimed, or its parent may end. Every
//! process is therefore read again about every five seconds.

use std::path::Path;

use super::schedule::{ScheduleFile, ScheduleTimes};
use crate::source::{ReadSpan, Timed};

/// Largest age of the reading of a sleeping process, in nanoseconds; after it the process is read
/// again.
const MAX_AGE_NS: u64 = 5_000_000_000;

/// Detector of whether one process ran, from its scheduler counters in a file that stays open.
#[derive(Debug, Default)]
pub(super) struct RunDetector {
    file: Option<ScheduleFile>,
    last: Option<(ScheduleTimes, u64)>,
}

/// Returns true if the kernel counts how often threads get a CPU, as the counters of this program
/// in the file tree `proc` show.
pub(super) fn is_counted(proc: &Path) -> bool {
    ScheduleFile::open(&proc.join("self/schedstat"))
        .ok()
        .and_then(|file| counted(&file))
        .is_some()
}

impl RunDetector {
    /// Returns the span in which this check read the counters, if the first thread of the process
    /// has not run since the last check and the reading of the process is not too old; `None`
    /// otherwise. Call it before the process is read, and only for a process with one thread.
    /// `now_ns` is on the monotonic clock.
    pub(super) fn has_slept(&mut self, proc: &Path, pid: u32, now_ns: u64) -> Option<ReadSpan> {
        let file = match self.file.take() {
            Some(file) => file,
            None => ScheduleFile::open(&proc.join(format!("{pid}/schedstat"))).ok()?,
        };
        let read = Timed::around(|| counted(&file).ok_or(())).ok();
        // Processes are renewed in turn, not all in the same tick.
        let turn = (now_ns + u64::from(pid) * 7_919 * 1_000_000) / MAX_AGE_NS;
        let now = read.as_ref().map(|read| (read.value, turn));
        let slept = now.is_some() && now == self.last;
        self.last = now;
        self.file = now.is_some().then_some(file);
        read.filter(|_| slept).map(|read| read.span)
    }

    /// Closes the file and discards the last counters, so that the next check finds no sleep.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    pub(super) fn handles(&self) -> usize {
        usize::from(self.file.is_some())
    }
}

/// Reads the counters of one thread; `None` if the thread has ended or the kernel does not count.
fn counted(file: &ScheduleFile) -> Option<ScheduleTimes> {
    file.read().ok().filter(|times| times.slices > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, text: &str) {
        std::fs::create_dir_all(root.join("7")).unwrap();
        std::fs::write(root.join("7/schedstat"), text).unwrap();
    }

    #[test]
    fn a_process_stands_still_until_it_runs_or_its_time_is_up() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = RunDetector::default();
        let mut still = |now_ns: u64| watch.has_slept(root.path(), 7, now_ns).is_some();
        assert!(!still(0), "nothing is there");
        put(root.path(), "100 5 1\n");
        assert!(!still(0), "nothing was known");
        assert!(still(1) && still(2));
        put(root.path(), "100 5 2\n");
        assert!(!still(3) && still(4));
        assert!(!still(4 + MAX_AGE_NS) && still(5 + MAX_AGE_NS));
        for odd in ["100 5 0\n", "100 5", "100 5 2", "x y z\n", ""] {
            put(root.path(), odd);
            assert!(!still(6 + MAX_AGE_NS) && !still(7 + MAX_AGE_NS), "{odd}");
        }
        assert!(!is_counted(root.path()));
    }

    #[test]
    fn sleepers_are_read_again_in_turn_and_not_all_at_once() {
        let root = tempfile::tempdir().unwrap();
        let ticks = 50;
        let mut most = 0;
        let mut watches: Vec<RunDetector> = (0..100).map(|_| RunDetector::default()).collect();
        for pid in 0..100 {
            let place = root.path().join(pid.to_string());
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("schedstat"), "1 1 1\n").unwrap();
        }
        let mut all = 0;
        for tick in 0..=ticks {
            let now_ns = tick * MAX_AGE_NS / ticks;
            let mut again = 0;
            for (watch, pid) in watches.iter_mut().zip(0..) {
                let still = watch.has_slept(root.path(), pid, now_ns);
                again += usize::from(still.is_none());
            }
            if tick > 0 {
                (most, all) = (most.max(again), all + again);
            }
        }
        assert!(all >= 99 && most < 20, "{all} {most}");
    }
}
