//! Position of a request in its step.

use crate::plan::segments::SegmentIndex;

/// Position of a request in its step's measured segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// Segment in which it was due (began, in a closed loop): its outcome and its phases count there.
    pub due: Option<SegmentIndex>,
    /// Segment in which it was done: it counts for the throughput of that one. Answers during the drain
    /// count for none, as an overloaded target did not carry them.
    pub done: Option<SegmentIndex>,
    /// True if it began before the step of the report in which it was over: in the warm-up, or in an
    /// earlier segment that is a step of its own.
    pub began_earlier: bool,
}

impl Within {
    /// Due and done in the first measured segment.
    pub const WHOLLY: Self = Self {
        due: Some(SegmentIndex::FIRST),
        done: Some(SegmentIndex::FIRST),
        began_earlier: false,
    };

    /// Creates the position in a step with one measured segment.
    pub fn measured(due: bool, done: bool) -> Self {
        Self {
            due: due.then_some(SegmentIndex::FIRST),
            done: done.then_some(SegmentIndex::FIRST),
            began_earlier: !due,
        }
    }
}
