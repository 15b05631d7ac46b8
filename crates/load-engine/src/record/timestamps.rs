//! Instants of one arrival.

use bench_report::clock::monotonic_ns;

use super::operation_table::{MOST_PHASES, OperationId};

/// The instants of one arrival on `CLOCK_MONOTONIC`, in nanoseconds; 0 = not reached.
///
/// The engine owns them, so that a cancelled request still leaves its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamps {
    /// Instant at which it should have begun; 0 in a closed loop, which has no such instant.
    pub due_ns: u64,
    /// Instant at which the pacer let it go.
    pub released_ns: u64,
    /// Instant at which a session took it up.
    pub started_ns: u64,
    /// Instants of its checkout, where the pool tells of them.
    pub(crate) checkout: CheckoutTimestamps,
    /// Instant at which it had its connection; 0 where there is no pool.
    pub acquired_ns: u64,
    /// Instant at which it was over.
    pub done_ns: u64,
    /// Operation, as far as it is known: the first of the table until the session names another. A
    /// request that is cut off counts for it.
    pub operation: OperationId,
    /// Ends of the phases that its operation names.
    pub(crate) phases: PhaseEnds,
}

impl Timestamps {
    /// To be called by a session with several operations as soon as it knows which one this is:
    /// before its first await, and again if it turns into another one.
    pub fn operation(&mut self, operation: OperationId) {
        self.operation = operation;
    }

    /// Stamps the end of the next phase that the operation names: to be called by a session as each
    /// of them ends. The last one ends with the request, where it is not stamped.
    pub fn phase_ended(&mut self) {
        self.phase_ended_at(monotonic_ns());
    }

    /// Stamps the end of the next phase with an instant that was read already.
    pub(crate) fn phase_ended_at(&mut self, at_ns: u64) {
        self.phases.push(at_ns);
    }

    /// To be called by a session of a pooled target once it holds its connection.
    pub fn acquired(&mut self) {
        self.acquired_ns = monotonic_ns();
    }

    /// To be called by a session that still has to clean up (release, read ahead) after the
    /// answer came; otherwise the engine takes the instant at which the request returns.
    pub fn done(&mut self) {
        self.done_ns = monotonic_ns();
    }

    /// Instant at which the arrival began to count for the user: due, or started where nothing is
    /// due.
    pub fn begin_ns(&self) -> u64 {
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
    /// No phase has ended.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self {
        ended: 0,
        at_ns: [0; MOST_PHASES],
    };

    /// Adds the end of the next phase; more than an operation may have are left out.
    fn push(&mut self, at_ns: u64) {
        if let Some(end_ns) = self.at_ns.get_mut(usize::from(self.ended)) {
            *end_ns = at_ns;
            self.ended += 1;
        }
    }

    /// Returns the instants at which phases ended, first to last.
    pub(crate) fn ends_ns(&self) -> &[u64] {
        &self.at_ns[..usize::from(self.ended)]
    }
}

/// Instants inside one checkout, on `CLOCK_MONOTONIC`, in nanoseconds; 0 = not reached, or not
/// told by the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CheckoutTimestamps {
    /// Instant at which it had a place in the pool, and its check or its connecting began.
    pub(crate) place_ns: u64,
    /// Instant at which it began to open a connection.
    pub(crate) connect_ns: u64,
    /// True if no place was free when it asked.
    pub(crate) waited: bool,
    /// Instant at which its wait for a place ended, as far as that shows from outside: when it was
    /// polled for the second time; its start until then.
    pub(super) woken_ns: u64,
}

impl CheckoutTimestamps {
    /// Nothing was told.
    pub(crate) const UNTOLD: Self = Self {
        place_ns: 0,
        connect_ns: 0,
        waited: false,
        woken_ns: 0,
    };
}
