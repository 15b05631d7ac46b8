//! Throughput that a target could carry without a cause.

use crate::assessment::NextLimit;

/// Possible rise of throughput without a cause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CapacityGain {
    /// Possible throughput ÷ measured throughput − 1.
    pub(crate) ratio: f64,
    /// Limit at which the possible throughput ends; `None` if it was measured at another setting.
    pub(crate) limit: Option<NextLimit>,
}
