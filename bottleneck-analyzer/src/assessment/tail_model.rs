//! Phases of the slowest calls, as far as histograms of each phase can tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// Times of one operation and of its phases at the median and in the tail. Percentiles of phases do not add
/// up to the percentile of the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Tail")]
pub(crate) struct TailModel {
    /// Name of the operation in the report: the one that took the most time in all.
    pub operation: String,
    /// Median time of the operation, in nanoseconds.
    pub median_ns: f64,
    /// Time that one of a hundred calls exceeded, in nanoseconds.
    pub p99_ns: f64,
    /// Phases of the operation, in the order in which a call passes them.
    pub phases: Vec<TailPhase>,
    /// Statement that the percentiles prove about the slowest hundredth of the calls, or the reason for
    /// which they prove none.
    pub statement: String,
    /// Evidence that the times rest on.
    pub evidence: Vec<EvidenceItem>,
}

/// Length of one phase at the median and in the tail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TailPhase {
    /// Name of the phase: `pacing_lag`, `backlog`, `checkout` or `service`.
    pub name: String,
    /// Median length, in nanoseconds.
    pub median_ns: f64,
    /// Length that one of a hundred calls exceeded, in nanoseconds.
    pub p99_ns: f64,
}
