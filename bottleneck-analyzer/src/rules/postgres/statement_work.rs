//! Statement that does most of one kind of work in a step, such as reading pages or writing the log.
//!
//! It finds no cause: a finding about waits, files or planning names the statement, so that the reader knows
//! where to look. Reads the table `statements` and the sums over all statements.

use bench_report::names::postgres;
use bench_report::names::postgres_tables::statements as columns;
use bench_report::names::{ColumnName, FigureName};

use super::statements::{LoadStatement, of_load, short};
use crate::assessment::EvidenceItem;
use crate::figures::{bytes, duration_ns, plain, share};
use crate::postgres::PostgresEvidence;

/// Smallest share of the work of all statements, from 0 to 1, at which a statement is named.
const LEAST_SHARE: f64 = 0.30;

/// Kind of work of which statements do more or less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    column: ColumnName,
    sum: FigureName,
    /// Columns that show more of the same work, each with its name in the list of evidence.
    beside: &'static [(ColumnName, &'static str)],
    /// Name of the work of all statements, as in `the pages that statements read`.
    title: &'static str,
    /// Name of the figure in the list of evidence.
    label: &'static str,
    show: fn(f64) -> String,
}

/// Pages that were not in shared buffers.
pub(super) const READS: Work = Work {
    column: columns::BLOCKS_READ,
    sum: postgres::STATEMENTS_BLOCKS_READ,
    beside: &[(columns::READ_NS, "time of the statement in reading pages")],
    title: "the pages that statements read from outside shared buffers",
    label: "pages read by the statement",
    show: pages,
};

/// Pages that were in shared buffers.
pub(super) const HITS: Work = Work {
    column: columns::BLOCKS_HIT,
    sum: postgres::STATEMENTS_BLOCKS_HIT,
    beside: &[(columns::ROWS, "rows of the statement")],
    title: "the pages that statements look at in shared buffers",
    label: "pages looked at by the statement",
    show: pages,
};

/// Bytes of the write-ahead log.
pub(super) const LOG: Work = Work {
    column: columns::WAL_BYTES,
    sum: postgres::STATEMENTS_WAL_BYTES,
    beside: &[],
    title: "the log that statements write",
    label: "log written by the statement",
    show: bytes,
};

/// Whole pages in the write-ahead log.
pub(super) const WHOLE_PAGES: Work = Work {
    column: columns::WAL_FPI,
    sum: postgres::STATEMENTS_WAL_FPI,
    beside: &[],
    title: "the whole pages that statements write to the log",
    label: "whole pages written by the statement",
    show: pages,
};

/// Pages that a checkpoint has to write because of the statement.
pub(super) const CHANGED_PAGES: Work = Work {
    column: columns::BLOCKS_DIRTIED,
    sum: postgres::STATEMENTS_BLOCKS_DIRTIED,
    beside: &[],
    title: "the pages that statements change",
    label: "pages changed by the statement",
    show: pages,
};

/// Pages of temporary files.
pub(super) const SPILLS: Work = Work {
    column: columns::TEMP_BLOCKS_WRITTEN,
    sum: postgres::STATEMENTS_TEMP_BLOCKS_WRITTEN,
    beside: &[
        (
            columns::TEMP_BLOCKS_READ,
            "pages of temporary files read by the statement",
        ),
        (columns::TEMP_NS, "time of the statement in temporary files"),
    ],
    title: "the pages that statements write to temporary files",
    label: "pages of temporary files written by the statement",
    show: pages,
};

/// Time of planning.
pub(super) const PLANNING: Work = Work {
    column: columns::PLAN_NS,
    sum: postgres::STATEMENTS_PLAN_NS,
    beside: &[(columns::PLANS, "plans of the statement")],
    title: "the time of planning",
    label: "time of planning the statement",
    show: duration_ns,
};

/// Time of compiling expressions.
pub(super) const COMPILING: Work = Work {
    column: columns::JIT_NS,
    sum: postgres::STATEMENTS_JIT_NS,
    beside: &[],
    title: "the time of compiling",
    label: "time of compiling the statement",
    show: duration_ns,
};

/// Statement that does most of a kind of work, with its share of the work of all statements.
pub(super) struct Worker<'a> {
    statement: LoadStatement<'a>,
    work: Work,
    per_call: f64,
    share: f64,
}

impl Work {
    /// Finds the statement of the load that does most of this work. `None` if the work was not counted, or if
    /// no statement does 30 % of it.
    pub(super) fn most<'a>(&self, server: &PostgresEvidence<'a>) -> Option<Worker<'a>> {
        let done = |one: &LoadStatement<'_>| one.row.count(self.column.as_str());
        let all = of_load(server)?;
        // A report without the sum lists all that is known.
        let listed: f64 = all.iter().map(done).sum();
        let total = server.figure(self.sum).unwrap_or(listed);
        let statement = all
            .into_iter()
            .max_by(|a, b| done(a).total_cmp(&done(b)))
            .filter(|most| done(most) > 0.0)?;
        let share = (done(&statement) / total.max(1.0)).min(1.0);
        let per_call = statement.per_call(self.column.as_str())?;
        (share >= LEAST_SHARE).then_some(Worker {
            statement,
            work: *self,
            per_call,
            share,
        })
    }
}

impl Worker<'_> {
    /// Returns the text of the statement.
    pub(super) fn text(&self) -> &str {
        self.statement.text()
    }

    /// Returns a sentence about the statement that begins with a space.
    pub(super) fn sentence(&self) -> String {
        format!(
            " {} accounts for {} of {}: {} at each of its {} calls on average.",
            short(self.text()),
            share(self.share),
            self.work.title,
            (self.work.show)(self.per_call),
            plain(self.statement.row.count("calls")),
        )
    }

    /// Returns the work of the statement and that of all statements as evidence.
    pub(super) fn evidence(&self, server: &PostgresEvidence<'_>) -> Vec<EvidenceItem> {
        let row = &self.statement.row;
        let own = row.evidence(self.work.label, self.work.column.as_str());
        let beside = self.work.beside.iter();
        let beside = beside.filter_map(|(column, label)| row.evidence(*label, column.as_str()));
        let calls = row.evidence("calls of the statement", "calls");
        let all = server.evidence(self.work.sum);
        own.into_iter()
            .chain(beside)
            .chain(calls)
            .chain(all)
            .collect()
    }
}

/// Returns the sentence about the statement that does most of `work`, and its evidence; both empty if none
/// does.
pub(super) fn told(work: Work, server: &PostgresEvidence<'_>) -> (String, Vec<EvidenceItem>) {
    work.most(server).map_or_else(Default::default, |worker| {
        (worker.sentence(), worker.evidence(server))
    })
}

fn pages(count: f64) -> String {
    format!("{} pages", plain(count))
}
