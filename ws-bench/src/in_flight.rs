//! A message or connection attempt in flight: recorded when it finishes, and as censored when it is
//! cut off.

use bench_report::clock::monotonic_ns;
use load_engine::{Failure, OperationId, Outcome, Recorder, SegmentIndex, Timestamps, Within};

use crate::connection_step::ConnectionStep;

/// Owns the timestamps of one attempt. Dropped before it finished, it records itself as censored.
pub(crate) struct InFlightMessage<'a> {
    pub(crate) timestamps: Timestamps,
    recorder: &'a Recorder,
    /// Step in whose measured part it must lie to count; `None` counts always.
    step: Option<&'a ConnectionStep>,
    finished: bool,
}

/// An arrival on its way from the pacer to its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageArrival {
    pub(crate) due_ns: u64,
    pub(crate) released_ns: u64,
}

impl<'a> InFlightMessage<'a> {
    /// Starts an attempt now that was due at no particular instant.
    pub(crate) fn start(recorder: &'a Recorder) -> Self {
        let timestamps = Timestamps {
            started_ns: monotonic_ns(),
            ..Timestamps::default()
        };
        Self {
            timestamps,
            recorder,
            step: None,
            finished: false,
        }
    }

    /// Starts an echo of a closed loop now.
    pub(crate) fn start_echo(step: &'a ConnectionStep) -> Self {
        let flight = Self::within_step(step);
        step.echoes.begin(flight.timestamps.started_ns);
        flight
    }

    fn within_step(step: &'a ConnectionStep) -> Self {
        let mut flight = Self::start(&step.echoes);
        flight.step = Some(step);
        flight
    }

    /// Starts the echo of an arrival that was due earlier.
    pub(crate) fn from_arrival(step: &'a ConnectionStep, arrival: MessageArrival) -> Self {
        let mut flight = Self::within_step(step);
        flight.timestamps.due_ns = arrival.due_ns;
        flight.timestamps.released_ns = arrival.released_ns;
        step.echoes.begin(arrival.due_ns);
        flight
    }

    /// Creates an echo for an arrival that no connection took up; dropping it records it as
    /// censored.
    pub(crate) fn never_started(step: &'a ConnectionStep, arrival: MessageArrival) -> Self {
        let mut flight = Self::from_arrival(step, arrival);
        flight.timestamps.started_ns = 0;
        flight
    }

    /// Records the result.
    pub(crate) fn finish(mut self, result: Result<(), Failure>) {
        self.finished = true;
        if self.timestamps.done_ns == 0 {
            self.timestamps.done_ns = monotonic_ns();
        }
        let outcome = match result {
            Ok(()) => Outcome::success(OperationId::FIRST),
            Err(failure) => Outcome::failed(OperationId::FIRST, failure),
        };
        let within = self.step.map_or(Within::WHOLLY, |step| {
            Within::measured(
                step.measures(self.timestamps.begin_ns()),
                step.measures(self.timestamps.done_ns),
            )
        });
        self.recorder.record(&self.timestamps, &outcome, within);
    }
}

impl Drop for InFlightMessage<'_> {
    fn drop(&mut self) {
        let counts = |step: &ConnectionStep| step.measures(self.timestamps.begin_ns());
        if !self.finished && self.step.is_none_or(counts) {
            self.recorder
                .record_censored(&self.timestamps, SegmentIndex::FIRST, monotonic_ns());
        }
    }
}
