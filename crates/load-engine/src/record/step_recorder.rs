//! Recorder of one step, with the window that says what counts.

use std::sync::atomic::{AtomicBool, Ordering};

use bench_report::Window;
use tokio::sync::SetOnce;

use super::recorder::Recorder;
use super::timestamps::Timestamps;
use super::within::Within;

/// Recorder of one step, its window and its halt.
#[derive(Debug)]
pub(crate) struct StepRecorder {
    pub(crate) recorder: Recorder,
    /// Set by the controller once every session is open.
    pub(crate) window: SetOnce<Window>,
    halted: AtomicBool,
}

impl StepRecorder {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            window: SetOnce::new(),
            halted: AtomicBool::new(false),
        }
    }

    /// Ends the measured part: answers that come later do not count for throughput.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Returns true if the measured part was halted.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Returns true if `instant_ns` lies in the measured part as it was planned.
    pub(crate) fn is_measured(&self, instant_ns: u64) -> bool {
        self.window
            .get()
            .is_some_and(|w| (w.measure_start_ns..w.measure_end_ns).contains(&instant_ns))
    }

    /// Returns the position in the measured part of a request that is over; a halt may have cut the
    /// part short.
    pub(crate) fn within(&self, timestamps: &Timestamps) -> Within {
        let measured = self
            .window
            .get()
            .map_or(0..0, |w| w.measure_start_ns..w.measure_end_ns);
        Within {
            due: measured.contains(&timestamps.begin_ns()),
            done: measured.contains(&timestamps.done_ns) && !self.is_halted(),
        }
    }
}
