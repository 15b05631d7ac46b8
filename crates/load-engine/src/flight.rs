//! One arrival under way: recorded when it lands, and also when it is cut off.

use bench_report::clock::monotonic_ns;

use crate::backlog::Arrival;
use crate::shared::Shared;
use crate::{Outcome, Part, Timestamps};

/// Owns the timestamps of an arrival while its session works. Dropped before it landed (the task was
/// aborted at the drain's bound), it records itself as censored.
pub(crate) struct Flight<'a> {
    pub(crate) timestamps: Timestamps,
    shared: &'a Shared,
    landed: bool,
}

impl<'a> Flight<'a> {
    /// An arrival that was due, taken up now.
    pub(crate) fn of_arrival(shared: &'a Shared, arrival: Arrival) -> Self {
        let timestamps = Timestamps {
            due_ns: arrival.due_ns,
            released_ns: arrival.released_ns,
            started_ns: monotonic_ns(),
            ..Timestamps::default()
        };
        Self {
            timestamps,
            shared,
            landed: false,
        }
    }

    /// An arrival that no session took up: to be dropped.
    pub(crate) fn never_started(shared: &'a Shared, arrival: Arrival) -> Self {
        let mut flight = Self::of_arrival(shared, arrival);
        flight.timestamps.started_ns = 0;
        flight
    }

    /// A user's next request, which nothing but its user's last answer has called for.
    pub(crate) fn of_user(shared: &'a Shared, started_ns: u64) -> Self {
        let timestamps = Timestamps {
            started_ns,
            ..Timestamps::default()
        };
        shared.recorder.begin(started_ns);
        Self {
            timestamps,
            shared,
            landed: false,
        }
    }

    /// It is over; returns when, for the user's next request to begin at. A session that marked
    /// the answer itself has cleaned up since, so the clock is read again.
    pub(crate) fn land(mut self, outcome: &Outcome, parts: &[Part]) -> u64 {
        self.landed = true;
        let now_ns = monotonic_ns();
        if self.timestamps.done_ns == 0 {
            self.timestamps.done_ns = now_ns;
        }
        let within = self.shared.within(&self.timestamps);
        self.shared
            .recorder
            .record(&self.timestamps, outcome, within);
        if !parts.is_empty() {
            self.shared.recorder.record_parts(parts, within);
        }
        now_ns
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.landed && self.shared.measures(self.timestamps.begin_ns()) {
            self.shared
                .recorder
                .record_censored(&self.timestamps, monotonic_ns());
        }
    }
}
