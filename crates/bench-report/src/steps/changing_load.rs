//! Results of a load that changes during a step: its curve, the segments that have results of
//! their own, and the sessions that open during the step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Histogram, Operation, SpikeRecovery};

/// Unit of a load curve's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CurveUnit {
    /// Arrivals per second.
    RatePerS,
    /// Number of users present at the same time.
    Users,
    /// Unit that this version does not know. It is never written by a measuring program.
    #[serde(other)]
    Unknown,
}

/// Curve that the load of a step was planned to follow. The series `load.intended_rate_per_s` or
/// `load.intended_users` has its values over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepCurve {
    /// Unit of the curve's values.
    pub unit: CurveUnit,
    /// Curve as the user wrote it, such as `spike:20,200/30s`.
    pub written: String,
    /// Value at the start of the measured part, which also applies to the warm-up, in `unit`.
    pub first: f64,
    /// Highest value of the curve and of its changes, in `unit`.
    pub peak: f64,
    /// Largest number of users that start per second; absent if that was not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn_per_s: Option<f64>,
    /// Changes that were made while the step ran, in order. Each replaced the rest of the curve.
    /// From the first one on, segments are those of changes, named `change_1`, `change_2` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<CurveChange>,
    /// Recovery from the curve's spike; absent for curves without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<SpikeRecovery>,
}

/// Change of a load's curve while its step ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveChange {
    /// Instant from which the load followed the new curve, in nanoseconds on the host's monotonic
    /// clock (`CLOCK_MONOTONIC`).
    pub at_ns: u64,
    /// New curve for the rest of the measured part; its values have the unit of the old one.
    pub curve: String,
}

/// Period of a step, in nanoseconds on the host's monotonic clock (`CLOCK_MONOTONIC`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepSpan {
    /// Start of the period, in nanoseconds on the monotonic clock.
    pub start_ns: u64,
    /// End of the period (exclusive), in nanoseconds on the monotonic clock.
    pub end_ns: u64,
}

/// Named part of a step's curve, with results of its own. The counts and histograms of all segments
/// add up to those of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSegment {
    /// Name of the segment, such as `before`, `spike`, `after`.
    pub name: String,
    /// Periods of the measured part that belong to the segment, rising.
    pub spans: Vec<StepSpan>,
    /// Results by operation, over the arrivals that were due in the segment. Only throughput
    /// counts the successes that finished in it.
    pub operations: BTreeMap<String, Operation>,
}

impl StepSegment {
    /// Returns the length of the segment in seconds: the sum of its periods.
    pub fn seconds(&self) -> f64 {
        let lengths = self
            .spans
            .iter()
            .map(|span| span.end_ns.saturating_sub(span.start_ns));
        lengths.sum::<u64>() as f64 / 1e9
    }

    /// Returns the successes per second in the segment, summed over all operations.
    pub fn throughput_per_s(&self) -> f64 {
        let each = self.operations.values().map(|o| o.throughput_per_s);
        // Adds zero because the sum of no floats is -0.
        each.sum::<f64>() + 0.0
    }

    /// Returns the number of arrivals due in the segment, whether they succeeded or not, summed
    /// over all operations.
    pub fn attempted(&self) -> u64 {
        self.operations.values().map(|o| o.attempted).sum()
    }
}

/// Sessions that opened during a step, because users came or arrivals needed them. They are kept
/// apart from operations, because opening a session does not count as throughput.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SessionUse {
    /// Number of sessions that opened in the step, its warm-up included.
    pub opened: u64,
    /// Number of failed attempts to open a session. Each attempt counts, also if the same session
    /// is tried again.
    pub failed: u64,
    /// Number of failed attempts to open a session, by kind of failure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
    /// Durations of successful attempts to open a session; absent if none succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Histogram>,
    /// Largest number of sessions open at the same time. An upper bound if several workers had
    /// sessions, because their maxima are added.
    pub present_max: u64,
}
