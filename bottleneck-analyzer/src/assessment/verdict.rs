//! What follows from the conclusions: gates, promises, and whether to go to production.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ComponentKind, EvidenceItem};

/// What a gate found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateOutcome {
    /// Within the threshold.
    Pass,
    /// Past the threshold.
    Fail,
    /// Not measured, or spoilt.
    Unknown,
}

/// A threshold that a run passes or fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Gate {
    /// A name for scripts, as in `postgres.sweep.p90`.
    pub name: String,
    /// What it concerns.
    pub component: ComponentKind,
    /// The report that it judges, where another one is of the same component and scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What must hold, as in `p90 at the operating point below 500 ms`.
    pub requirement: String,
    /// The bound, in `unit`.
    pub threshold: f64,
    /// What was measured, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// `ns`, `ratio`, `per_s`, `bytes`.
    pub unit: String,
    /// Pass, fail or unknown.
    pub outcome: GateOutcome,
    /// Reason why it is unknown, or a reservation about a figure that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it rests on.
    pub evidence: Vec<EvidenceItem>,
}

impl Gate {
    /// Subject that it judges, for people: the component, with the report's file where two are of one kind.
    pub(crate) fn subject(&self) -> String {
        let component = self.component.title();
        match &self.file {
            Some(file) => format!("{component} ({file})"),
            None => component.to_owned(),
        }
    }
}

/// What may be promised, for now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Objective")]
pub struct Promise {
    /// What it concerns.
    pub component: ComponentKind,
    /// The scenario it was measured in.
    pub scenario: String,
    /// The report that it was measured in, where another one is of the same component and scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// `throughput`, `latency_p95`, `latency_p99`, `availability`; of a WebSocket also
    /// `connections`, `connect_p95`, `connect_p99`, `connections_kept`.
    pub indicator: String,
    /// The promise, in `unit`; absent where the measurements allow none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// `ns`, `ratio`, `per_s`, `count`.
    pub unit: String,
    /// The promise in words, or which warning forbids one: `p99 not told: pacing lag`.
    pub shown: String,
    /// Always true: a load test shows what can be held, not what users need.
    pub provisional: bool,
    /// How it was derived, or why it was not.
    pub basis: String,
    /// What it rests on.
    pub evidence: Vec<EvidenceItem>,
}

/// Whether to go to production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Every gate passed and no problem is left.
    Ready,
    /// Every gate that could be judged passed, but something is left.
    ReadyWithReservations,
    /// A gate failed.
    NotReady,
    /// Too little could be judged.
    #[default]
    CannotTell,
}

impl Readiness {
    /// As it is shown.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ReadyWithReservations => "ready with reservations",
            Self::NotReady => "not ready",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// The readiness verdict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Verdict")]
pub struct ReadinessVerdict {
    /// The verdict.
    pub readiness: Readiness,
    /// One sentence.
    pub headline: String,
    /// What it rests on, worst first.
    pub reasons: Vec<String>,
}
