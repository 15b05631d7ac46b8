//! Recorder of one step, with the segments that say what counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::SetOnce;

use super::recorder::Recorder;
use super::timestamps::Timestamps;
use super::within::Within;
use crate::plan::segments::{SegmentIndex, Segments};

/// Recorder of one step, its segments and its halt.
#[derive(Debug)]
pub(crate) struct StepRecorder {
    pub(crate) recorder: Recorder,
    /// Set by the controller once the load is ready to begin.
    pub(crate) segments: SetOnce<Segments>,
    halted: AtomicBool,
}

impl StepRecorder {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            segments: SetOnce::new(),
            halted: AtomicBool::new(false),
        }
    }

    /// Creates a recorder for which all counts, whenever it comes.
    pub(crate) fn of_all(recorder: Recorder) -> Self {
        let always = Duration::from_nanos(u64::MAX);
        let segments = Segments::new(0, Duration::ZERO, always, &[]);
        Self {
            segments: SetOnce::new_with(Some(segments)),
            ..Self::new(recorder)
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

    /// Returns the measured segment that holds `instant_ns`, as it was planned.
    pub(crate) fn segment_at(&self, instant_ns: u64) -> Option<SegmentIndex> {
        self.segments.get()?.at(instant_ns)
    }

    /// Returns the position in the measured segments of a request that is over; a halt may have cut
    /// them short.
    pub(crate) fn within(&self, timestamps: &Timestamps) -> Within {
        let done = self.segment_at(timestamps.done_ns);
        Within {
            due: self.segment_at(timestamps.begin_ns()),
            done: done.filter(|_| !self.is_halted()),
        }
    }
}
