//! Page faults of a process.

use host_metrics::source::process::ProcessSample;

/// Page faults since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FaultCounters {
    /// Faults without a disk.
    pub(crate) minor: Option<u64>,
    /// Faults that waited for a disk.
    pub(crate) major: Option<u64>,
}

impl FaultCounters {
    /// Takes the counters out of a sample.
    pub(crate) fn of(sample: &ProcessSample) -> Self {
        Self {
            minor: sample.minor_faults,
            major: sample.major_faults,
        }
    }
}
