//! Evidence about a PostgreSQL server in one step, with the place of every figure in the report.

use bench_report::names;
use bench_report::names::{ColumnName, FigureName, Place, TableName, postgres_tables, reads};
use bench_report::{EvidenceRow, Step};

use crate::assessment::EvidenceItem;
use crate::json_pointer::escape;
use crate::source_report::SourceReport;

/// Size of a page of a table, of an index and of a temporary file, in bytes: the default of a server's build
/// (`block_size`).
pub(crate) const PAGE_BYTES: f64 = 8192.0;

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

    /// Returns the figure `name` of the server, a sum of times over the measured part, divided by the number
    /// of calls attempted, in nanoseconds. `None` if it was not measured or no call was made.
    pub(crate) fn per_call(&self, name: FigureName) -> Option<f64> {
        let calls: u64 = self.step.operations.values().map(|o| o.attempted).sum();
        let ns = self.figure(name)?;
        (calls > 0).then(|| ns / calls as f64)
    }

    /// Returns the time of a call in which its session was ready to run but had no CPU, in nanoseconds, as
    /// counted by the kernel; `None` if it was not counted or no call was made. Samples of the session do
    /// not show all of this time: a session that was woken up shows its last wait event until it runs.
    pub(crate) fn ready_ns(&self) -> Option<f64> {
        let name = names::postgres::SERVER_LOAD_READY_NS;
        let counted = self.figure(name).filter(|of_all| *of_all > 0.0);
        counted.and_then(|_| self.without_workers(name, postgres_tables::processes::READY_NS))
    }

    /// Returns the figure `name`, a sum of times of the server's processes, divided by the number of calls
    /// attempted, in nanoseconds, without the load's parallel workers: they run at the same time as the
    /// session that leads them, so that their time is no part of a call. `column` of the table `processes` has
    /// the same time of each kind of process. `None` if it was not measured or no call was made.
    pub(crate) fn without_workers(&self, name: FigureName, column: ColumnName) -> Option<f64> {
        let (of_all, per_call) = (self.figure(name)?, self.per_call(name)?);
        let rows = self.rows(postgres_tables::processes::TABLE);
        let workers = rows.iter().filter(|row| is_worker(row));
        let theirs: f64 = workers.map(|row| row.count(column.as_str())).sum();
        Some(per_call * (1.0 - theirs / of_all.max(f64::MIN_POSITIVE)).max(0.0))
    }

    /// Returns the CPU time of the load's sessions and their parallel workers ÷ that of the sessions alone; 1
    /// if it is not known.
    pub(crate) fn cpu_with_workers_ratio(&self) -> f64 {
        let name = names::postgres::SERVER_LOAD_CPU_NS;
        let alone = self.without_workers(name, postgres_tables::processes::CPU_NS);
        let alone = alone.filter(|ns| *ns > 0.0);
        alone
            .zip(self.per_call(name))
            .map_or(1.0, |(alone, all)| all / alone)
    }

    /// Returns true if parallel workers of the load were sampled.
    pub(crate) fn has_workers(&self) -> bool {
        self.rows(postgres_tables::backends::TABLE)
            .iter()
            .any(is_worker)
    }

    /// Returns the number of finished calls in the time over which the server's counters were read,
    /// warm-up included; `None` if that time is not known or no call finished.
    pub(crate) fn calls_of_counters(&self) -> Option<f64> {
        let span_s = self.figure(names::postgres::DELTAS_SPAN_S)?;
        let calls = self.calls_per_s() * span_s;
        (calls > 0.0).then_some(calls)
    }
}

/// Returns true if the row describes parallel workers of the load.
fn is_worker(row: &CitedRow<'_>) -> bool {
    row.label("application") == "ours" && row.label("backend_type") == "parallel worker"
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
