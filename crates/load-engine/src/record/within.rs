//! Position of a request in its step.

use crate::plan::segments::SegmentIndex;

/// Measured segments of a step in whose results a request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within {
    /// Segment in which the request was due (began, in a closed loop). Its outcome and times count
    /// there.
    pub(crate) due: Option<SegmentIndex>,
    /// Segment in which the request finished, for whose throughput it counts. `None` for answers
    /// during the drain, which an overloaded target did not deliver in time.
    pub(crate) done: Option<SegmentIndex>,
    /// True if it began before the step of the report in which it was over: in the warm-up, or in an
    /// earlier segment that is a step of its own.
    pub(crate) began_earlier: bool,
}

impl Within {
    /// Value of a request that was due and finished in the first measured segment.
    pub(crate) const WHOLLY: Self = Self {
        due: Some(SegmentIndex::FIRST),
        done: Some(SegmentIndex::FIRST),
        began_earlier: false,
    };

    /// Creates the position of a request in a step with a single measured segment, given whether it
    /// was due and finished within that segment.
    #[cfg(test)]
    pub(crate) fn measured(due: bool, done: bool) -> Self {
        Self {
            due: due.then_some(SegmentIndex::FIRST),
            done: done.then_some(SegmentIndex::FIRST),
            began_earlier: !due,
        }
    }
}
