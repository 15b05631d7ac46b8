//! Conclusions of the analyzer: the document that people, gates and later tools read.
//!
//! These types *are* schema `plimsoll.assessment/1`. Every [`EvidenceItem`] points at one scalar of
//! one report, so that whoever doubts a conclusion can look.

mod finding;
mod verdict;

pub use finding::{
    ComponentKind, Confidence, EvidenceItem, Finding, FindingAdvice, FindingKind, Impact, ImpactOf,
    RuledOut, Spoiled, Unknown,
};
pub use verdict::{Gate, GateOutcome, Promise, Readiness, ReadinessVerdict};

use bench_report::{Environment, Status, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::thresholds::Thresholds;
use crate::time_model::TimeModel;

/// The schema that this version writes.
pub const SCHEMA: &str = "plimsoll.assessment/1";

/// Limit that holds a component at its knee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitingFactor {
    /// A name for scripts, as in `machine_cpu.server`; `inconclusive` where it cannot be told.
    pub factor: String,
    /// One line with the figures.
    pub title: String,
    /// Way in which it was told from the others.
    pub reason: String,
    /// Confidence in it.
    pub confidence: Confidence,
    /// Evidence that it rests on.
    pub evidence: Vec<EvidenceItem>,
    /// The measurement that would tell, where it is not sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_tell: Option<String>,
}

/// The lowest and the highest of several repeats of one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Spread")]
pub struct RepeatSpread {
    /// Number of repeats.
    pub repeats: u64,
    /// Of the throughput.
    pub throughput_per_s: [f64; 2],
    /// Of the slowest operation's 95th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<[u64; 2]>,
    /// Of its 99th.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<[u64; 2]>,
}

/// An interval of a measured part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstInterval {
    /// The repeat that it lies in, 0 for the first.
    pub repeat: u64,
    /// Its begin, from the begin of the measured part.
    pub at_ns: u64,
    /// Its length.
    pub length_ns: u64,
    /// Answers in it.
    pub throughput_per_s: f64,
    /// 99th percentile of what was answered in it; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<f64>,
}

/// Setting at which a component should run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatingPoint {
    /// Index into the report's `steps`.
    pub step: usize,
    /// The setting in words, as in `deadpool, pool_size 8`.
    pub setting: String,
    /// Reason for this choice.
    pub reason: String,
    /// Lowest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest setting that the measurements do not rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Requests that succeeded per second; of a WebSocket its echoes, as for the figures below.
    pub throughput_per_s: f64,
    /// 95th percentile of the slowest operation, in the worst repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99th percentile of the slowest operation, in the worst repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Those of `p95` and `p99` that fall among requests that were never answered: lower bounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<String>,
    /// The longest that a request took in any repeat, or had waited when it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// Requests that failed or never came back ÷ requests, over all repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Spread of the repeats; absent for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<RepeatSpread>,
    /// The interval of all repeats in which the least was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_interval: Option<WorstInterval>,
    /// Evidence that it rests on.
    pub evidence: Vec<EvidenceItem>,
}

/// One component under one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentAssessment {
    /// Component that was loaded.
    pub component: ComponentKind,
    /// Scenario of the load.
    pub scenario: String,
    /// The report it comes from.
    pub file: String,
    /// Operating point; absent for the machine, and where no step was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
    /// Limit that holds it there.
    pub limiting_factor: LimitingFactor,
    /// Division of the time of a call at the operating point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_model: Option<TimeModel>,
}

/// One report that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceSummary {
    /// File name.
    pub file: String,
    /// Program that wrote it.
    pub tool: Tool,
    /// The scenario.
    pub scenario: String,
    /// Its end.
    pub status: Status,
    /// Its start.
    pub started_at: String,
    /// Its duration.
    pub duration_ns: u64,
    /// Steps in it.
    pub steps: u64,
    /// Series in it.
    pub series: u64,
    /// Warnings about itself.
    pub headline: String,
}

/// An assessment of schema 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Program that wrote it.
    pub tool: Tool,
    /// The run that it is about.
    pub run_id: String,
    /// Reports that were read.
    pub reports: Vec<SourceSummary>,
    /// Notes to read before relying on it: partial reports, reports that cannot be aligned.
    pub notes: Vec<String>,
    /// Measurements that were meant and are missing: they keep a verdict from being told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The readiness verdict.
    pub verdict: ReadinessVerdict,
    /// Each component with its operating point and its limiting factor.
    pub components: Vec<ComponentAssessment>,
    /// Problems by impact × confidence, those without a measured impact after them, then
    /// information, then what is in doubt; symptoms under their cause.
    pub findings: Vec<Finding>,
    /// A check that found nothing wrong.
    pub ruled_out: Vec<RuledOut>,
    /// Questions that could not be judged.
    pub unknown: Vec<Unknown>,
    /// Figures that warnings made unusable.
    pub spoiled: Vec<Spoiled>,
    /// Gates that passed and gates that failed.
    pub gates: Vec<Gate>,
    /// Objectives that may be promised, for now.
    pub objectives: Vec<Promise>,
    /// The thresholds in force.
    pub thresholds: Thresholds,
    /// The machine it ran on.
    pub environment: Environment,
}

impl OperatingPoint {
    /// Returns true if a warning spoils evidence whose pointer ends in `figure`, as in `p99`.
    pub fn is_doubtful(&self, figure: &str) -> bool {
        let ends = |e: &&EvidenceItem| e.pointer.rsplit('/').next() == Some(figure);
        self.evidence.iter().filter(ends).any(|e| e.spoiled)
    }

    /// Returns true if `p95` or `p99` is a lower bound.
    pub fn is_at_least(&self, which: &str) -> bool {
        self.at_least.iter().any(|name| name == which)
    }
}

impl Assessment {
    /// Returns true if a gate failed.
    pub fn a_gate_failed(&self) -> bool {
        self.gates.iter().any(|g| g.outcome == GateOutcome::Fail)
    }

    /// Returns true if a component was judged, every gate passed, and nothing is missing.
    pub fn every_gate_passed(&self) -> bool {
        let passed = |gate: &Gate| gate.outcome == GateOutcome::Pass;
        self.missing.is_empty() && !self.gates.is_empty() && self.gates.iter().all(passed)
    }

    /// Every piece of evidence in the document.
    pub fn all_evidence(&self) -> impl Iterator<Item = &EvidenceItem> {
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
