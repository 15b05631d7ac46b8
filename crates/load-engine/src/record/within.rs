//! Measured segments of a step in which a request was due and in which it finished.

use crate::plan::segments::SegmentIndex;

/// Measured segments of a step in whose results one request counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within {
    /// Segment in which the request was due (in a closed loop: began), where its outcome and times
    /// count; `None` if that was outside the measured part.
    pub(crate) due: Option<SegmentIndex>,
    /// Segment in which the request finished, for whose throughput it counts. `None` if it finished
    /// outside the measured part, as in the drain, or after that part was halted.
    pub(crate) done: Option<SegmentIndex>,
    /// True if the request began before the step of the report in which it finished: in the
    /// warm-up, or in an earlier segment that is a step of its own.
    pub(crate) began_earlier: bool,
}

impl Within {
    /// Position of a request that was due and finished in the first measured segment.
    pub(crate) const WHOLLY: Self = Self {
        due: Some(SegmentIndex::FIRST),
        done: Some(SegmentIndex::FIRST),
        began_earlier: false,
    };

    /// Creates the position of a request in a step with a single measured segment. `due` and `done`
    /// tell whether it was due and whether it finished within that segment.
    #[cfg(test)]
    pub(crate) fn measured(due: bool, done: bool) -> Self {
        Self {
            due: due.then_some(SegmentIndex::FIRST),
            done: done.then_some(SegmentIndex::FIRST),
            began_earlier: !due,
        }
    }
}
