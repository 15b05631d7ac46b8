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
    /// and foreign keys of the tables that grew. A kind whose growth is not known is recorded as
    /// unavailable with the reason, and so is what belongs to tables whose growth is not known.
    pub(crate) async fn report_since(
        &self,
        before: &Self,
        client: &Client,
        evidence: &mut ServerEvidence,
    ) {
        let mut touched: Result<Vec<i64>, String> = Ok(Vec::new());
        for kind in &KINDS {
            let grown = match (&self.0[&kind.name], &before.0[&kind.name]) {
                (Ok(now), Ok(then)) => now.since(then, kind),
                (Err(reason), _) | (_, Err(reason)) => Err(reason.clone()),
            };
            if kind.name == tables::TABLE {
                touched = match &grown {
                    Ok(grown) => Ok(grown.iter().map(|(id, _)| *id).collect()),
                    Err(reason) => Err(reason.clone()),
                };
            }
            match grown {
                Ok(grown) => {
                    let rows = grown.iter().map(|(_, counts)| counts.row(kind)).collect();
                    evidence.table(kind.name, rows);
                }
                Err(reason) => drop(evidence.unavailable.insert(kind.name.to_string(), reason)),
            }
        }
        let touched = touched.as_deref().map_err(String::as_str);
        dependents::report(client, touched, evidence).await;
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
    /// most 20; states have their last value. Fails with the reason if a counter of any object fell,
    /// because what the object did is then not known.
    fn since(
        &self,
        before: &Self,
        kind: &ObjectKind,
    ) -> Result<Vec<(i64, ObjectCounters)>, String> {
        let mut grown: Vec<(i64, ObjectCounters)> = Vec::new();
        for (id, now) in &self.0 {
            let counts = now.since(before.0.get(id), kind).ok_or_else(|| {
                format!(
                    "the counters of {} fell during the step, as after a reset",
                    now.name
                )
            })?;
            if counts.weight(kind) > 0.0 {
                grown.push((*id, counts));
            }
        }
        grown.sort_by(|a, b| b.1.weight(kind).total_cmp(&a.1.weight(kind)));
        grown.truncate(MOST_ROWS);
        Ok(grown)
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

    /// Returns the growth of the counters since `before`, and the states as they are; `before` is
    /// `None` for an object that did not exist then. `None` if a counter fell.
    fn since(&self, before: Option<&Self>, kind: &ObjectKind) -> Option<Self> {
        let mut grown = self.clone();
        let counters = kind.columns.iter().enumerate();
        for (at, _) in counters.filter(|(_, column)| !column.is_state) {
            let then = before.and_then(|before| before.values[at]).unwrap_or(0.0);
            let growth = grown.values[at].map(|now| now - then);
            if growth.is_some_and(|growth| growth < 0.0) {
                return None;
            }
            grown.values[at] = growth;
        }
        Some(grown)
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
            .unwrap()
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

    /// Of two objects one was reset: what it did is not known, so that a table without it would say
    /// that it did nothing.
    #[test]
    fn a_counter_that_fell_leaves_all_of_its_kind_out_with_the_reason() {
        let before = counted(&[(1, [5.0, 9.0, 70.0]), (2, [5.0, 0.0, 1.0])]);
        for fallen in [[4.0, 0.0, 70.0], [6.0, 2.0, 70.0]] {
            let after = counted(&[(1, fallen), (2, [25.0, 0.0, 2.0])]);
            let reason = after.since(&before, &KIND).unwrap_err();
            assert!(
                reason.contains("thing 1") && reason.contains("reset"),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_state_may_fall() {
        let before = counted(&[(1, [5.0, 9.0, 70.0])]);
        let after = counted(&[(1, [6.0, 9.0, 10.0])]);
        let grown = after.since(&before, &KIND).unwrap();
        assert_eq!(grown[0].1.values, [Some(1.0), Some(0.0), Some(10.0)]);
    }

    #[test]
    fn a_value_that_the_server_lacks_is_absent() {
        let counts = ObjectCounters {
            name: "thing 1".to_owned(),
            values: vec![Some(6.0), None, Some(70.0)],
        };
        let row = counts.row(&KIND);
        assert_eq!(row.labels["name"], "thing 1");
        let names: Vec<&str> = row.figures.keys().map(String::as_str).collect();
        assert_eq!(names, ["blocks_read", "blocks_zeroed"]);
    }
}
