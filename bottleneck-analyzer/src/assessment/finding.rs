//! A conclusion with what it rests on, and what was looked at without one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was loaded, or what it all ran on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// PostgreSQL behind a connection pool, or without one.
    Postgres,
    /// Redis.
    Redis,
    /// A WebSocket server.
    Websocket,
    /// The machine under all of them.
    Machine,
}

impl Component {
    /// The name people know it by.
    pub fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Websocket => "WebSocket",
            Self::Machine => "Machine",
        }
    }

    /// The name it has in files and in finding ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Websocket => "websocket",
            Self::Machine => "machine",
        }
    }
}

/// One scalar of one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What it is, for people.
    pub label: String,
    /// The report, by its file name.
    pub file: String,
    /// JSON pointer (RFC 6901) into that report.
    pub pointer: String,
    /// What stands there.
    pub value: serde_json::Value,
    /// The same as people read it.
    pub shown: String,
    /// Whether a warning of that report makes the figure doubtful.
    pub spoiled: bool,
}

/// How sure a conclusion is.
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
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// How much of an impact counts in the ranking.
    pub fn weight(self) -> f64 {
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
    /// What a cause leads to.
    Symptom,
    /// Worth knowing; nothing is wrong.
    Information,
}

impl FindingKind {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Symptom => "symptom",
            Self::Information => "information",
        }
    }
}

/// What an impact is a share of.
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

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    /// What to do, all of it, in order.
    pub actions: Vec<String>,
    /// What to expect from it.
    pub expected_gain: String,
    /// Why that helps.
    pub rationale: String,
    /// Whether a server or the application must be restarted for it.
    pub needs_restart: bool,
}

/// One conclusion with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Rule and component, as in `pool_too_small:postgres.sweep`, and the thing where a rule finds
    /// several; what `parent` refers to.
    pub id: String,
    /// What it concerns.
    pub component: Component,
    /// Cause, consequence or information.
    pub kind: FindingKind,
    /// The thing it names, as in `Lock:advisory 42`, `SQLSTATE 40001` or `p.orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// One line.
    pub title: String,
    /// A few sentences with the figures in them.
    pub detail: String,
    /// What would come back; absent where nothing is wrong, and where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// Whether calls took longer than the objective allows because of it, though it is too rare to
    /// move a mean: an episode, or a stall.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaks_objective: bool,
    /// How sure it is.
    pub confidence: Confidence,
    /// Impact × weight of the confidence; 0 without a measured impact.
    pub score: f64,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The finding that causes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What to do; absent where there is nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
}

impl Finding {
    /// Whether it is about `subject`: a bench by its id, or a component.
    pub fn is_about(&self, subject: &str) -> bool {
        self.id.split(':').nth(1) == Some(subject)
    }

    /// Whether it is more than a doubt: outside the noise, on figures that no warning spoils.
    pub fn is_sure(&self) -> bool {
        self.confidence > Confidence::Low
    }
}

/// What was checked and is fine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// The rule that looked.
    pub rule: String,
    /// What it concerns.
    pub component: Component,
    /// What is fine, with its figure.
    pub statement: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unknown {
    /// The rule that looked.
    pub rule: String,
    /// What it concerns.
    pub component: Component,
    /// What could not be judged.
    pub question: String,
    /// The measurement that would tell.
    pub would_tell: String,
}

/// A warning of a report and what it made unusable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spoiled {
    /// The report.
    pub file: String,
    /// What it concerns.
    pub component: Component,
    /// The warning's code.
    pub code: String,
    /// The warning's sentence.
    pub message: String,
    /// The step it is about, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Pointers to the figures that are not to be relied on.
    pub spoils: Vec<String>,
    /// Whether evidence of a conclusion is among them.
    pub touches_a_conclusion: bool,
}
