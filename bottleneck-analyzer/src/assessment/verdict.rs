//! Gates, promises and the readiness verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentKind, EvidenceItem};

/// Outcome of a gate: whether the measured value is within the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GateOutcome {
    /// The measured value is within the bound.
    Pass,
    /// The measured value is past the bound for certain.
    Fail,
    /// The value was not measured, rests on too few samples, is only a bound, or is spoiled by a
    /// warning.
    Unknown,
}

/// Requirement for production readiness, with its bound, the measured value and the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Gate {
    /// Stable name of the gate, as in `postgres.sweep.p90`.
    pub name: String,
    /// Component that the gate judges.
    pub component: ComponentKind,
    /// File name of the report that is judged; absent if no other report is of the same component
    /// and scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Requirement in words, as in `p90 at most 500 ms`.
    pub requirement: String,
    /// Largest or smallest value that passes, in `unit`; `requirement` tells which of the two.
    pub threshold: f64,
    /// Measured value in `unit`, of the worst repeat if each repeat has one; absent if it was not
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Unit of `threshold` and `measured`: `ns` or `ratio`.
    pub unit: String,
    /// Outcome of the gate: pass, fail or unknown.
    pub outcome: GateOutcome,
    /// Reason for an unknown outcome, or a reservation about a gate that passed; absent if there is
    /// neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Evidence that the outcome rests on.
    pub evidence: Vec<EvidenceItem>,
}

impl Gate {
    /// Returns the title of the component, as in `PostgreSQL`; the report's file name follows in
    /// parentheses if another report is of the same component and scenario.
    pub(crate) fn subject(&self) -> String {
        let component = self.component.title();
        match &self.file {
            Some(file) => format!("{component} ({file})"),
            None => component.to_owned(),
        }
    }
}

/// Recommended promise to users (SLA), with its derivation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Objective")]
pub(crate) struct Promise {
    /// Component that the promise is about.
    pub component: ComponentKind,
    /// Name of the scenario in which the value was measured.
    pub scenario: String,
    /// File name of the report that was measured; absent if no other report is of the same
    /// component and scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Name of the promised quantity: `throughput`, `latency_p95`, `latency_p99`, `availability`;
    /// of a WebSocket server also `connections`, `connect_p95`, `connect_p99`, `connections_kept`.
    pub indicator: String,
    /// Promised value in `unit`; absent if the measurements do not allow one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Unit of `value`: `ns`, `ratio`, `per_s` or `count`.
    pub unit: String,
    /// Promise in words, or the reason why there is none: `p99 not told: pacing lag`.
    pub shown: String,
    /// Always true, because a load test shows the capacity and not what users need.
    pub provisional: bool,
    /// Derivation of the value in words, or the reason why there is none.
    pub basis: String,
    /// Evidence that the value rests on.
    pub evidence: Vec<EvidenceItem>,
}

/// Readiness of the target for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Readiness {
    /// Every gate passed, and no problem, doubt or note remains.
    Ready,
    /// No gate failed and enough gates passed, but problems, doubts, notes or unknown gates remain.
    ReadyWithReservations,
    /// At least one gate failed.
    NotReady,
    /// No gate failed, but a planned measurement is missing, no gate passed, or more gates are
    /// unknown than passed.
    #[default]
    CannotTell,
}

impl Readiness {
    /// Returns the name shown to people, as in `not ready`.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithReservations => "ready with reservations",
            Self::NotReady => "not ready",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// Verdict on the readiness of the target for production, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Verdict")]
pub(crate) struct ReadinessVerdict {
    /// Readiness for production.
    pub readiness: Readiness,
    /// Summary of the verdict in one sentence.
    pub headline: String,
    /// Reasons for the verdict in words, the worst first.
    pub reasons: Vec<String>,
}
