//! Request in flight, which is recorded when it finishes or when it is cut off.

use bench_report::clock::monotonic_ns;

use super::outcome::{Outcome, Part};
use super::step_recorder::StepRecorder;
use super::timestamps::Timestamps;

/// Arrival of an open loop on its way from the pacer to a session: the instants at which it was due
/// and at which the pacer released it, in nanoseconds on `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) due_ns: u64,
    pub(crate) released_ns: u64,
}

/// Instants at which a request was due, released and started, in nanoseconds on `CLOCK_MONOTONIC`:
/// all that is kept of a request while it waits, where thousands do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestStart {
    /// Instant at which it was due; 0 in a closed loop.
    pub(crate) due_ns: u64,
    /// Instant at which it was released; 0 in a closed loop.
    pub(crate) released_ns: u64,
    /// Instant at which it was started.
    pub(crate) started_ns: u64,
}

impl RequestStart {
    /// Creates the start of a request in a closed loop, at `started_ns`.
    pub(crate) fn of_user(started_ns: u64) -> Self {
        Self {
            due_ns: 0,
            released_ns: 0,
            started_ns,
        }
    }

    /// Creates the start of the request of `arrival` at `now_ns`, which may have been read shortly
    /// before its release.
    pub(crate) fn of_arrival(arrival: Arrival, now_ns: u64) -> Self {
        Self {
            due_ns: arrival.due_ns,
            released_ns: arrival.released_ns,
            started_ns: now_ns.max(arrival.released_ns),
        }
    }

    /// Returns the instant from which latency counts.
    pub(crate) fn begin_ns(&self) -> u64 {
        if self.due_ns > 0 {
            self.due_ns
        } else {
            self.started_ns
        }
    }
}

/// Timestamps of one request while a session works on it. If this is dropped before `finish`,
/// because the task was aborted at the end of the drain, the request is recorded as censored.
pub(crate) struct InFlightRequest<'a> {
    pub(crate) timestamps: Timestamps,
    step: &'a StepRecorder,
    finished: bool,
}

impl<'a> InFlightRequest<'a> {
    fn new(step: &'a StepRecorder, timestamps: Timestamps) -> Self {
        Self {
            timestamps,
            step,
            finished: false,
        }
    }

    /// Creates the request of an arrival that a session takes up now: its start is the present
    /// time.
    pub(crate) fn for_arrival(step: &'a StepRecorder, arrival: Arrival) -> Self {
        let timestamps = Timestamps {
            due_ns: arrival.due_ns,
            released_ns: arrival.released_ns,
            started_ns: monotonic_ns(),
            ..Timestamps::default()
        };
        Self::new(step, timestamps)
    }

    /// Creates the request of an arrival that no session took up. Dropping it records it as
    /// censored and never started.
    pub(crate) fn never_started(step: &'a StepRecorder, arrival: Arrival) -> Self {
        let mut request = Self::for_arrival(step, arrival);
        request.timestamps.started_ns = 0;
        request
    }

    /// Creates the next request of a user in a closed loop and counts it as in flight. It begins at
    /// `started_ns` on `CLOCK_MONOTONIC`, when the user's previous request ended.
    pub(crate) fn for_user(step: &'a StepRecorder, started_ns: u64) -> Self {
        let timestamps = Timestamps {
            started_ns,
            ..Timestamps::default()
        };
        step.recorder.begin(started_ns);
        Self::new(step, timestamps)
    }

    /// Creates the request that began with `start`, and that is counted as in flight already.
    pub(crate) fn begun(step: &'a StepRecorder, start: RequestStart) -> Self {
        let timestamps = Timestamps {
            due_ns: start.due_ns,
            released_ns: start.released_ns,
            started_ns: start.started_ns,
            ..Timestamps::default()
        };
        Self::new(step, timestamps)
    }

    /// Records the request as finished with `outcome` at `done_ns`, an earlier reading of
    /// `CLOCK_MONOTONIC`.
    pub(crate) fn finish_at(mut self, done_ns: u64, outcome: &Outcome) {
        self.finished = true;
        self.timestamps.done_ns = done_ns;
        let within = self.step.within(&self.timestamps);
        self.step.recorder.record(&self.timestamps, outcome, within);
    }

    /// Records the request as finished with `outcome` and `parts`. Returns the instant at which the
    /// user's next request may begin: the present, which is later than the answer if the session
    /// cleaned up after it. In nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) fn finish(mut self, outcome: &Outcome, parts: &[Part]) -> u64 {
        self.finished = true;
        let now_ns = monotonic_ns();
        if self.timestamps.done_ns == 0 {
            self.timestamps.done_ns = now_ns;
        }
        let within = self.step.within(&self.timestamps);
        self.step.recorder.record(&self.timestamps, outcome, within);
        if !parts.is_empty() {
            self.step.recorder.record_parts(parts, within);
        }
        now_ns
    }
}

impl Drop for InFlightRequest<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if let Some(segment) = self.step.segment_at(self.timestamps.begin_ns()) {
            let recorder = &self.step.recorder;
            recorder.record_censored(&self.timestamps, segment, monotonic_ns());
        }
    }
}
