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
    /// True if each measured segment is a step of the report.
    tells_segments: bool,
}

impl StepRecorder {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            tells_segments: recorder.is_traced(),
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
        let due = self.segment_at(timestamps.begin_ns());
        let done = self.segment_at(timestamps.done_ns);
        Within {
            due,
            done: done.filter(|_| !self.is_halted()),
            began_earlier: self.began_earlier(due, timestamps.done_ns),
        }
    }

    /// Returns true if a request that was due in `due` began before the step of the report that holds
    /// `done_ns`.
    fn began_earlier(&self, due: Option<SegmentIndex>, done_ns: u64) -> bool {
        let Some(due) = due else { return true };
        let segments = self.segments.get().filter(|_| self.tells_segments);
        segments.is_some_and(|segments| segments.nearest(done_ns) != due)
    }
}
