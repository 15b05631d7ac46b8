//! Steps of a part of the scenario, with the place of every figure in the report.

use bench_report::names::redis::encoding_limits;
use bench_report::names::{ColumnName, FigureFamily, FigureName};
use bench_report::{EvidenceRow, Step, StepEnd};

use crate::assessment::EvidenceItem;
use crate::bench_facts::BenchFacts;
use crate::json_pointer::escape;
use crate::source_report::SourceReport;

/// Step of a part of the scenario `memory`.
#[derive(Clone, Copy)]
pub(super) struct PartStep<'a> {
    source: &'a SourceReport,
    index: usize,
    pub(super) step: &'a Step,
}

/// Lists the completed steps of a part, which their parameter `part` names.
pub(super) fn of_part<'a>(bench: &BenchFacts<'a>, part: &str) -> Vec<PartStep<'a>> {
    let source = bench.source;
    let steps = source.report.steps.iter().enumerate();
    let of_part =
        steps.filter(|(_, step)| step.end == StepEnd::Completed && step.is_with(&[("part", part)]));
    let of_part = of_part.map(|(index, step)| PartStep {
        source,
        index,
        step,
    });
    of_part.collect()
}

/// Returns the reason for which the steps have no `what`, as a phrase after a colon; empty if they tell none.
pub(super) fn why_without(steps: &[PartStep<'_>], what: &str) -> String {
    let servers = steps.iter().filter_map(|one| one.step.server.as_ref());
    let mut reasons = servers.filter_map(|server| server.unavailable.get(what));
    reasons
        .next()
        .map_or_else(String::new, |reason| format!(": {reason}"))
}

impl<'a> PartStep<'a> {
    pub(super) fn value(&self, name: FigureName) -> Option<f64> {
        self.step.value(name)
    }

    pub(super) fn value_of(&self, family: FigureFamily, member: &str) -> Option<f64> {
        self.step.value_of(family, member)
    }

    /// Returns the text of a parameter; empty if the step has none of this name.
    pub(super) fn text(&self, parameter: &str) -> String {
        let value = self.step.parameters.get(parameter);
        value.map_or_else(String::new, ToString::to_string)
    }

    /// Returns the figure `name` of the step as evidence; `None` if it was not measured.
    pub(super) fn evidence(&self, name: &str) -> Option<EvidenceItem> {
        let label = format!("{name} of {}", self.step.name);
        self.source
            .evidence(label, &format!("{}/figures/{}", self.place(), escape(name)))
    }

    /// Returns a parameter of the step as evidence; `None` if it has none of this name.
    pub(super) fn setting(&self, parameter: &str) -> Option<EvidenceItem> {
        let label = format!("{parameter} of {}", self.step.name);
        let pointer = format!("{}/parameters/{}", self.place(), escape(parameter));
        self.source.evidence(label, &pointer)
    }

    /// Iterates over the limits of encodings that the step found, each with its index.
    pub(super) fn limits(&self) -> impl Iterator<Item = (usize, &'a EvidenceRow)> {
        let server = self.step.server.as_ref();
        let rows = server.and_then(|server| server.rows(encoding_limits::TABLE));
        rows.unwrap_or_default().iter().enumerate()
    }

    /// Returns a figure of limit `row` as evidence called `label`; `None` if it was not measured.
    pub(super) fn limit_evidence(
        &self,
        label: &str,
        row: usize,
        column: ColumnName,
    ) -> Option<EvidenceItem> {
        let table = encoding_limits::TABLE;
        let place = format!("{}/server/tables/{table}/{row}", self.place());
        self.source
            .evidence(label, &format!("{place}/figures/{column}"))
    }

    fn place(&self) -> String {
        format!("/steps/{}", self.index)
    }
}
