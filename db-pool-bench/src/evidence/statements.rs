//! What the server counted by statement, where `pg_stat_statements` is installed: the statements
//! that took most of the step, as shapes without values.

use std::collections::{BTreeMap, HashMap};

use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::Error;

use crate::connect::Client;
use crate::failure::of_postgres;
use crate::shape;

/// Statements that a table holds.
const MOST_ROWS: usize = 10;
/// Statements whose texts are asked for: some of them turn out to be ours.
const MOST_TEXTS: usize = 20;
/// The version of the extension counts, not the server's: it stays when a server is upgraded.
const PLACE: &str = "SELECT /* plimsoll evidence */ quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_stat_statements'";

/// Counters of the statements of this database.
#[derive(Debug, Clone, Default)]
pub(super) struct Statements {
    place: String,
    by_id: HashMap<i64, Totals>,
    hidden: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Totals {
    calls: f64,
    exec_ns: f64,
    rows: f64,
    blocks_read: f64,
    wal_bytes: f64,
}

impl Statements {
    /// Reads all counters, without the texts, which lie in a file.
    pub(super) async fn read(client: &Client) -> Result<Self, String> {
        let place = client.query_opt(PLACE, &[]).await.map_err(told)?;
        let place: String = match place {
            Some(row) => row.try_get(0).map_err(told)?,
            None => {
                return Err("the extension pg_stat_statements is not in this database".to_owned());
            }
        };
        let query = format!(
            "SELECT /* plimsoll evidence */ queryid, sum(calls)::float8, (sum(total_exec_time) * 1e6)::float8, sum(rows)::float8,
                    sum(shared_blks_read)::float8, sum(wal_bytes)::float8, count(*)
               FROM {place}.pg_stat_statements(false)
              WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
              GROUP BY 1"
        );
        let mut statements = Self {
            place,
            ..Self::default()
        };
        for row in client.query(&query, &[]).await.map_err(told)? {
            statements.add(&row).map_err(told)?;
        }
        Ok(statements)
    }

    fn add(&mut self, row: &tokio_postgres::Row) -> Result<(), Error> {
        let Some(id) = row.try_get::<_, Option<i64>>(0)? else {
            self.hidden += row.try_get::<_, i64>(6)?.unsigned_abs();
            return Ok(());
        };
        let totals = Totals {
            calls: row.try_get(1)?,
            exec_ns: row.try_get(2)?,
            rows: row.try_get(3)?,
            blocks_read: row.try_get(4)?,
            wal_bytes: row.try_get(5)?,
        };
        self.by_id.insert(id, totals);
        Ok(())
    }

    /// Writes what was counted since `before` into `evidence`, the longest first.
    pub(super) async fn report_since(
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
        let ids: Vec<i64> = spent.iter().take(MOST_TEXTS).map(|(id, _)| *id).collect();
        let texts = self.texts(client, &ids).await?;
        let (mut all, mut rows) = (Totals::default(), Vec::new());
        for (id, totals) in &spent {
            let text = texts.get(id);
            if text.is_some_and(|text| shape::is_ours(text)) {
                continue;
            }
            all = all.plus(totals);
            if let Some(text) = text.filter(|_| rows.len() < MOST_ROWS) {
                rows.push(totals.row(&shape::of(text)));
            }
        }
        evidence.figure("statements.calls", all.calls);
        evidence.figure("statements.exec_ns", all.exec_ns);
        evidence.figure("statements.rows", all.rows);
        evidence.figure("statements.blocks_read", all.blocks_read);
        evidence.figure("statements.wal_bytes", all.wal_bytes);
        evidence.tables.insert("statements".to_owned(), rows);
        Ok(())
    }

    /// By time spent. A statement whose counters fell was reset, or forgotten and met again: what
    /// it has now is new.
    fn since(&self, before: &Self) -> Vec<(i64, Totals)> {
        let mut spent: Vec<(i64, Totals)> = Vec::new();
        for (id, now) in &self.by_id {
            let then = before.by_id.get(id).filter(|then| then.calls <= now.calls);
            let delta = now.minus(&then.copied().unwrap_or_default());
            if delta.calls > 0.0 {
                spent.push((*id, delta));
            }
        }
        spent.sort_by(|a, b| b.1.exec_ns.total_cmp(&a.1.exec_ns));
        spent
    }

    async fn texts(&self, client: &Client, ids: &[i64]) -> Result<BTreeMap<i64, String>, String> {
        let query = format!(
            "SELECT /* plimsoll evidence */ DISTINCT ON (queryid) queryid, query
               FROM {}.pg_stat_statements(true) WHERE queryid = ANY ($1)",
            self.place
        );
        let mut texts = BTreeMap::new();
        for row in client.query(&query, &[&ids]).await.map_err(told)? {
            let text: Option<String> = row.try_get(1).map_err(told)?;
            texts.insert(row.try_get(0).map_err(told)?, text.unwrap_or_default());
        }
        Ok(texts)
    }
}

impl Totals {
    fn plus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    fn minus(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    fn with(&self, other: &Self, join: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            calls: join(self.calls, other.calls),
            exec_ns: join(self.exec_ns, other.exec_ns),
            rows: join(self.rows, other.rows),
            blocks_read: join(self.blocks_read, other.blocks_read),
            wal_bytes: join(self.wal_bytes, other.wal_bytes),
        }
    }

    fn row(&self, statement: &str) -> EvidenceRow {
        EvidenceRow::new(
            [("statement", statement.to_owned())],
            [
                ("calls", self.calls),
                ("exec_ns", self.exec_ns),
                ("exec_mean_ns", self.exec_ns / self.calls),
                ("rows", self.rows),
                ("blocks_read", self.blocks_read),
                ("wal_bytes", self.wal_bytes),
            ],
        )
    }
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn told(error: Error) -> String {
    of_postgres(&error).message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(of: &[(i64, f64, f64)]) -> Statements {
        let totals = |&(id, calls, exec_ns): &(i64, f64, f64)| {
            let totals = Totals {
                calls,
                exec_ns,
                ..Totals::default()
            };
            (id, totals)
        };
        Statements {
            by_id: of.iter().map(totals).collect(),
            ..Statements::default()
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
        let spent: Vec<(i64, f64, f64)> = after
            .since(&before)
            .iter()
            .map(|(id, t)| (*id, t.calls, t.exec_ns))
            .collect();
        assert_eq!(spent, [(3, 2.0, 30.0), (2, 1.0, 10.0), (4, 1.0, 7.0)]);
    }
}
