//! Counters of the database's tables and functions and of the server's small caches (SLRU), as they
//! grow over a step. For tables with activity, also triggers, and foreign keys without an index.

mod dependents;
mod kinds;

use std::collections::BTreeMap;

use bench_report::names::TableName;
use bench_report::names::postgres_tables::tables;
use bench_report::{EvidenceRow, ServerEvidence};
use tokio_postgres::Row;

use crate::failure::message;
use crate::server::client::Client;
use crate::server::foreign_text::text;
use kinds::{KINDS, ObjectColumn, ObjectKind};

/// Largest number of objects of a kind for which counters are read, because more would take
/// seconds.
const MOST_OBJECTS: i64 = 5_000;
/// Largest number of rows in each table of objects in the evidence.
const MOST_ROWS: usize = 20;

/// Counters of all kinds of objects at one instant, or for a kind the reason for which they are
/// missing.
#[derive(Debug, Clone)]
pub(crate) struct Objects(BTreeMap<TableName, Result<KindCounters, String>>);

/// Counters of all objects of one kind at one instant, by object id.
#[derive(Debug, Clone, Default, PartialEq)]
struct KindCounters(BTreeMap<i64, ObjectCounters>);

#[derive(Debug, Clone, PartialEq)]
struct ObjectCounters {
    name: String,
    /// Values in the order of the kind's columns; `None` if the server has no value.
    values: Vec<Option<f64>>,
}

impl Objects {
    /// Reads the counters of all kinds. For a kind that cannot be read, the reason is stored.
    pub(crate) async fn read(client: &Client) -> Self {
        let mut all = BTreeMap::new();
        for kind in &KINDS {
            all.insert(kind.name, KindCounters::read(client, kind).await);
        }
        Self(all)
    }

    /// Writes the growth of the counters since `before` into `evidence`, and queries the triggers
    /// and foreign keys of the tables that grew.
    pub(crate) async fn report_since(
        &self,
        before: &Self,
        client: &Client,
        evidence: &mut ServerEvidence,
    ) {
        let mut touched = Vec::new();
        for kind in &KINDS {
            match (&self.0[&kind.name], &before.0[&kind.name]) {
                (Ok(now), Ok(then)) => {
                    let grown = now.since(then, kind);
                    let rows = grown.iter().map(|(_, counts)| counts.row(kind)).collect();
                    evidence.table(kind.name, rows);
                    if kind.name == tables::TABLE {
                        touched = grown.iter().map(|(id, _)| *id).collect();
                    }
                }
                (Err(reason), _) | (_, Err(reason)) => {
                    let name = kind.name.to_string();
                    evidence.unavailable.insert(name, reason.clone());
                }
            }
        }
        dependents::report(client, &touched, evidence).await;
    }
}

impl KindCounters {
    async fn read(client: &Client, kind: &ObjectKind) -> Result<Self, String> {
        if let Some(count) = kind.count {
            let row = client.query_one(count, &[]).await.map_err(message)?;
            let objects: i64 = row.try_get(0).map_err(message)?;
            if objects > MOST_OBJECTS {
                return Err(format!(
                    "the database has {objects} of them; more than {MOST_OBJECTS} are not read"
                ));
            }
        }
        if let Some(reason) = kind.off(client).await? {
            return Err(reason);
        }
        let rows = client.query(&kind.query(), &[]).await.map_err(message)?;
        let counted = rows.iter().map(|row| ObjectCounters::from_row(row, kind));
        let counted: Result<_, _> = counted.collect();
        Ok(Self(counted.map_err(message)?))
    }

    /// Returns those objects whose work grew since `before`, by id, with the most work first, at
    /// most 20. Counters that decreased, because they were reset meanwhile, are `None`; states have
    /// their last value.
    fn since(&self, before: &Self, kind: &ObjectKind) -> Vec<(i64, ObjectCounters)> {
        let mut grown: Vec<(i64, ObjectCounters)> = Vec::new();
        for (id, now) in &self.0 {
            let then = before.0.get(id);
            let values = kind.columns.iter().enumerate().map(|(at, column)| {
                let (now, then) = (now.values[at]?, then.map_or(Some(0.0), |c| c.values[at]));
                if column.is_state {
                    return Some(now);
                }
                let grown = now - then.unwrap_or(0.0);
                (grown >= 0.0).then_some(grown)
            });
            let counts = ObjectCounters {
                name: now.name.clone(),
                values: values.collect(),
            };
            if counts.weight(kind) > 0.0 {
                grown.push((*id, counts));
            }
        }
        grown.sort_by(|a, b| b.1.weight(kind).total_cmp(&a.1.weight(kind)));
        grown.truncate(MOST_ROWS);
        grown
    }
}

impl ObjectCounters {
    fn from_row(row: &Row, kind: &ObjectKind) -> Result<(i64, Self), tokio_postgres::Error> {
        let values = (0..kind.columns.len()).map(|at| row.try_get(at + 2));
        let counts = Self {
            name: text(row, 1)?,
            values: values.collect::<Result<_, _>>()?,
        };
        Ok((row.try_get(0)?, counts))
    }

    /// Returns the sum of the columns that are part of an object's work, by which the table is
    /// sorted.
    fn weight(&self, kind: &ObjectKind) -> f64 {
        let columns = kind.columns.iter().zip(&self.values);
        let weighed = columns.filter(|(column, _)| column.weighs);
        weighed.filter_map(|(_, value)| *value).sum()
    }

    fn row(&self, kind: &ObjectKind) -> EvidenceRow {
        let mut row = EvidenceRow::new([(kind.label, self.name.clone())], []);
        for (ObjectColumn { name, .. }, value) in kind.columns.iter().zip(&self.values) {
            if let Some(value) = value {
                row.figures.insert(name.to_string(), *value);
            }
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use bench_report::names::postgres_tables::slru;

    use super::*;

    const KIND: ObjectKind = ObjectKind {
        name: slru::TABLE,
        label: slru::NAME,
        identity: "1, 'a'",
        source: "nowhere",
        count: None,
        needs: None,
        columns: &[
            ObjectColumn::work(slru::BLOCKS_READ, "1"),
            ObjectColumn::count(slru::BLOCKS_HIT, "1"),
            ObjectColumn::state(slru::BLOCKS_ZEROED, "1"),
        ],
    };

    fn counted(of: &[(i64, [f64; 3])]) -> KindCounters {
        let counts = |(id, values): &(i64, [f64; 3])| {
            let values = values.iter().map(|value| Some(*value)).collect();
            let name = format!("thing {id}");
            (*id, ObjectCounters { name, values })
        };
        KindCounters(of.iter().map(counts).collect())
    }

    #[test]
    fn what_was_used_most_comes_first_and_what_rested_is_left_out() {
        let before = counted(&[(1, [5.0, 9.0, 70.0]), (2, [5.0, 0.0, 1.0]), (3, [9.0; 3])]);
        let after = counted(&[
            (1, [6.0, 9.5, 80.0]),
            (2, [25.0, 0.0, 2.0]),
            (3, [9.0, 20.0, 9.0]),
            (4, [3.0, 1.0, 1.0]),
        ]);
        let seen: Vec<(i64, Vec<Option<f64>>)> = after
            .since(&before, &KIND)
            .into_iter()
            .map(|(id, counts)| (id, counts.values))
            .collect();
        let some = |values: [f64; 3]| values.map(Some).to_vec();
        assert_eq!(
            seen,
            [
                (2, some([20.0, 0.0, 2.0])),
                (4, some([3.0, 1.0, 1.0])),
                (1, some([1.0, 0.5, 80.0])),
            ]
        );
    }

    #[test]
    fn a_counter_that_was_reset_is_absent() {
        let before = counted(&[(1, [5.0, 9.0, 70.0])]);
        let after = counted(&[(1, [6.0, 2.0, 70.0])]);
        let grown = after.since(&before, &KIND);
        assert_eq!(grown[0].1.values, [Some(1.0), None, Some(70.0)]);
        let row = grown[0].1.row(&KIND);
        assert_eq!(row.labels["name"], "thing 1");
        assert!(!row.figures.contains_key("hits"));
    }
}
