//! Position of a request in its step.

use crate::plan::segments::SegmentIndex;

/// Position of a request in its step's measured segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within {
    /// Segment in which it was due (began, in a closed loop): its outcome and its phases count there.
    pub(crate) due: Option<SegmentIndex>,
    /// Segment in which it was done: it counts for the throughput of that one. Answers during the drain
    /// count for none, as an overloaded target did not carry them.
    pub(crate) done: Option<SegmentIndex>,
}

impl Within {
    /// Due and done in the first measured segment.
    pub(crate) const WHOLLY: Self = Self {
        due: Some(SegmentIndex::FIRST),
        done: Some(SegmentIndex::FIRST),
    };

    /// Creates the position in a step with one measured segment.
    #[cfg(test)]
    pub(crate) fn measured(due: bool, done: bool) -> Self {
        Self {
            due: due.then_some(SegmentIndex::FIRST),
            done: done.then_some(SegmentIndex::FIRST),
        }
    }
}
