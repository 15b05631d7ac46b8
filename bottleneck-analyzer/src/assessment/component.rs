//! Components of a run, each with its operating point and its limiting factor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentKind, Confidence, EvidenceItem, OperatingPoint, TimeModel};

/// Result for one component under one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ComponentAssessment {
    /// Component that was loaded.
    pub component: ComponentKind,
    /// Scenario of the load.
    pub scenario: String,
    /// File name of the report that this result comes from.
    pub file: String,
    /// Operating point; absent for the machine, and where no step was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
    /// Limiting factor at the operating point.
    pub limiting_factor: LimitingFactor,
    /// Division of the time of a call at the operating point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_model: Option<TimeModel>,
}

/// Resource or setting that holds a component at its knee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LimitingFactor {
    /// Stable name, as in `machine_cpu.server`; `inconclusive` if no factor explains the run.
    pub factor: String,
    /// Summary of one line with the figures.
    pub title: String,
    /// Reason for choosing it over the other factors.
    pub reason: String,
    /// Confidence in the choice of this factor.
    pub confidence: Confidence,
    /// Evidence that the choice rests on.
    pub evidence: Vec<EvidenceItem>,
    /// Measurement that would settle the question, if the factor is not certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_tell: Option<String>,
}
