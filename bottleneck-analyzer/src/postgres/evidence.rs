//! Evidence about a PostgreSQL server in one step, with the place of every figure in the report.

use bench_report::names;
use bench_report::names::{FigureName, Place, TableName, reads};
use bench_report::{EvidenceRow, Step};

use crate::assessment::EvidenceItem;
use crate::json_pointer::escape;
use crate::source_report::SourceReport;

/// Evidence about a PostgreSQL server in one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PostgresEvidence<'a> {
    /// Report that contains the step.
    pub(crate) source: &'a SourceReport,
    /// Index of the step in the report's `steps`.
    pub(crate) index: usize,
    /// Step that the evidence is about.
    pub(crate) step: &'a Step,
}

/// Row of a table of the server's evidence, with its place in the report.
#[derive(Debug, Clone)]
pub(crate) struct CitedRow<'a> {
    source: &'a SourceReport,
    table: TableName,
    pointer: String,
    line: &'a EvidenceRow,
}

impl<'a> PostgresEvidence<'a> {
    /// Returns the evidence of step `index`; `None` if there is no such step. A step without
    /// evidence about the server is valid.
    pub(crate) fn of_step(source: &'a SourceReport, index: usize) -> Option<Self> {
        let step = source.report.steps.get(index)?;
        Some(Self {
            source,
            index,
            step,
        })
    }

    /// Returns the figure `name` of the server; `None` if it was not measured.
    pub(crate) fn figure(&self, name: FigureName) -> Option<f64> {
        self.step.server.as_ref()?.value(name)
    }

    /// Returns the figure `name` of the server as evidence; `None` if it was not measured.
    pub(crate) fn evidence(&self, name: FigureName) -> Option<EvidenceItem> {
        self.evidence_named(name.as_str())
    }

    /// Returns the figure called `name`, one of a family, as evidence; `None` if it was not measured.
    pub(crate) fn evidence_named(&self, name: &str) -> Option<EvidenceItem> {
        let pointer = format!("/steps/{}/server/figures/{}", self.index, escape(name));
        self.source.evidence(name, &pointer)
    }

    /// Iterates over the names and values of the server's figures whose names begin with `prefix`.
    pub(crate) fn figures_below(&self, prefix: &str) -> impl Iterator<Item = (&'a String, f64)> {
        let server = self.step.server.as_ref();
        let all = server.into_iter().flat_map(|s| &s.figures);
        all.filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| {
                reads::note(Place::Server, name);
                (name, *value)
            })
    }

    /// Returns the rows of the table `name`; `None` if the report has no such table.
    pub(crate) fn table(&self, name: TableName) -> Option<Vec<CitedRow<'a>>> {
        let rows = self.step.server.as_ref()?.rows(name)?;
        let pointer = format!(
            "/steps/{}/server/tables/{}",
            self.index,
            escape(name.as_str())
        );
        let line = |(place, row)| CitedRow {
            source: self.source,
            table: name,
            pointer: format!("{pointer}/{place}"),
            line: row,
        };
        Some(rows.iter().enumerate().map(line).collect())
    }

    /// Returns the rows of the table `name`; empty if the report has no such table.
    pub(crate) fn rows(&self, name: TableName) -> Vec<CitedRow<'a>> {
        self.table(name).unwrap_or_default()
    }

    /// Returns the number of finished calls, failed ones included, per second of the measured part;
    /// 0 if nothing was measured.
    pub(crate) fn calls_per_s(&self) -> f64 {
        let operations = self.step.operations.values();
        let (done, good) = operations.fold((0, 0), |(done, good), o| {
            (done + o.succeeded + o.failures(), good + o.succeeded)
        });
        let measured_s = self.step.window.measured_s();
        match good {
            0 if measured_s > 0.0 => done as f64 / measured_s,
            0 => 0.0,
            _ => self.step.throughput_per_s() * done as f64 / good as f64,
        }
    }

    /// Returns the number of finished calls in the time over which the server's counters were read,
    /// warm-up included; `None` if that time is not known or no call finished.
    pub(crate) fn calls_of_counters(&self) -> Option<f64> {
        let span_s = self.figure(names::postgres::DELTAS_SPAN_S)?;
        let calls = self.calls_per_s() * span_s;
        (calls > 0.0).then_some(calls)
    }
}

impl CitedRow<'_> {
    /// Returns the label `name` of the row; empty if the row has no such label.
    pub(crate) fn label(&self, name: &str) -> &str {
        reads::note(Place::Table(self.table), name);
        self.line.labels.get(name).map_or("", String::as_str)
    }

    /// Returns the figure `name` of the row; `None` if the row has no such figure.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        reads::note(Place::Table(self.table), name);
        self.line.figures.get(name).copied()
    }

    /// Returns the figure `name` of the row; 0 if the row has no such figure.
    pub(crate) fn count(&self, name: &str) -> f64 {
        self.figure(name).unwrap_or(0.0)
    }

    /// Returns the figure `name` of the row as evidence called `label`; `None` if the row has no
    /// such figure.
    pub(crate) fn evidence(&self, label: impl Into<String>, name: &str) -> Option<EvidenceItem> {
        let pointer = format!("{}/figures/{}", self.pointer, escape(name));
        self.source.evidence(label, &pointer)
    }

    /// Returns the label `name` of the row as evidence called `label`; `None` if the row has no such
    /// label.
    pub(crate) fn label_evidence(
        &self,
        label: impl Into<String>,
        name: &str,
    ) -> Option<EvidenceItem> {
        let pointer = format!("{}/labels/{}", self.pointer, escape(name));
        self.source.evidence(label, &pointer)
    }
}
