//! Counters by statement from the extension `pg_stat_statements`, if it is installed: the
//! statements that took most of the step's time, by fingerprint.

mod columns;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bench_report::names::postgres;
use bench_report::names::postgres_tables::statements;
use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::{Error, Row};

use crate::failure::message;
use crate::fingerprint;
use crate::server::client::Client;
use crate::server::foreign_text::text;
use columns::{CALLS, COLUMNS, EXEC_NS};

/// Largest number of rows in the table of statements.
const MOST_ROWS: usize = 20;
/// Number of statements whose texts are read. It exceeds [`MOST_ROWS`], because some of them are
/// those of this tool and left out.
const MOST_TEXTS: usize = 40;
/// Query of the extension's schema and columns. The extension's version may be older than the
/// server's.
const PLACE: &str = "SELECT /* plimsoll evidence */ quote_ident(n.nspname),
           (SELECT array_agg(a.attname::text) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = n.oid AND c.relname = 'pg_stat_statements' AND a.attnum > 0),
           to_regclass(quote_ident(n.nspname) || '.pg_stat_statements_info') IS NOT NULL
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements'";
/// Number of columns of the query's result before those of the figures.
const BEFORE_FIGURES: usize = 3;
/// Largest relative fall of a counter that may be rounding: times of several roles are added up in no fixed
/// order.
const ROUNDING: f64 = 1e-9;

/// Counters of the statements of this database at one instant.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatementCounters {
    place: String,
    /// Names of the columns that the extension's view has.
    present: BTreeSet<String>,
    by_id: HashMap<StatementId, StatementFigures>,
    hidden: u64,
    /// Number of times that the extension has evicted statements from its full table; `None` if its
    /// version does not count that.
    dealloc: Option<f64>,
}

/// Identity of a statement in the extension's table: its id, and whether a client sent it or it ran
/// within another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct StatementId {
    query: i64,
    /// True if a client sent the statement, false if it ran within another one; `None` if the
    /// extension's version does not record that.
    is_top_level: Option<bool>,
}

/// Values of a statement's figures in the order of [`COLUMNS`]; `None` if not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct StatementFigures([Option<f64>; COLUMNS.len()]);

impl StatementCounters {
    /// Reads the counters of all statements, without the texts, which the extension keeps in a
    /// file. Fails with a message if the extension is not installed in this database or a query
    /// fails.
    pub(crate) async fn read(client: &Client) -> Result<Self, String> {
        let row = client.query_opt(PLACE, &[]).await.map_err(message)?;
        let row = row.ok_or("the extension pg_stat_statements is not in this database")?;
        let present: Vec<String> = row.try_get(1).map_err(message)?;
        let mut statements = Self {
            place: row.try_get(0).map_err(message)?,
            present: present.into_iter().collect(),
            ..Self::default()
        };
        let query = statements.query();
        for row in client.query(&query, &[]).await.map_err(message)? {
            statements.add(&row).map_err(message)?;
        }
        if row.try_get(2).map_err(message)? {
            let query = format!(
                "SELECT /* plimsoll evidence */ dealloc::float8 FROM {}.pg_stat_statements_info",
                statements.place
            );
            let row = client.query_one(&query, &[]).await.map_err(message)?;
            statements.dealloc = Some(row.try_get(0).map_err(message)?);
        }
        Ok(statements)
    }

    fn query(&self) -> String {
        let Self { place, present, .. } = self;
        let figures: Vec<String> = COLUMNS.iter().map(|column| column.sql(present)).collect();
        let figures = figures.join(", ");
        let top_level = if present.contains("toplevel") {
            "toplevel"
        } else {
            "NULL::bool"
        };
        format!(
            "SELECT /* plimsoll evidence */ queryid, {top_level}, count(*), {figures}
               FROM {place}.pg_stat_statements(false)
              WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
              GROUP BY 1, 2"
        )
    }

    fn add(&mut self, row: &Row) -> Result<(), Error> {
        let Some(query) = row.try_get::<_, Option<i64>>(0)? else {
            self.hidden += row.try_get::<_, i64>(2)?.unsigned_abs();
            return Ok(());
        };
        let is_top_level = row.try_get(1)?;
        let mut totals = StatementFigures::default();
        for (at, value) in totals.0.iter_mut().enumerate() {
            *value = row.try_get(at + BEFORE_FIGURES)?;
        }
        let id = StatementId {
            query,
            is_top_level,
        };
        self.by_id.insert(id, totals);
        Ok(())
    }

    /// Writes the growth of the counters since `before` into `evidence`: sums over all statements,
    /// and a table of the 20 that took the longest time, longest first, without this tool's own.
    /// Fails with a message if the texts cannot be read.
    pub(crate) async fn report_since(
        &self,
        before: &Self,
        client: &Client,
        evidence: &mut ServerEvidence,
    ) -> Result<(), String> {
        if self.hidden > 0 {
            let reason = format!(
                "{} statements of other roles are hidden from this one; grant it pg_read_all_stats",
                self.hidden
            );
            evidence
                .unavailable
                .insert("statements.of_other_roles".to_owned(), reason);
        }
        let spent = self.since(before);
        let ids = spent.iter().take(MOST_TEXTS).map(|(id, _)| id.query);
        let texts = self.texts(client, &ids.collect::<Vec<_>>()).await?;
        let (mut all, mut rows) = (StatementFigures([Some(0.0); COLUMNS.len()]), Vec::new());
        for (id, totals) in &spent {
            let text = texts.get(&id.query);
            if text.is_some_and(|text| fingerprint::is_own_statement(text)) {
                continue;
            }
            // The time of a nested statement is part of the outer one's.
            if id.is_top_level != Some(false) {
                all = all.plus(totals);
            }
            if let Some(text) = text.filter(|_| rows.len() < MOST_ROWS) {
                rows.push(totals.row(*id, &fingerprint::fingerprint(text)));
            }
        }
        self.report_sums(&all, evidence);
        match (self.dealloc, before.dealloc) {
            (Some(now), Some(then)) if now >= then => {
                evidence.figure(postgres::STATEMENTS_DEALLOC, now - then);
            }
            (Some(_), Some(_)) => {
                let name = postgres::STATEMENTS_DEALLOC.to_string();
                let reason = "the counters were reset during the step".to_owned();
                evidence.unavailable.insert(name, reason);
            }
            _ => {}
        }
        evidence.table(statements::TABLE, rows);
        Ok(())
    }

    /// Writes the sums over all statements. A figure that is not counted is recorded as unavailable
    /// with the reason. If no statement ran, the sums are zero.
    fn report_sums(&self, all: &StatementFigures, evidence: &mut ServerEvidence) {
        let columns = COLUMNS.iter().zip(all.0);
        for (column, value) in columns {
            let Some(name) = column.sum else { continue };
            match value.filter(|_| column.sql(&self.present) != "NULL::float8") {
                Some(value) => evidence.figure(name, value),
                None => drop(
                    evidence
                        .unavailable
                        .insert(name.to_string(), column.reason(&self.present)),
                ),
            }
        }
    }

    /// Returns the growth of the counters since `before` of those statements that were called, the
    /// longest execution time first. If any counter of a statement fell, it was reset or evicted
    /// meanwhile, and its current counters are the growth.
    fn since(&self, before: &Self) -> Vec<(StatementId, StatementFigures)> {
        let mut spent: Vec<(StatementId, StatementFigures)> = Vec::new();
        for (id, now) in &self.by_id {
            let then = before.by_id.get(id);
            let then = then.filter(|then| !now.fell_since(then));
            let delta = then.map_or(*now, |then| now.since(then));
            if delta.calls() > 0.0 {
                spent.push((*id, delta));
            }
        }
        spent.sort_by(|a, b| b.1.exec_ns().total_cmp(&a.1.exec_ns()));
        spent
    }

    async fn texts(&self, client: &Client, ids: &[i64]) -> Result<BTreeMap<i64, String>, String> {
        let query = format!(
            "SELECT /* plimsoll evidence */ DISTINCT ON (queryid) queryid, query
               FROM {}.pg_stat_statements(true) WHERE queryid = ANY ($1)",
            self.place
        );
        let mut texts = BTreeMap::new();
        for row in client.query(&query, &[&ids]).await.map_err(message)? {
            let shown = text(&row, 1).map_err(message)?;
            texts.insert(row.try_get(0).map_err(message)?, shown);
        }
        Ok(texts)
    }
}

impl StatementFigures {
    fn calls(&self) -> f64 {
        self.0[CALLS].unwrap_or(0.0)
    }

    fn exec_ns(&self) -> f64 {
        self.0[EXEC_NS].unwrap_or(0.0)
    }

    fn plus(&self, other: &Self) -> Self {
        let mut sum = *self;
        for (sum, value) in sum.0.iter_mut().zip(other.0) {
            *sum = sum.zip(value).map(|(a, b)| a + b);
        }
        sum
    }

    /// Returns true if a counter is smaller than in `before`; figures over all calls may become smaller.
    fn fell_since(&self, before: &Self) -> bool {
        let pairs = self.0.iter().zip(before.0).zip(&COLUMNS);
        let mut counters = pairs.filter(|(_, column)| column.sum.is_some());
        counters.any(|((now, then), _)| {
            now.zip(then)
                .is_some_and(|(now, then)| now < (1.0 - ROUNDING) * then)
        })
    }

    /// Returns the growth since `before`; figures over all calls become `None`.
    fn since(&self, before: &Self) -> Self {
        let mut grown = *self;
        for ((grown, then), column) in grown.0.iter_mut().zip(before.0).zip(&COLUMNS) {
            let difference = grown.zip(then).map(|(now, then)| now - then);
            *grown = difference.filter(|_| column.sum.is_some());
        }
        grown
    }

    fn row(&self, id: StatementId, statement: &str) -> EvidenceRow {
        let mean = self.exec_ns() / self.calls();
        let mut row = EvidenceRow::new(
            [(statements::STATEMENT, statement.to_owned())],
            [(statements::EXEC_MEAN_NS, mean)],
        );
        if let Some(is_top_level) = id.is_top_level {
            let label = is_top_level.to_string();
            row.labels.insert(statements::TOPLEVEL.to_string(), label);
        }
        for (column, value) in COLUMNS.iter().zip(self.0) {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                row.figures.insert(column.name.to_string(), value);
            }
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(query: i64) -> StatementId {
        StatementId {
            query,
            is_top_level: None,
        }
    }

    fn statements(of: &[(i64, f64, f64)]) -> StatementCounters {
        let totals = |&(query, calls, exec_ns): &(i64, f64, f64)| {
            let mut totals = StatementFigures::default();
            totals.0[CALLS] = Some(calls);
            totals.0[EXEC_NS] = Some(exec_ns);
            totals.0[COLUMNS.len() - 1] = Some(7.0);
            (id(query), totals)
        };
        StatementCounters {
            by_id: of.iter().map(totals).collect(),
            ..StatementCounters::default()
        }
    }

    #[test]
    fn only_what_was_called_meanwhile_counts_and_the_longest_comes_first() {
        let before = statements(&[(1, 5.0, 50.0), (2, 5.0, 50.0), (3, 9.0, 900.0)]);
        let after = statements(&[
            (1, 5.0, 50.0),
            (2, 6.0, 60.0),
            (3, 2.0, 30.0),
            (4, 1.0, 7.0),
        ]);
        let spent: Vec<(StatementId, f64, f64)> = after
            .since(&before)
            .iter()
            .map(|(id, t)| (*id, t.calls(), t.exec_ns()))
            .collect();
        assert_eq!(
            spent,
            [(id(3), 2.0, 30.0), (id(2), 1.0, 10.0), (id(4), 1.0, 7.0)]
        );
    }

    /// The first statement was reset and called more often since then than ever before; the second one
    /// rested, and the sum of its times was rounded.
    #[test]
    fn a_statement_whose_time_fell_was_reset_although_its_calls_rose() {
        let before = statements(&[(1, 5.0, 50.0), (2, 5.0, 50.0)]);
        let after = statements(&[(1, 9.0, 30.0), (2, 5.0, 50.0 - 1e-14)]);
        let spent = after.since(&before);
        let told: Vec<_> = spent
            .iter()
            .map(|(id, t)| (*id, t.calls(), t.exec_ns()))
            .collect();
        assert_eq!(told, [(id(1), 9.0, 30.0)]);
    }

    #[test]
    fn the_spread_of_calls_is_told_only_where_all_of_them_were_in_the_step() {
        let before = statements(&[(1, 5.0, 50.0)]);
        let after = statements(&[(1, 6.0, 60.0), (2, 6.0, 60.0)]);
        let spent: BTreeMap<StatementId, StatementFigures> =
            after.since(&before).into_iter().collect();
        let row = |query: i64| spent[&id(query)].row(id(query), "SELECT");
        assert!(!row(1).figures.contains_key("stddev_exec_ns"));
        assert_eq!(row(2).figures["stddev_exec_ns"], 7.0);
        assert!(!row(2).labels.contains_key("toplevel"));
    }
}
