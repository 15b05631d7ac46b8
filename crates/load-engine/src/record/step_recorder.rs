//! Recorder of one step together with the step's segments, which decide in whose results a request
//! counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::SetOnce;

use super::recorder::Recorder;
use super::timestamps::Timestamps;
use super::within::Within;
use crate::plan::segments::{SegmentIndex, Segments};

/// Recorder of one step, with its segments and a mark of whether its measured part was halted.
#[derive(Debug)]
pub(crate) struct StepRecorder {
    pub(crate) recorder: Recorder,
    /// Segments of the step; unset until the controller finds the load ready to begin.
    pub(crate) segments: SetOnce<Segments>,
    halted: AtomicBool,
    /// True if each measured segment becomes a step of its own in the report, as in a traced run.
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

    /// Creates a step recorder whose one segment begins at once and never ends, so that every
    /// request counts.
    pub(crate) fn of_all(recorder: Recorder) -> Self {
        let always = Duration::from_nanos(u64::MAX);
        let segments = Segments::new(0, Duration::ZERO, always, &[]);
        Self {
            segments: SetOnce::new_with(Some(segments)),
            ..Self::new(recorder)
        }
    }

    /// Notes that the measured part ended early. Requests that finish later do not count for
    /// throughput.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Returns true if the measured part was ended early.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Returns the measured segment that contains `instant_ns` (on `CLOCK_MONOTONIC`) by plan;
    /// `None` outside the measured part, or while the segments are unset.
    pub(crate) fn segment_at(&self, instant_ns: u64) -> Option<SegmentIndex> {
        self.segments.get()?.at(instant_ns)
    }

    /// Returns the segments in which a finished request was due and in which it finished. A request
    /// that is recorded after the measured part was halted has finished in none.
    pub(crate) fn within(&self, timestamps: &Timestamps) -> Within {
        let due = self.segment_at(timestamps.begin_ns());
        let done = self.segment_at(timestamps.done_ns);
        Within {
            due,
            done: done.filter(|_| !self.is_halted()),
            began_earlier: self.began_earlier(due, timestamps.done_ns),
        }
    }

    /// Returns true if a request that was due in segment `due` began before the step of the report
    /// that contains `done_ns`, the instant at which it finished. True if `due` is `None`.
    fn began_earlier(&self, due: Option<SegmentIndex>, done_ns: u64) -> bool {
        let Some(due) = due else { return true };
        let segments = self.segments.get().filter(|_| self.tells_segments);
        segments.is_some_and(|segments| segments.nearest(done_ns) != due)
    }
}
