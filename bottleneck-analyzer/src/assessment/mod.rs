//! Conclusions of the analyzer: the document that people, gates and later tools read.
//!
//! These types *are* schema `plimsoll.assessment/1`. Every [`EvidenceItem`] points at one scalar of
//! one report, so that whoever doubts a conclusion can look.

mod component;
mod evidence;
mod finding;
mod operating_point;
mod time_model;
mod verdict;

pub use component::{ComponentAssessment, ComponentKind, LimitingFactor};
pub use evidence::{EvidenceItem, Spoiled};
pub use finding::{
    Confidence, Finding, FindingAdvice, FindingKind, Impact, ImpactOf, RuledOut, Unknown,
};
pub use operating_point::{OperatingPoint, RepeatSpread, WorstInterval};
pub use time_model::{TimeModel, TimePart};
pub use verdict::{Gate, GateOutcome, Promise, Readiness, ReadinessVerdict};

use bench_report::{Environment, Status, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::thresholds::Thresholds;

/// The schema that this version writes.
pub(crate) const SCHEMA: &str = "plimsoll.assessment/1";

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

impl Assessment {
    /// Returns true if a gate failed.
    pub(crate) fn a_gate_failed(&self) -> bool {
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
