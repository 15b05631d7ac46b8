//! Recorded events of one traced run of `exhaust`.

use load_engine::{Failure, TracedRequest};

use crate::time_shares::ExtraUsers;

/// Instants at which the parts of a run begin, and its end, in nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_field_names)] // The unit belongs to each name.
pub(super) struct PartTimes {
    /// Start of the first part, in which users are alone, in nanoseconds of the monotonic clock.
    pub(super) began_ns: u64,
    /// Start of the second part, in which holders keep connections, in nanoseconds of the monotonic
    /// clock.
    pub(super) held_ns: u64,
    /// Start of the third part, in which users are alone again after the holders have released
    /// their connections, in nanoseconds of the monotonic clock.
    pub(super) released_ns: u64,
    /// End of the third part and of the run, in nanoseconds of the monotonic clock.
    pub(super) ended_ns: u64,
}

/// One attempt of a holder to take a connection from the pool and keep it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HolderAttempt {
    /// Start of the first checkout, in nanoseconds of the monotonic clock.
    pub(super) asked_ns: u64,
    /// End of the checkout, in nanoseconds of the monotonic clock; 0 if it failed or had not ended
    /// with the run.
    pub(super) acquired_ns: u64,
    /// Checkout of a second connection; `None` for other kinds of holder, and if the attempt ended
    /// before it.
    pub(super) second: Option<Second>,
    /// Release of the connection, or failure, in nanoseconds of the monotonic clock.
    pub(super) over_ns: u64,
    /// Failure of a checkout or a statement; `None` if the attempt ended as planned or with the
    /// run.
    pub(super) failure: Option<Failure>,
}

/// Checkout of a second connection while the first one is held: its start and end in nanoseconds of
/// the monotonic clock, and whether a connection was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Second {
    pub(super) asked_ns: u64,
    pub(super) over_ns: u64,
    pub(super) granted: bool,
}

/// Recorded events of one traced run of `exhaust`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Log {
    pub(super) parts: PartTimes,
    /// Requests of the users, sorted by start, including those that had not ended with the run.
    pub(super) visits: Vec<TracedRequest>,
    pub(super) holds: Vec<HolderAttempt>,
}

impl PartTimes {
    /// Returns the times of a run from the boundaries of its three segments, in nanoseconds of the
    /// monotonic clock; `None` unless there are four of them, as for a run that never began.
    pub(super) fn new(boundaries_ns: &[u64]) -> Option<Self> {
        let [began_ns, held_ns, released_ns, ended_ns] = *boundaries_ns else {
            return None;
        };
        Some(Self {
            began_ns,
            held_ns,
            released_ns,
            ended_ns,
        })
    }
}

impl Log {
    /// Returns the users' requests that started at or after `from_ns` and before `to_ns`, both on
    /// the monotonic clock.
    pub(super) fn started_in(&self, from_ns: u64, to_ns: u64) -> &[TracedRequest] {
        let at = |bound: u64| {
            self.visits
                .partition_point(|v| v.timestamps.started_ns < bound)
        };
        &self.visits[at(from_ns)..at(to_ns)]
    }

    /// Returns mean numbers of holders over the time from `from_ns` to `to_ns` (monotonic clock):
    /// those that waited for a connection, the first or a second one, and those that kept one
    /// without waiting.
    pub(super) fn holders(&self, from_ns: u64, to_ns: u64) -> ExtraUsers {
        let within = |begin_ns: u64, end_ns: u64| {
            end_ns.min(to_ns).saturating_sub(begin_ns.max(from_ns)) as f64
        };
        let mut beside = ExtraUsers::default();
        for hold in &self.holds {
            if hold.acquired_ns == 0 {
                beside.waiting += within(hold.asked_ns, hold.over_ns);
                continue;
            }
            let nested = hold.second.map_or(0.0, |s| within(s.asked_ns, s.over_ns));
            beside.waiting += within(hold.asked_ns, hold.acquired_ns) + nested;
            beside.on_connection += within(hold.acquired_ns, hold.over_ns) - nested;
        }
        let length_ns = to_ns.saturating_sub(from_ns).max(1) as f64;
        ExtraUsers {
            waiting: beside.waiting / length_ns,
            on_connection: beside.on_connection / length_ns,
        }
    }
}
