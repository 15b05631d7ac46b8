//! What happened in one course, request by request.

use load_engine::Failure;

use crate::visit::Visit;

/// When a course's parts began, on the monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_field_names)] // The unit belongs to each name.
pub(super) struct Parts {
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
pub(super) struct Hold {
    /// It had its connection.
    pub(super) acquired_ns: u64,
    /// Nested: it asked for a second one, and when that was over.
    pub(super) second: Option<Second>,
    /// Why it ended otherwise than planned.
    pub(super) failure: Option<Failure>,
}

/// A second checkout under the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Second {
    pub(super) asked_ns: u64,
    pub(super) over_ns: u64,
    pub(super) granted: bool,
}

/// All that happened in one course.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Log {
    pub(super) parts: Parts,
    /// By start.
    pub(super) visits: Vec<Visit>,
    pub(super) holds: Vec<Hold>,
    /// CPU time of this process in each part.
    pub(super) cpu_ns: [u64; 3],
}

impl Log {
    /// Visits that started from `from_ns` to before `to_ns`.
    pub(super) fn started_in(&self, from_ns: u64, to_ns: u64) -> &[Visit] {
        let at = |bound: u64| self.visits.partition_point(|v| v.marks.started_ns < bound);
        &self.visits[at(from_ns)..at(to_ns)]
    }
}
