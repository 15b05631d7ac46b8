//! An attempt under way: recorded when it is over, and as censored when it is cut off.

use bench_report::clock::monotonic_ns;
use load_engine::{Failure, Outcome, Recorder, Timestamps, Within};

use crate::level::Level;

/// Owns the timestamps of one attempt. Dropped before it landed, it records itself as censored.
pub(crate) struct Flight<'a> {
    pub(crate) timestamps: Timestamps,
    recorder: &'a Recorder,
    /// Whose measured part it must lie in to count; all counts without one.
    level: Option<&'a Level>,
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
        let timestamps = Timestamps {
            started_ns: monotonic_ns(),
            ..Timestamps::default()
        };
        Self {
            timestamps,
            recorder,
            level: None,
            landed: false,
        }
    }

    /// An echo that begins now.
    pub(crate) fn echo(level: &'a Level) -> Self {
        let flight = Self::of_level(level);
        level.echoes.begin(flight.timestamps.started_ns);
        flight
    }

    fn of_level(level: &'a Level) -> Self {
        let mut flight = Self::now(&level.echoes);
        flight.level = Some(level);
        flight
    }

    /// An echo that was due, taken up now.
    pub(crate) fn of_arrival(level: &'a Level, arrival: Arrival) -> Self {
        let mut flight = Self::of_level(level);
        flight.timestamps.due_ns = arrival.due_ns;
        flight.timestamps.released_ns = arrival.released_ns;
        level.echoes.begin(arrival.due_ns);
        flight
    }

    /// An echo that was due and that no connection took up: to be dropped.
    pub(crate) fn never_started(level: &'a Level, arrival: Arrival) -> Self {
        let mut flight = Self::of_arrival(level, arrival);
        flight.timestamps.started_ns = 0;
        flight
    }

    /// It is over.
    pub(crate) fn land(mut self, result: Result<(), Failure>) {
        self.landed = true;
        if self.timestamps.done_ns == 0 {
            self.timestamps.done_ns = monotonic_ns();
        }
        let outcome = match result {
            Ok(()) => Outcome::success(0),
            Err(failure) => Outcome::failed(0, failure),
        };
        let within = self.level.map_or(Within::WHOLLY, |level| Within {
            due: level.measures(self.timestamps.begin_ns()),
            done: level.measures(self.timestamps.done_ns),
        });
        self.recorder.record(&self.timestamps, &outcome, within);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let counts = |level: &Level| level.measures(self.timestamps.begin_ns());
        if !self.landed && self.level.is_none_or(counts) {
            self.recorder
                .record_censored(&self.timestamps, monotonic_ns());
        }
    }
}
