//! Timestamps of one request.

use bench_report::clock::monotonic_ns;

use super::operation_table::{MOST_PHASES, OperationId};

/// Timestamps of one request on `CLOCK_MONOTONIC`, in nanoseconds; 0 means not reached.
///
/// The engine owns them, so that those of a cancelled request are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamps {
    /// Instant at which the request was due; 0 in a closed loop, where requests are never due.
    pub due_ns: u64,
    /// Instant at which the pacer released the request.
    pub released_ns: u64,
    /// Instant at which a session took up the request.
    pub started_ns: u64,
    /// Instants within the checkout, where the pool reports them.
    pub(crate) checkout: CheckoutTimestamps,
    /// Instant at which the request obtained its connection; 0 where there is no pool.
    pub acquired_ns: u64,
    /// Instant at which the request finished.
    pub done_ns: u64,
    /// Operation of the request, under which it is counted if it is cut off. The first one of the
    /// table until the session sets another.
    pub operation: OperationId,
    /// Ends of the phases of the request's operation.
    pub(crate) phases: PhaseEnds,
}

impl Timestamps {
    /// Sets the operation of the request. A session with several operations calls this before its
    /// first await, and again if the operation changes.
    pub fn operation(&mut self, operation: OperationId) {
        self.operation = operation;
    }

    /// Stamps the end of the current phase of the operation. A session calls this at the end of
    /// each phase. A last phase that is not stamped ends with the request.
    pub fn phase_ended(&mut self) {
        self.phase_ended_at(monotonic_ns());
    }

    /// Stamps the end of the current phase with `at_ns`, an instant that was read before.
    pub(crate) fn phase_ended_at(&mut self, at_ns: u64) {
        self.phases.push(at_ns);
    }

    /// Stamps the instant at which the request obtained its connection. Sessions of pooled targets
    /// call this.
    pub fn acquired(&mut self) {
        self.acquired_ns = monotonic_ns();
    }

    /// Stamps the instant of the answer. A session calls this if it cleans up after the answer, as
    /// by releasing its connection. Otherwise the engine uses the instant at which the request
    /// returns.
    pub fn done(&mut self) {
        self.done_ns = monotonic_ns();
    }

    /// Returns the instant from which latency counts: that at which the request was due, or its
    /// start in a closed loop.
    pub(crate) fn begin_ns(&self) -> u64 {
        if self.due_ns > 0 {
            self.due_ns
        } else {
            self.started_ns
        }
    }
}

/// Instants at which the phases of one request ended, in the order of its operation's phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PhaseEnds {
    ended: u8,
    at_ns: [u64; MOST_PHASES],
}

impl PhaseEnds {
    /// Value of a request in which no phase has ended.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        ended: 0,
        at_ns: [0; MOST_PHASES],
    };

    /// Adds the end of the next phase. Ends beyond the largest number of phases are dropped.
    fn push(&mut self, at_ns: u64) {
        if let Some(end_ns) = self.at_ns.get_mut(usize::from(self.ended)) {
            *end_ns = at_ns;
            self.ended += 1;
        }
    }

    /// Returns the instants at which phases ended, in order, in nanoseconds.
    pub(crate) fn ends_ns(&self) -> &[u64] {
        &self.at_ns[..usize::from(self.ended)]
    }
}

/// Instants within one checkout, on `CLOCK_MONOTONIC`, in nanoseconds. 0 means not reached, or not
/// reported by the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CheckoutTimestamps {
    /// Instant at which the checkout had a place in the pool, and began to check or open a
    /// connection.
    pub(crate) place_ns: u64,
    /// Instant at which the checkout began to open a connection.
    pub(crate) connect_ns: u64,
    /// True if the first poll of the checkout found no free place.
    pub(crate) waited: bool,
    /// Instant at which the wait for a place ended, as seen from outside the pool: the second poll
    /// of the checkout. Before that poll it equals the start of the request.
    pub(super) woken_ns: u64,
}

impl CheckoutTimestamps {
    /// Value of a checkout whose pool has reported nothing.
    pub(crate) const UNTOLD: Self = Self {
        place_ns: 0,
        connect_ns: 0,
        waited: false,
        woken_ns: 0,
    };
}
