//! What the analyzer concludes: the document that people, gates and later tools read.
//!
//! These types *are* schema `plimsoll.assessment/1`. Every [`Evidence`] points at one scalar of
//! one report, so that whoever doubts a conclusion can look.

use bench_report::{Environment, Status, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::thresholds::Thresholds;
use crate::time_model::TimeModel;

/// The schema that this version writes.
pub const SCHEMA: &str = "plimsoll.assessment/1";

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
}

/// The share that would come back if the finding were solved. Impacts overlap: they may add up
/// to more than the whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Impact {
    /// From 0 to 1.
    pub ratio: f64,
    /// Of what.
    pub of: ImpactOf,
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
    /// Rule and component, as in `pool_too_small:postgres.sweep`; what `parent` refers to.
    pub id: String,
    /// What it concerns.
    pub component: Component,
    /// Cause, consequence or information.
    pub kind: FindingKind,
    /// One line.
    pub title: String,
    /// A few sentences with the figures in them.
    pub detail: String,
    /// What would come back; absent where nothing is wrong, and where it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
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

/// What holds a component at its knee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitingFactor {
    /// A name for scripts, as in `machine_cpu.server`; `inconclusive` where it cannot be told.
    pub factor: String,
    /// One line with the figures.
    pub title: String,
    /// How it was told from the others.
    pub reason: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The measurement that would tell, where it is not sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_tell: Option<String>,
}

/// Where a component should run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatingPoint {
    /// Index into the report's `steps`.
    pub step: usize,
    /// The setting in words, as in `deadpool, pool_size 8`.
    pub setting: String,
    /// Why this one.
    pub reason: String,
    /// Lowest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Requests that succeeded per second; of a WebSocket its echoes, as for the figures below.
    pub throughput_per_s: f64,
    /// 95th percentile of the slowest operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99th percentile of the slowest operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Requests that failed or never came back ÷ requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// One component under one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentAssessment {
    /// What was loaded.
    pub component: Component,
    /// How.
    pub scenario: String,
    /// The report it comes from.
    pub file: String,
    /// Where to run it; absent for the machine, and where no step was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
    /// What holds it there.
    pub limiting_factor: LimitingFactor,
    /// Where the time of a call went at the operating point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_model: Option<TimeModel>,
}

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
    pub component: Component,
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
    /// Why it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}

/// What may be promised, for now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Objective {
    /// What it concerns.
    pub component: Component,
    /// The scenario it was measured in.
    pub scenario: String,
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
    pub evidence: Vec<Evidence>,
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
    pub fn title(self) -> &'static str {
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
pub struct Verdict {
    /// The verdict.
    pub readiness: Readiness,
    /// One sentence.
    pub headline: String,
    /// What it rests on, worst first.
    pub reasons: Vec<String>,
}

/// One report that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceSummary {
    /// File name.
    pub file: String,
    /// Which program wrote it.
    pub tool: Tool,
    /// The scenario.
    pub scenario: String,
    /// How it ended.
    pub status: Status,
    /// When it started.
    pub started_at: String,
    /// How long it took.
    pub duration_ns: u64,
    /// Steps in it.
    pub steps: u64,
    /// Series in it.
    pub series: u64,
    /// What it said of itself.
    pub headline: String,
}

/// An assessment of schema 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Which program wrote it.
    pub tool: Tool,
    /// The run that it is about.
    pub run_id: String,
    /// What was read.
    pub reports: Vec<SourceSummary>,
    /// What to know before relying on it: partial reports, reports that cannot be aligned.
    pub notes: Vec<String>,
    /// The readiness verdict.
    pub verdict: Verdict,
    /// Each component with its operating point and its limiting factor.
    pub components: Vec<ComponentAssessment>,
    /// Problems by impact × confidence, those without a measured impact after them, then
    /// information, then what is in doubt; symptoms under their cause.
    pub findings: Vec<Finding>,
    /// What was checked and is fine.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be judged.
    pub unknown: Vec<Unknown>,
    /// What warnings made unusable.
    pub spoiled: Vec<Spoiled>,
    /// What passed and what failed.
    pub gates: Vec<Gate>,
    /// What may be promised, for now.
    pub objectives: Vec<Objective>,
    /// The thresholds in force.
    pub thresholds: Thresholds,
    /// The machine it ran on.
    pub environment: Environment,
}

impl OperatingPoint {
    /// Whether a warning spoils evidence whose pointer ends in `figure`, as in `p99`.
    pub fn is_doubtful(&self, figure: &str) -> bool {
        let ends = |e: &&Evidence| e.pointer.rsplit('/').next() == Some(figure);
        self.evidence.iter().filter(ends).any(|e| e.spoiled)
    }
}

impl Assessment {
    /// Whether a gate failed.
    pub fn a_gate_failed(&self) -> bool {
        self.gates.iter().any(|g| g.outcome == GateOutcome::Fail)
    }

    /// Every piece of evidence in the document.
    pub fn all_evidence(&self) -> impl Iterator<Item = &Evidence> {
        let components = self.components.iter().flat_map(|c| {
            let point = c.operating_point.iter().flat_map(|p| &p.evidence);
            let model = c.time_model.iter().flat_map(|m| &m.parts);
            point
                .chain(&c.limiting_factor.evidence)
                .chain(model.flat_map(|part| &part.evidence))
        });
        components
            .chain(self.findings.iter().flat_map(|f| &f.evidence))
            .chain(self.ruled_out.iter().flat_map(|r| &r.evidence))
            .chain(self.gates.iter().flat_map(|g| &g.evidence))
            .chain(self.objectives.iter().flat_map(|o| &o.evidence))
    }
}
