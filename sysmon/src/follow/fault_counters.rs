//! Page faults of a process.

use host_metrics::source::process::ProcessSample;

/// Numbers of page faults of a process since it started; `None` if the sample does not contain
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FaultCounters {
    /// Number of page faults that were resolved without reading from a disk.
    pub(crate) minor: Option<u64>,
    /// Number of page faults that waited for a disk.
    pub(crate) major: Option<u64>,
}

impl FaultCounters {
    /// Returns the counters in a sample of a process.
    pub(crate) fn of(sample: &ProcessSample) -> Self {
        Self {
            minor: sample.minor_faults,
            major: sample.major_faults,
        }
    }
}
