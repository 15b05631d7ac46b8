//! Thread that saves reports during a recording, so that a slow disk delays no samples. Building
//! and saving reports takes at most about a thousandth of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use bench_report::Report;
use bench_report::clock::monotonic_ns;

/// Shortest time from one hand-in of a report to the next, in nanoseconds.
pub(crate) const SAVE_EVERY_NS: u64 = 5_000_000_000;
/// Shortest time from one hand-in of a report to the next, as a multiple of the time that building
/// and saving the last one took.
const PAUSE_PER_SAVE: u64 = 1000;

/// Handle of the thread that saves reports, with the times from which the next save is scheduled.
#[derive(Debug)]
pub(crate) struct Saver {
    reports: SyncSender<Report>,
    thread: JoinHandle<()>,
    took_ns: Arc<AtomicU64>,
    making_ns: u64,
    last_ns: u64,
}

impl Saver {
    /// Starts the thread, which calls `save` with each report that is handed in.
    ///
    /// # Errors
    /// If the operating system cannot start a thread.
    pub(crate) fn start(mut save: impl FnMut(&Report) + Send + 'static) -> std::io::Result<Self> {
        // Without a buffer, a report is accepted only if the report before it was saved.
        let (reports, inbox) = sync_channel::<Report>(0);
        let took_ns = Arc::new(AtomicU64::new(0));
        let took = Arc::clone(&took_ns);
        let thread = std::thread::Builder::new()
            .name("saver".to_owned())
            .spawn(move || {
                for report in inbox {
                    let begin_ns = monotonic_ns();
                    save(&report);
                    took.store(monotonic_ns() - begin_ns, Ordering::Relaxed);
                }
            })?;
        Ok(Self {
            reports,
            thread,
            took_ns,
            making_ns: 0,
            last_ns: monotonic_ns(),
        })
    }

    /// Returns true if the next report is due: after [`SAVE_EVERY_NS`], and not sooner than a pause
    /// in proportion to the cost of the last save. If `is_lost` returns true, because the saved
    /// report no longer exists, that pause is skipped.
    pub(crate) fn is_due(&self, is_lost: impl FnOnce() -> bool) -> bool {
        let since_ns = monotonic_ns() - self.last_ns;
        if since_ns < SAVE_EVERY_NS {
            return false;
        }
        let took_ns = self.making_ns + self.took_ns.load(Ordering::Relaxed);
        since_ns >= took_ns * PAUSE_PER_SAVE || is_lost()
    }

    /// Builds a report with `make` and passes it to the thread without waiting. The report is
    /// dropped if the thread is still saving the one before.
    pub(crate) fn hand_in(&mut self, make: impl FnOnce() -> Report) {
        let begin_ns = monotonic_ns();
        let _ = self.reports.try_send(make());
        self.last_ns = monotonic_ns();
        self.making_ns = self.last_ns - begin_ns;
    }

    /// Waits until a save in progress has ended, so that it cannot overwrite a later one, and ends
    /// the thread.
    pub(crate) fn finish(self) {
        drop(self.reports);
        // A thread that panicked has already printed its message; the final save is made anyway.
        let _ = self.thread.join();
    }
}
