//! An attempt under way: recorded when it is over, and as censored when it is cut off.

use bench_report::clock::monotonic_ns;
use load_engine::{Failure, Marks, Outcome, Recorder};

/// Owns the marks of one attempt. Dropped before it landed, it records itself as censored.
pub(crate) struct Flight<'a> {
    pub(crate) marks: Marks,
    recorder: &'a Recorder,
    measured: bool,
    landed: bool,
}

/// An arrival on its way from the pacer to its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) due_ns: u64,
    pub(crate) released_ns: u64,
}

impl<'a> Flight<'a> {
    /// An attempt that begins now and that nothing but its turn has called for.
    pub(crate) fn now(recorder: &'a Recorder) -> Self {
        let marks = Marks {
            started_ns: monotonic_ns(),
            ..Marks::default()
        };
        Self {
            marks,
            recorder,
            measured: true,
            landed: false,
        }
    }

    /// An arrival that was due, taken up now.
    pub(crate) fn of_arrival(recorder: &'a Recorder, arrival: Arrival) -> Self {
        let mut flight = Self::now(recorder);
        flight.marks.due_ns = arrival.due_ns;
        flight.marks.released_ns = arrival.released_ns;
        flight
    }

    /// The same; it counts only when it began within the measured part.
    pub(crate) fn measured(mut self, is_measured: impl FnOnce(u64) -> bool) -> Self {
        self.measured = is_measured(self.marks.begin_ns());
        self
    }

    /// It is over.
    pub(crate) fn land(mut self, result: Result<(), Failure>) {
        self.landed = true;
        if self.marks.done_ns == 0 {
            self.marks.done_ns = monotonic_ns();
        }
        let outcome = match result {
            Ok(()) => Outcome::success(0),
            Err(failure) => Outcome::failed(0, failure),
        };
        self.recorder.record(&self.marks, &outcome, self.measured);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed && self.measured {
            self.recorder.record_censored(&self.marks, monotonic_ns());
        }
    }
}
