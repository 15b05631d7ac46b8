//! Components of a run, each with its operating point and its limiting factor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ComponentKind, Confidence, EvidenceItem, OperatingPoint, ResourceUse, Scalability, TimeModel,
};

/// Conclusions about one component under one scenario, drawn from one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ComponentAssessment {
    /// Component that was loaded, or the machine.
    pub component: ComponentKind,
    /// Name of the scenario of the report, as in `sweep`.
    pub scenario: String,
    /// File name of the report that these conclusions come from.
    pub file: String,
    /// Setting at which the component should run, with its figures; absent for the machine, and if
    /// no completed step can stand for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
    /// Limiting factor of the component at its operating point.
    pub limiting_factor: LimitingFactor,
    /// Division of the mean time of a call at the operating point; absent without an operating
    /// point, or if no time was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_model: Option<TimeModel>,
    /// Use of each resource at the operating point: utilisation, saturation, errors; empty without an
    /// operating point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceUse>,
    /// Scalability over the sweep of the operating point; absent if only one setting was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalability: Option<Scalability>,
}

/// Resource or setting that limits the throughput of a component at its operating point; for the
/// machine, its most used resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LimitingFactor {
    /// Stable name of the factor, as in `machine_cpu.server`; `inconclusive` if no factor explains
    /// the run.
    pub factor: String,
    /// Summary of the factor in one line, with its figures.
    pub title: String,
    /// Reason for choosing this factor over others.
    pub reason: String,
    /// Confidence in the choice of this factor.
    pub confidence: Confidence,
    /// Evidence that the choice rests on.
    pub evidence: Vec<EvidenceItem>,
    /// Measurement that would make the factor certain; absent if none is needed.
    #[serde(default, alias = "would_tell", skip_serializing_if = "Option::is_none")]
    pub to_find_out: Option<String>,
}
