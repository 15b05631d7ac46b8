//! Load that changes during a step: its curve, the segments whose results are told apart, and the
//! sessions that open on the way.

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
    /// Users present at once.
    Users,
}

/// Curve that the load of a step was to follow. The series `load.intended_rate_per_s` or
/// `load.intended_users` has its values over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepCurve {
    /// Unit of its values.
    pub unit: CurveUnit,
    /// Curve as its user wrote it, as in `spike:20,200/30s`.
    pub written: String,
    /// Value at the start of the measured part, which the warm-up holds.
    pub first: f64,
    /// Highest value, that of changes included.
    pub peak: f64,
    /// Most users started per second, where that was limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn_per_s: Option<f64>,
    /// Changes that were made while the step ran, in order: each took the place of what was to come. From
    /// the first one on segments are those of changes, named `change_1`, `change_2` …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<CurveChange>,
    /// Recovery from the spike; absent from curves without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<SpikeRecovery>,
}

/// Change of a load's curve while its step ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveChange {
    /// Instant from which the load followed the new curve, on the host's monotonic clock, in nanoseconds.
    pub at_ns: u64,
    /// New curve, over the rest of the measured part; its values have the unit of the old one.
    pub curve: String,
}

/// Stretch of time on the host's monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepSpan {
    /// Start.
    pub start_ns: u64,
    /// End, which is no part of it.
    pub end_ns: u64,
}

/// Named part of a step's curve, with results of its own. Counts and histograms of all segments add
/// up to those of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepSegment {
    /// Name, such as `before`, `spike`, `after`.
    pub name: String,
    /// Its stretches of the measured part, rising.
    pub spans: Vec<StepSpan>,
    /// Results by operation of the arrivals that were due in it; its throughput counts what was done
    /// in it.
    pub operations: BTreeMap<String, Operation>,
}

impl StepSegment {
    /// Returns its length in seconds, over all stretches.
    pub fn seconds(&self) -> f64 {
        let lengths = self
            .spans
            .iter()
            .map(|span| span.end_ns.saturating_sub(span.start_ns));
        lengths.sum::<u64>() as f64 / 1e9
    }

    /// Returns its successes per second over all operations.
    pub fn throughput_per_s(&self) -> f64 {
        let each = self.operations.values().map(|o| o.throughput_per_s);
        // The sum of no floats is -0.
        each.sum::<f64>() + 0.0
    }

    /// Returns its arrivals over all operations, whatever became of them.
    pub fn attempted(&self) -> u64 {
        self.operations.values().map(|o| o.attempted).sum()
    }
}

/// Sessions that opened during a step, when their users came or arrivals needed them. They are no
/// operations: opening one is no throughput.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SessionUse {
    /// Sessions that opened, warm-up included.
    pub opened: u64,
    /// Attempts that failed, each of several counted.
    pub failed: u64,
    /// Failed attempts by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<String, u64>,
    /// Time that opening took, of those that opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Histogram>,
    /// Most sessions that were open at once; at most that many where several workers had sessions of their
    /// own, as their maxima are added.
    pub present_max: u64,
}
