//! Timestamps of one request, from the instant at which it was due to its end.

use bench_report::clock::monotonic_ns;

use super::operation_table::{MOST_PHASES, OperationId};

/// Timestamps of one request in nanoseconds on `CLOCK_MONOTONIC`; 0 means not reached.
///
/// The engine owns them, so that those of a cancelled request are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamps {
    /// Instant at which the request was due, in nanoseconds on `CLOCK_MONOTONIC`; 0 in a closed
    /// loop, where requests are never due.
    pub due_ns: u64,
    /// Instant at which the pacer released the request to the sessions, in nanoseconds on
    /// `CLOCK_MONOTONIC`; 0 in a closed loop.
    pub released_ns: u64,
    /// Instant at which a session began the request, in nanoseconds on `CLOCK_MONOTONIC`; 0 if none
    /// did.
    pub started_ns: u64,
    /// Instants within the checkout of a connection; all are 0 if the pool does not report them.
    pub(crate) checkout: CheckoutTimestamps,
    /// Instant at which the request obtained its connection, in nanoseconds on `CLOCK_MONOTONIC`; 0
    /// if it did not, or the target has no pool.
    pub acquired_ns: u64,
    /// Instant at which the request finished, in nanoseconds on `CLOCK_MONOTONIC`; 0 before.
    pub done_ns: u64,
    /// Operation of the request, under which it is counted if it is cut off. The first one of the
    /// table until the session sets another.
    pub operation: OperationId,
    /// Instants at which the phases of the request's operation ended.
    pub(crate) phases: PhaseEnds,
}

impl Timestamps {
    /// Sets the operation of the request. A session with several operations calls this before its
    /// first await, and again if the operation changes.
    pub fn operation(&mut self, operation: OperationId) {
        self.operation = operation;
    }

    /// Stamps the present as the end of the current phase of the operation. A session calls this at
    /// the end of each phase. A last phase that is not stamped ends with the request; ends beyond
    /// the sixth are dropped.
    pub fn phase_ended(&mut self) {
        self.phase_ended_at(monotonic_ns());
    }

    /// Stamps the end of the current phase with `at_ns`, an earlier reading of `CLOCK_MONOTONIC`.
    pub(crate) fn phase_ended_at(&mut self, at_ns: u64) {
        self.phases.push(at_ns);
    }

    /// Returns the instants at which phases of the operation ended, in order, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub fn phase_ends_ns(&self) -> &[u64] {
        self.phases.ends_ns()
    }

    /// Stamps the present as the instant at which the request obtained its connection. Sessions of
    /// targets with a pool call this after the checkout.
    pub fn acquired(&mut self) {
        self.acquired_ns = monotonic_ns();
    }

    /// Stamps the present as the instant of the answer. A session calls this if it cleans up after
    /// the answer, as by releasing its connection. Otherwise the engine uses the instant at which
    /// the session's `request` returns.
    pub fn done(&mut self) {
        self.done_ns = monotonic_ns();
    }

    /// Returns the instant from which latency counts, in nanoseconds on `CLOCK_MONOTONIC`: that at
    /// which the request was due, or in a closed loop its start.
    pub(crate) fn begin_ns(&self) -> u64 {
        if self.due_ns > 0 {
            self.due_ns
        } else {
            self.started_ns
        }
    }
}

/// Instants at which the phases of one request ended, in the order of its operation's phases, in
/// nanoseconds on `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PhaseEnds {
    ended: u8,
    at_ns: [u64; MOST_PHASES],
}

impl PhaseEnds {
    /// Ends of a request in which no phase has ended.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        ended: 0,
        at_ns: [0; MOST_PHASES],
    };

    /// Adds the end of the next phase. Ends beyond [`MOST_PHASES`] are dropped.
    fn push(&mut self, at_ns: u64) {
        if let Some(end_ns) = self.at_ns.get_mut(usize::from(self.ended)) {
            *end_ns = at_ns;
            self.ended += 1;
        }
    }

    /// Returns the instants at which phases ended, in order, in nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) fn ends_ns(&self) -> &[u64] {
        &self.at_ns[..usize::from(self.ended)]
    }
}

/// Instants within one checkout of a connection, in nanoseconds on `CLOCK_MONOTONIC`. 0 means not
/// reached, or not reported by the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CheckoutTimestamps {
    /// Instant at which the checkout had obtained a place in the pool and began to check or open a
    /// connection.
    pub(crate) place_ns: u64,
    /// Instant at which the checkout began to open a connection; 0 if it used a pooled one.
    pub(crate) connect_ns: u64,
    /// True if the first poll of the checkout found no free place in the pool.
    pub(crate) waited: bool,
    /// Instant of the second poll of the checkout, at which the wait for a place had ended as far
    /// as can be seen from outside the pool. Before that poll it equals the start of the request.
    pub(super) woken_ns: u64,
}

impl CheckoutTimestamps {
    /// Timestamps of a checkout of which the pool has reported nothing.
    pub(crate) const UNTOLD: Self = Self {
        place_ns: 0,
        connect_ns: 0,
        waited: false,
        woken_ns: 0,
    };
}
