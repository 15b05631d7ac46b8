//! Fault of a report: the place and the reason.

/// Largest number of faults that are told of one report; with more of them the report is unusable.
pub(super) const MOST_FAULTS: usize = 100;

/// Part of a report that a fault makes unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultExtent {
    /// The whole report: counts, times or histograms of its steps cannot be right.
    Report,
    /// The series at the index.
    Series(usize),
    /// The named figure at the pointer, which others do not depend on.
    Figure,
}

/// Place in a report at which something stands that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer to the place, such as `/steps/3/operations/get/throughput_per_s`.
    pub pointer: String,
    /// Reason for which it cannot be, such as `is -5, and a rate is from 0 to 1e15`.
    pub reason: String,
    /// Part of the report that cannot be used.
    pub extent: FaultExtent,
}

impl Fault {
    /// Creates a fault that makes the whole report unusable.
    pub(super) fn of_report(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            reason: reason.into(),
            extent: FaultExtent::Report,
        }
    }
}

/// Returns `key` as a part of a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
