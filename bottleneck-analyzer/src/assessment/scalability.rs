//! Scalability of a component over the settings of a sweep, and its headroom up to the knee.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EvidenceItem;

/// Scalability of a component over the sweep of its operating point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Scalability {
    /// Name of the swept parameter, as in `users`.
    pub parameter: String,
    /// Number of settings that were measured.
    pub settings: u64,
    /// Universal Scalability Law, fitted to the settings; absent if it was not fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<ScalabilityLaw>,
    /// Law in words, or the reason why there is none.
    pub law_shown: String,
    /// Headroom from the operating point to the knee; absent if no setting keeps the objectives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom: Option<Headroom>,
    /// Evidence that law and headroom rest on.
    pub evidence: Vec<EvidenceItem>,
}

/// Universal Scalability Law X(N) = λN ÷ (1 + σ(N − 1) + κN(N − 1)), fitted to a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ScalabilityLaw {
    /// λ: throughput at a value of 1 of the parameter, in requests per second.
    pub one_per_s: f64,
    /// σ: share of the work that is done one after another, from 0 to 1.
    pub contention_ratio: f64,
    /// κ: cost of keeping each pair coherent, as a share of the work of one.
    pub coherency_ratio: f64,
    /// R²: share of the throughput's variance that the law explains, at most 1.
    pub r_squared: f64,
    /// Value of the parameter with the highest throughput; absent if throughput never falls by the law, or
    /// if the peak lies outside of what was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    /// Lowest and highest value of the peak that the measurements do not rule out; absent without a peak, or
    /// if nothing bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_range: Option<[f64; 2]>,
}

/// Throughput that a component can still gain within the objectives, above its operating point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Headroom {
    /// Value of the swept parameter at the knee: the setting with the highest throughput within the
    /// objectives.
    pub knee: f64,
    /// Throughput at the knee ÷ throughput at the operating point − 1, by the means of their repeats; 0 if
    /// the operating point is the knee.
    pub ratio: f64,
    /// Lowest and highest headroom by single repeats of both settings; absent if the operating point is the
    /// knee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// True if the knee was reached; false if throughput still rises at the largest setting, which keeps the
    /// objectives, so that the headroom is a lower bound.
    pub reached: bool,
    /// Headroom in words.
    pub shown: String,
}
