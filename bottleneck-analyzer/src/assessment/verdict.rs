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

/// Origin of a gate: who set its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GateOrigin {
    /// The bound is that of the shipped thresholds.
    #[default]
    Shipped,
    /// The bound is an expectation of the run's profile.
    Profile,
    /// The bound is set in the user's file of thresholds.
    Thresholds,
}

/// Numbers of repeats of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GateRepeats {
    /// Number of repeats that certainly break the bound.
    pub broken: u64,
    /// Number of repeats.
    pub judged: u64,
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
    /// Id of the requirement, as in `9.3`; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Requirement in the words of its author; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Origin of the bound.
    #[serde(default)]
    pub origin: GateOrigin,
    /// Name of the profile whose expectation this is; absent for gates of other origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Requirement in words, as in `p90 at most 500 ms`.
    pub requirement: String,
    /// Largest or smallest value that passes, in `unit`; `requirement` tells which of the two.
    pub threshold: f64,
    /// Measured value in `unit`, of the worst repeat if each repeat has one; absent if it was not
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Lowest value that the true one may have, in `unit`; absent if the measured value is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest value that the true one may have, in `unit`; absent if the measured value is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Unit of `threshold`, `measured`, `low` and `high`: `ns`, `ratio`, `per_s` or `bytes`.
    pub unit: String,
    /// Outcome of the gate: pass, fail or unknown.
    pub outcome: GateOutcome,
    /// Numbers of repeats that broke the bound; absent if there was only one, or if the figure is of all
    /// repeats together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<GateRepeats>,
    /// Reason for an unknown outcome, a reservation about a gate that passed, or the repeats in
    /// which one failed; absent if there is none.
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

    /// Returns who set the bound, in words: `profile stress`; `None` for a shipped default.
    pub(crate) fn set_by(&self) -> Option<String> {
        match (self.origin, &self.profile) {
            (GateOrigin::Shipped, _) => None,
            (GateOrigin::Profile, Some(name)) => Some(format!("profile {name}")),
            (GateOrigin::Profile, None) => Some("profile".to_owned()),
            (GateOrigin::Thresholds, _) => Some("thresholds file".to_owned()),
        }
    }

    /// Returns the requirement as people read it: `9.3 responses under 5 s: p99 below 5.00 s`, with
    /// the id and the title only if there are any.
    pub(crate) fn sentence(&self) -> String {
        let named = [self.id.as_deref(), self.title.as_deref()];
        let named: Vec<&str> = named.into_iter().flatten().collect();
        match named.as_slice() {
            [] => self.requirement.clone(),
            _ => format!("{}: {}", named.join(" "), self.requirement),
        }
    }
}

/// Band of a figure: how far it is from its objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BandLevel {
    /// The figure is within its objective.
    Good,
    /// The figure is past its objective, and within what is acceptable.
    Acceptable,
    /// The figure is past what is acceptable.
    Warning,
    /// The figure is far past what is acceptable.
    Critical,
    /// The figure was not measured, is spoiled by a warning, or is too near a bound to tell.
    Unknown,
}

impl BandLevel {
    /// Returns the name shown to people, as in `critical`.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Acceptable => "acceptable",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// Figure of a component with its band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Band {
    /// Component that the figure is about.
    pub component: ComponentKind,
    /// Name of the scenario in which the figure was measured; absent for the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// File name of the report that is judged; absent if no other report is of the same component
    /// and scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Name of the figure in ids, as in `p90`.
    pub figure: String,
    /// Name of the figure in words, as in `failed requests`.
    pub title: String,
    /// Measured value in `unit`, of the worst repeat if each repeat has one; absent if it was not
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Unit of `measured`: `ns` or `ratio`.
    pub unit: String,
    /// Band in which the figure is.
    pub level: BandLevel,
    /// Reason for an unknown band; absent for the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Evidence that the band rests on.
    pub evidence: Vec<EvidenceItem>,
}

impl Band {
    /// Returns true if the figure is the use of a CPU or a pool, and past its first bound.
    pub(crate) fn is_high_use(&self) -> bool {
        let is_use = ["cpu", "pool_use"].contains(&self.figure.as_str());
        is_use && matches!(self.level, BandLevel::Warning | BandLevel::Critical)
    }

    /// Returns the component with its scenario, as in `Redis cache`; the report's file name follows
    /// in parentheses if another report is of the same component and scenario.
    pub(crate) fn subject(&self) -> String {
        let mut subject = self.component.title().to_owned();
        if let Some(scenario) = &self.scenario {
            subject += &format!(" {scenario}");
        }
        match &self.file {
            Some(file) => format!("{subject} ({file})"),
            None => subject,
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
