//! Table of the single statements of transactions, at the recommended settings of a sweep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bench_cli::table::{self, Table};
use bench_report::histogram::{Recording, recording};
use bench_report::{Recommendation, Report};

/// Totals of one statement over several steps: its call times and its number of failures.
struct StatementTotals {
    call: Recording,
    failed: u64,
}

/// Returns a table of statements for each recommended setting, as lines of text; empty if every
/// operation is a single statement.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for recommendation in &report.summary.recommendations {
        let statements = gather(report, recommendation);
        if let (Some(size), false) = (recommendation.value, statements.is_empty()) {
            let subject = &recommendation.subject;
            let _ = write!(
                text,
                "\nStatements of {subject} at the recommended {size}\n"
            );
            text += &table(&statements).to_string();
        }
    }
    if !text.is_empty() {
        text += "of all: share of the time that statements took together\n";
    }
    text
}

fn table(statements: &BTreeMap<&str, StatementTotals>) -> Table {
    let mut rows = Table::new(&["", "median", "p99", "of all", "failed"]);
    let all: f64 = statements.values().map(total_ns).sum();
    let mut in_order: Vec<_> = statements.iter().collect();
    in_order.sort_by_key(|(name, _)| place(name));
    for (name, statement) in in_order {
        let at = |quantile| table::duration_ns(statement.call.value_at_quantile(quantile));
        rows.row(&[
            (*name).to_owned(),
            at(0.5),
            at(0.99),
            table::ratio(total_ns(statement) / all.max(1.0)),
            statement.failed.to_string(),
        ]);
    }
    rows
}

/// Splits a statement's name, `SCRIPT:LINE …`, into script and line number, by which the table is
/// sorted. Without a line number that is the largest `u32`.
fn place(name: &str) -> (&str, u32) {
    let (script, rest) = name.split_once(':').unwrap_or((name, ""));
    let line = rest.split_once(' ').map_or(rest, |(line, _)| line);
    (script, line.parse().unwrap_or(u32::MAX))
}

fn total_ns(statement: &StatementTotals) -> f64 {
    statement.call.mean() * statement.call.len() as f64
}

fn gather<'a>(
    report: &'a Report,
    recommendation: &Recommendation,
) -> BTreeMap<&'a str, StatementTotals> {
    let mut statements = BTreeMap::new();
    let steps = recommendation.steps.iter();
    for step in steps.filter_map(|index| report.steps.get(*index)) {
        for (name, part) in &step.parts {
            let statement = statements
                .entry(name.as_str())
                .or_insert_with(|| StatementTotals {
                    call: recording(),
                    failed: 0,
                });
            statement.failed += part.failures();
            if let Some(Ok(call)) = part.call.as_ref().map(bench_report::Histogram::decode) {
                // Both histograms have the same bounds, so adding cannot fail.
                let _ = statement.call.add(&call);
            }
        }
    }
    statements
}
