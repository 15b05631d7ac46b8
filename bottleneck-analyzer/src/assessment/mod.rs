//! The assessment: the document that people, gates and other tools read.
//!
//! These types define schema `plimsoll.assessment/1`. Every [`EvidenceItem`] points at one scalar of
//! one report, so that a reader can check each conclusion.

mod component;
mod computed_figure;
mod evidence;
mod finding;
mod finding_id;
mod operating_point;
mod resource_kind;
mod resource_use;
mod rule;
mod scalability;
mod tail_model;
mod time_model;
mod verdict;

pub(crate) use component::{ComponentAssessment, LimitingFactor};
pub(crate) use computed_figure::ComputedFigure;
pub(crate) use evidence::{EvidenceItem, Spoiled};
pub(crate) use finding::{
    Confidence, Finding, FindingAdvice, FindingKind, Impact, ImpactOf, NextLimit, RuledOut, Unknown,
};
pub(crate) use finding_id::FindingId;
pub(crate) use operating_point::{OperatingPoint, RepeatSpread, WorstInterval};
pub(crate) use resource_kind::ResourceKind;
pub(crate) use resource_use::{ResourceUse, UseCell};
pub(crate) use rule::Rule;
pub(crate) use scalability::{Headroom, Scalability, ScalabilityLaw};
pub(crate) use tail_model::{TailModel, TailPhase};
pub(crate) use time_model::{TimeModel, TimePart};
pub(crate) use verdict::{
    Band, BandLevel, Gate, GateOrigin, GateOutcome, GateRepeats, Promise, Readiness,
    ReadinessVerdict,
};

pub(crate) use crate::component::ComponentKind;

use bench_report::{Environment, Status, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::thresholds::Thresholds;

/// Name and version of the JSON schema in which this program writes assessments.
pub(crate) const SCHEMA: &str = "plimsoll.assessment/1";

/// Summary of one report from which the assessment was computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SourceSummary {
    /// File name of the report.
    pub file: String,
    /// Program that wrote the report.
    pub tool: Tool,
    /// Name of the scenario that the report is about, as in `sweep`.
    pub scenario: String,
    /// Status of the run when the report was written: complete, stopped, interrupted or failed.
    pub status: Status,
    /// Start of the tool's run by the wall clock, in RFC 3339.
    pub started_at: String,
    /// Duration of the tool's run, in nanoseconds.
    pub duration_ns: u64,
    /// Number of steps in the report.
    pub steps: u64,
    /// Number of time series in the report.
    pub series: u64,
    /// Result in one line, as the tool wrote it into its report.
    pub headline: String,
}

/// File beside the reports, or figure of a report, that was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SkippedInput {
    /// Name of the file, or the directory whose files were not all read.
    pub file: String,
    /// JSON pointer to the figure in the file; absent if the whole file was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Reason as a sentence without a full stop, with the name of the file.
    pub reason: String,
    /// True if a measurement of the run is lost by it, so that there is no verdict; false for files
    /// that are none of the run's reports.
    pub makes_incomplete: bool,
}

/// Assessment of one run: findings, limiting factors, gates, promises and verdict, in schema 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Assessment {
    /// Name and version of the document's schema, always `plimsoll.assessment/1`.
    pub schema: String,
    /// Program that wrote the assessment.
    pub tool: Tool,
    /// Id of the run, as in `20260314-091500-7f3a`.
    pub run_id: String,
    /// Summaries of the reports that the assessment was computed from.
    pub reports: Vec<SourceSummary>,
    /// Sentences about reports that are partial, or whose clocks cannot be aligned with the
    /// others'.
    pub notes: Vec<String>,
    /// Files beside the reports, and figures in them, that were not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedInput>,
    /// Sentences about measurements that were planned and are missing; any of them prevents a
    /// verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Verdict on the readiness of the target for production.
    pub verdict: ReadinessVerdict,
    /// Conclusions about each component: its operating point, its limiting factor and its time
    /// model.
    pub components: Vec<ComponentAssessment>,
    /// Findings in order: problems by impact × confidence, problems without a measured impact,
    /// information, doubtful findings. Symptoms follow their cause.
    pub findings: Vec<Finding>,
    /// Checks of the rules that found nothing wrong.
    pub ruled_out: Vec<RuledOut>,
    /// Questions of the rules that the reports cannot answer.
    pub unknown: Vec<Unknown>,
    /// All warnings of the reports, those that make a figure of the assessment doubtful first.
    pub spoiled: Vec<Spoiled>,
    /// Gates with their outcomes.
    pub gates: Vec<Gate>,
    /// Figures with their bands: good, acceptable, warning or critical.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<Band>,
    /// Recommended promises to users (SLA); all of them are provisional.
    #[serde(rename = "objectives")]
    pub promises: Vec<Promise>,
    /// Thresholds by which rules and gates judged, those of the user included.
    pub thresholds: Thresholds,
    /// Environment (hardware, system, limits) of the first report, with the software versions of
    /// all reports.
    pub environment: Environment,
}

impl Assessment {
    /// Returns true if at least one gate failed.
    pub(crate) fn a_gate_failed(&self) -> bool {
        self.gates.iter().any(|g| g.outcome == GateOutcome::Fail)
    }

    /// Returns true if there is at least one gate, every gate passed, and no planned measurement is
    /// missing.
    pub(crate) fn every_gate_passed(&self) -> bool {
        let passed = |gate: &Gate| gate.outcome == GateOutcome::Pass;
        self.missing.is_empty() && !self.gates.is_empty() && self.gates.iter().all(passed)
    }

    /// Iterates over every piece of evidence in the document.
    pub(crate) fn all_evidence(&self) -> impl Iterator<Item = &EvidenceItem> {
        let components = self.components.iter().flat_map(|c| {
            let point = c.operating_point.iter().flat_map(|p| &p.evidence);
            let tail = c.time_model.iter().filter_map(|m| m.tail.as_ref());
            let model = c.time_model.iter().flat_map(|m| &m.parts);
            let cells = c.resources.iter().flat_map(ResourceUse::cells);
            let scalability = c.scalability.iter().flat_map(|s| &s.evidence);
            point
                .chain(tail.flat_map(|tail| &tail.evidence))
                .chain(&c.limiting_factor.evidence)
                .chain(model.flat_map(|part| &part.evidence))
                .chain(cells.flat_map(|cell| &cell.evidence))
                .chain(scalability)
        });
        components
            .chain(self.findings.iter().flat_map(|f| &f.evidence))
            .chain(self.ruled_out.iter().flat_map(|r| &r.evidence))
            .chain(self.gates.iter().flat_map(|g| &g.evidence))
            .chain(self.bands.iter().flat_map(|b| &b.evidence))
            .chain(self.promises.iter().flat_map(|o| &o.evidence))
    }
}
