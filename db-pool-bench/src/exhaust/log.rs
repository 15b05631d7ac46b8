//! What happened in one course, request by request.

use load_engine::{BrokenRule, CpuUse, Failure};

use crate::course::{SessionChanges, TracedRequest};
use crate::evidence::time_shares::ExtraUsers;

/// When a course's parts began, on the monotonic clock, in nanoseconds.
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

/// One attempt of a holder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HolderAttempt {
    /// It asked for its connection.
    pub(super) asked_ns: u64,
    /// It had its connection; 0 = it never did.
    pub(super) acquired_ns: u64,
    /// Nested: it asked for a second one, and when that was over.
    pub(super) second: Option<Second>,
    /// It let go, or gave up.
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

/// What was seen of one part beside its requests.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartObservation {
    /// CPU time that the load generator used.
    pub(super) cpu: CpuUse,
    /// Sessions that came and went.
    pub(super) server: SessionChanges,
}

/// All that happened in one course.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Log {
    pub(super) parts: PartTimes,
    /// By start.
    pub(super) visits: Vec<TracedRequest>,
    pub(super) holds: Vec<HolderAttempt>,
    /// What was seen of each part, as far as the course came.
    pub(super) seen: Vec<PartObservation>,
    /// When a rule ended it, and which.
    pub(super) stopped: Option<(u64, BrokenRule)>,
}

impl Log {
    /// Visits that started from `from_ns` to before `to_ns`.
    pub(super) fn started_in(&self, from_ns: u64, to_ns: u64) -> &[TracedRequest] {
        let at = |bound: u64| {
            self.visits
                .partition_point(|v| v.timestamps.started_ns < bound)
        };
        &self.visits[at(from_ns)..at(to_ns)]
    }

    /// Holders who waited for a connection, their second one too, and who had one, from `from_ns`
    /// to `to_ns`.
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
