//! Recorded events of one traced run.

use load_engine::{Failure, TracedRequest};

use crate::time_shares::ExtraUsers;

/// Start of each part of a run, on the monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_field_names)] // The unit belongs to each name.
pub(super) struct PartTimes {
    /// Users began.
    pub(super) began_ns: u64,
    /// Holders joined them.
    pub(super) held_ns: u64,
    /// Holders let go.
    pub(super) released_ns: u64,
    /// Users ended.
    pub(super) ended_ns: u64,
}

/// One attempt of a holder to keep a connection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HolderAttempt {
    /// Start of the checkout.
    pub(super) asked_ns: u64,
    /// End of the checkout; 0 = it failed.
    pub(super) acquired_ns: u64,
    /// Second checkout of a nested holder.
    pub(super) second: Option<Second>,
    /// End of the attempt.
    pub(super) over_ns: u64,
    /// Reason why it ended otherwise than planned.
    pub(super) failure: Option<Failure>,
}

/// A second checkout under the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Second {
    pub(super) asked_ns: u64,
    pub(super) over_ns: u64,
    pub(super) granted: bool,
}

/// Recorded events of one traced run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Log {
    pub(super) parts: PartTimes,
    /// Requests, sorted by start; those that were cut off are among them.
    pub(super) visits: Vec<TracedRequest>,
    pub(super) holds: Vec<HolderAttempt>,
}

impl PartTimes {
    /// Returns the times of a run whose segments meet at `boundaries_ns`; `None` where it never began.
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
    /// Returns the requests that started from `from_ns` to before `to_ns`.
    pub(super) fn started_in(&self, from_ns: u64, to_ns: u64) -> &[TracedRequest] {
        let at = |bound: u64| {
            self.visits
                .partition_point(|v| v.timestamps.started_ns < bound)
        };
        &self.visits[at(from_ns)..at(to_ns)]
    }

    /// Returns the mean number of holders that waited for a connection, also for a second one, and
    /// that had one, from `from_ns` to `to_ns`.
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
