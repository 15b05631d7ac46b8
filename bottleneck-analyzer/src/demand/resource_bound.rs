//! Throughput bound that a resource sets.

use crate::assessment::{Confidence, EvidenceItem};

/// Measured throughput ÷ bound. From this ratio on, the bound explains the throughput.
pub(crate) const EXPLAINS: f64 = 0.90;

/// Throughput bound of one resource, relative to the measured throughput.
#[derive(Debug, Clone)]
pub(crate) struct ResourceBound {
    /// Stable name, as in `redis_main_thread`.
    pub(crate) factor: String,
    /// Summary of one line with the figures.
    pub(crate) title: String,
    /// Reason for choosing this resource over others.
    pub(crate) reason: String,
    /// Measured throughput ÷ bound; 1 means that the resource is used up.
    pub(crate) used_ratio: f64,
    /// Confidence for figures that no warning spoils.
    pub(crate) confidence: Confidence,
    /// Evidence of the bound.
    pub(crate) evidence: Vec<EvidenceItem>,
    /// Measurement that would tell more; `None` if the result is certain.
    pub(crate) would_tell: Option<String>,
}
