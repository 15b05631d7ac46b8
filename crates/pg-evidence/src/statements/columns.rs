//! Columns of the view `pg_stat_statements` by version of the extension, and the names of their
//! figures in reports. Times are converted to nanoseconds.

use std::collections::BTreeSet;

use bench_report::names::postgres_tables::statements;
use bench_report::names::{ColumnName, FigureName, postgres};

/// Figure of a statement in reports, with the columns of `pg_stat_statements` that it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementColumn {
    /// Name of the figure in reports, such as `exec_ns`.
    pub(super) name: ColumnName,
    /// Figure of the sum over all statements. `None` if the value covers all calls since the statement was
    /// first counted, as a maximum does, so that the growth over a step cannot be calculated.
    pub(super) sum: Option<FigureName>,
    /// Columns whose values are summed to the figure. Each entry lists the names that one column
    /// has in different versions of the extension.
    parts: &'static [&'static [&'static str]],
    /// Factor that converts the view's unit to that of the report.
    factor: f64,
    /// Setting without which the value stays 0 because nothing is measured; `None` if it is always
    /// measured.
    pub(super) needs: Option<&'static str>,
}

/// Number of nanoseconds in a millisecond, the view's unit of time.
const MS: f64 = 1e6;
const IO_TIMED: Option<&str> = Some("track_io_timing");
const PLANNED: Option<&str> = Some("pg_stat_statements.track_planning");

const fn sum(
    (name, sum): (ColumnName, FigureName),
    parts: &'static [&'static [&'static str]],
    factor: f64,
) -> StatementColumn {
    StatementColumn {
        name,
        sum: Some(sum),
        parts,
        factor,
        needs: None,
    }
}

const fn needing(column: StatementColumn, needs: Option<&'static str>) -> StatementColumn {
    StatementColumn { needs, ..column }
}

const fn of_all_calls(
    name: ColumnName,
    parts: &'static [&'static [&'static str]],
) -> StatementColumn {
    StatementColumn {
        name,
        sum: None,
        parts,
        factor: MS,
        needs: None,
    }
}

/// Position in [`COLUMNS`] of the number of calls. `EXEC_NS` is that of the execution time.
pub(super) const CALLS: usize = 0;
pub(super) const EXEC_NS: usize = 1;

pub(super) const COLUMNS: [StatementColumn; 17] = [
    sum(
        (statements::CALLS, postgres::STATEMENTS_CALLS),
        &[&["calls"]],
        1.0,
    ),
    sum(
        (statements::EXEC_NS, postgres::STATEMENTS_EXEC_NS),
        &[&["total_exec_time", "total_time"]],
        MS,
    ),
    needing(
        sum(
            (statements::PLAN_NS, postgres::STATEMENTS_PLAN_NS),
            &[&["total_plan_time"]],
            MS,
        ),
        PLANNED,
    ),
    needing(
        sum(
            (statements::PLANS, postgres::STATEMENTS_PLANS),
            &[&["plans"]],
            1.0,
        ),
        PLANNED,
    ),
    sum(
        (statements::ROWS, postgres::STATEMENTS_ROWS),
        &[&["rows"]],
        1.0,
    ),
    sum(
        (statements::BLOCKS_HIT, postgres::STATEMENTS_BLOCKS_HIT),
        &[&["shared_blks_hit"]],
        1.0,
    ),
    sum(
        (statements::BLOCKS_READ, postgres::STATEMENTS_BLOCKS_READ),
        &[&["shared_blks_read"]],
        1.0,
    ),
    sum(
        (
            statements::BLOCKS_DIRTIED,
            postgres::STATEMENTS_BLOCKS_DIRTIED,
        ),
        &[&["shared_blks_dirtied"]],
        1.0,
    ),
    sum(
        (
            statements::TEMP_BLOCKS_WRITTEN,
            postgres::STATEMENTS_TEMP_BLOCKS_WRITTEN,
        ),
        &[&["temp_blks_written"]],
        1.0,
    ),
    sum(
        (
            statements::TEMP_BLOCKS_READ,
            postgres::STATEMENTS_TEMP_BLOCKS_READ,
        ),
        &[&["temp_blks_read"]],
        1.0,
    ),
    needing(
        sum(
            (statements::READ_NS, postgres::STATEMENTS_READ_NS),
            &[&["shared_blk_read_time", "blk_read_time"]],
            MS,
        ),
        IO_TIMED,
    ),
    needing(
        sum(
            (statements::TEMP_NS, postgres::STATEMENTS_TEMP_NS),
            &[&["temp_blk_read_time"], &["temp_blk_write_time"]],
            MS,
        ),
        IO_TIMED,
    ),
    sum(
        (statements::WAL_BYTES, postgres::STATEMENTS_WAL_BYTES),
        &[&["wal_bytes"]],
        1.0,
    ),
    sum(
        (statements::WAL_FPI, postgres::STATEMENTS_WAL_FPI),
        &[&["wal_fpi"]],
        1.0,
    ),
    sum(
        (statements::JIT_NS, postgres::STATEMENTS_JIT_NS),
        &[
            &["jit_generation_time"],
            &["jit_inlining_time"],
            &["jit_optimization_time"],
            &["jit_emission_time"],
        ],
        MS,
    ),
    of_all_calls(statements::MAX_EXEC_NS, &[&["max_exec_time", "max_time"]]),
    of_all_calls(
        statements::STDDEV_EXEC_NS,
        &[&["stddev_exec_time", "stddev_time"]],
    ),
];

impl StatementColumn {
    /// Returns the SQL expression of the figure, which is NULL if the extension lacks a column.
    /// `present` are the columns that it has. Values are combined over roles, because the extension
    /// has one row for each role that ran the statement.
    pub(super) fn sql(&self, present: &BTreeSet<String>) -> String {
        let found = self.parts.iter().map(|names| {
            let known = names.iter().find(|name| present.contains(**name))?;
            let over = if self.sum.is_none() { "max" } else { "sum" };
            Some(format!("{over}({known})"))
        });
        match found.collect::<Option<Vec<_>>>() {
            None => "NULL::float8".to_owned(),
            Some(parts) => {
                let value = format!("(({}) * {:e})::float8", parts.join(" + "), self.factor);
                match self.needs {
                    None => value,
                    Some(needs) => {
                        format!("CASE WHEN current_setting('{needs}', true)::bool THEN {value} END")
                    }
                }
            }
        }
    }

    /// Returns the reason for which the figure has no value: a setting that is off, or the
    /// extension's version. `present` are the columns that the extension has.
    pub(super) fn reason(&self, present: &BTreeSet<String>) -> String {
        let known = |names: &[&str]| names.iter().any(|name| present.contains(*name));
        match self.needs {
            Some(needs) if self.parts.iter().all(|names| known(names)) => {
                format!("{needs} is off")
            }
            _ => "this version of pg_stat_statements does not count it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn column(name: &str) -> &'static StatementColumn {
        COLUMNS
            .iter()
            .find(|column| column.name.as_str() == name)
            .unwrap()
    }

    #[test]
    fn a_column_goes_by_the_name_that_the_extension_has_for_it() {
        let (old, new) = (
            present(&["total_time", "blk_read_time"]),
            present(&["total_exec_time", "shared_blk_read_time", "total_plan_time"]),
        );
        let exec = &COLUMNS[EXEC_NS];
        assert_eq!(exec.sql(&old), "((sum(total_time)) * 1e6)::float8");
        assert_eq!(exec.sql(&new), "((sum(total_exec_time)) * 1e6)::float8");
        assert!(
            column("read_ns")
                .sql(&new)
                .contains("sum(shared_blk_read_time)")
        );
        assert!(column("read_ns").sql(&old).contains("sum(blk_read_time)"));
        assert_eq!(COLUMNS[CALLS].name, statements::CALLS);
    }

    #[test]
    fn one_that_is_missing_is_told_apart_from_one_that_is_turned_off() {
        let old = present(&["total_time"]);
        assert_eq!(column("jit_ns").sql(&old), "NULL::float8");
        assert!(column("jit_ns").reason(&old).contains("this version"));
        let plans = present(&["total_plan_time"]);
        assert!(
            column("plan_ns")
                .reason(&plans)
                .contains("track_planning is off")
        );
        assert!(column("plan_ns").reason(&old).contains("this version"));
    }
}
