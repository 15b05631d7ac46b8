//! Throughput bound that a resource sets.

use crate::assessment::{Confidence, EvidenceItem};

/// Smallest ratio of measured throughput ÷ bound at which the bound explains the throughput.
pub(crate) const EXPLAINS: f64 = 0.90;

/// Throughput that one resource allows at most, relative to the measured throughput.
#[derive(Debug, Clone)]
pub(crate) struct ResourceBound {
    /// Stable name of the resource, as in `redis_main_thread`.
    pub(crate) factor: String,
    /// Summary of the bound in one line, with its figures.
    pub(crate) title: String,
    /// Reason for choosing this resource over others.
    pub(crate) reason: String,
    /// Measured throughput ÷ throughput that the resource allows; 1 means that the resource is used
    /// up.
    pub(crate) used_ratio: f64,
    /// Confidence that the resource is the limit, before spoiled evidence lowers it.
    pub(crate) confidence: Confidence,
    /// Evidence that `used_ratio` rests on.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Measurement that would make the result certain; `None` if none is needed.
    pub(crate) to_find_out: Option<String>,
}
