//! A conclusion with what it rests on, and what was looked at without one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentKind, EvidenceItem};

/// Confidence in a conclusion.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A doubt rather than a finding: inside the noise, or on figures that a warning spoils.
    Low,
    /// Likely; another explanation is left.
    Medium,
    /// Well outside the noise, on sound figures.
    High,
}

impl Confidence {
    /// As it is shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Part of an impact that counts in the ranking.
    pub(crate) fn weight(self) -> f64 {
        match self {
            Self::Low => 0.3,
            Self::Medium => 0.6,
            Self::High => 1.0,
        }
    }
}

/// The kinds of finding, after Oracle's ADDM.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A cause that keeps a component from its objective.
    Problem,
    /// Consequence of a cause.
    Symptom,
    /// Worth knowing; nothing is wrong.
    Information,
}

impl FindingKind {
    /// As it is shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Symptom => "symptom",
            Self::Information => "information",
        }
    }
}

/// Quantity of which an impact is a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImpactOf {
    /// The mean response time at the operating point.
    ResponseTime,
    /// The throughput, or the CPU that would carry it.
    Capacity,
    /// The requests.
    Requests,
    /// The time of the server's sessions at work, where nobody timed the calls.
    SessionTime,
}

/// The share that would come back if the finding were solved. Impacts overlap: they may add up
/// to more than the whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Impact {
    /// From 0 to 1.
    pub ratio: f64,
    /// Of what.
    pub of: ImpactOf,
    /// Mean response time that would come back at the same load, in nanoseconds: `ratio` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_ns: Option<f64>,
    /// Throughput that would become possible ÷ the measured one, less 1, until the next limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_gain_ratio: Option<f64>,
}

/// Advice about a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Advice")]
pub struct FindingAdvice {
    /// Actions, all of them, in order.
    pub actions: Vec<String>,
    /// Gain to expect from it.
    pub expected_gain: String,
    /// Reason for which that helps.
    pub rationale: String,
    /// True if a server or the application must be restarted for it.
    pub needs_restart: bool,
}

/// One conclusion with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Rule and component, as in `pool_too_small:postgres.sweep`, and the thing where a rule finds
    /// several; what `parent` refers to.
    pub id: String,
    /// Component that it concerns.
    pub component: ComponentKind,
    /// Cause, consequence or information.
    pub kind: FindingKind,
    /// The thing it names, as in `Lock:advisory 42`, `SQLSTATE 40001` or `p.orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// One line.
    pub title: String,
    /// A few sentences with the figures in them.
    pub detail: String,
    /// Impact: time, capacity or requests that would come back; absent where nothing is wrong, and
    /// where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// True if calls took longer than the objective allows because of it, though it is too rare to
    /// move a mean: an episode, or a stall.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaks_objective: bool,
    /// Confidence in it.
    pub confidence: Confidence,
    /// Impact × weight of the confidence; 0 without a measured impact.
    pub score: f64,
    /// Evidence that it rests on.
    pub evidence: Vec<EvidenceItem>,
    /// The finding that causes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Advice; absent where there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<FindingAdvice>,
}

impl Finding {
    /// Returns true if it is about `subject`: a bench by its id, or a component.
    pub(crate) fn is_about(&self, subject: &str) -> bool {
        self.id.split(':').nth(1) == Some(subject)
    }

    /// Returns true if it is more than a doubt: outside the noise, on figures that no warning
    /// spoils.
    pub fn is_sure(&self) -> bool {
        self.confidence > Confidence::Low
    }
}

/// A check that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// The rule that looked.
    pub rule: String,
    /// Component that it concerns.
    pub component: ComponentKind,
    /// Statement of what is fine, with its figure.
    pub statement: String,
    /// Evidence that it rests on.
    pub evidence: Vec<EvidenceItem>,
}

/// Questions that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unknown {
    /// The rule that looked.
    pub rule: String,
    /// Component that it concerns.
    pub component: ComponentKind,
    /// Questions that could not be judged.
    pub question: String,
    /// The measurement that would tell.
    pub would_tell: String,
}
