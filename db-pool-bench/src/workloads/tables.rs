//! The statements of a workload and the rows that they work on.

use std::sync::Arc;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

/// Statements, prepared once on each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// `$1` = key; gives one row of one `int4`.
    pub read: Arc<str>,
    /// `$1` = what is added, `$2` = key; absent where nothing may be written.
    pub update: Option<Arc<str>>,
    /// `$1` = key, `$2` = what is noted.
    pub insert: Option<Arc<str>>,
    /// Keys run from 1 to this.
    pub rows: i32,
}

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// There is no such table, or it has no `aid` and `abalance`.
    #[error("{table} is no table as pgbench makes it ({source})")]
    NoTable {
        /// Its name, as given.
        table: String,
        /// What the server said.
        source: Error,
    },
    /// It has no row.
    #[error("{0} is empty")]
    Empty(String),
    /// The server did not answer the question.
    #[error("cannot look into {table}")]
    Server {
        /// Its name, as given.
        table: String,
        /// What the server said.
        source: Error,
    },
}

impl Tables {
    /// Tables of our own in `schema`, a name that needs no quoting.
    pub fn own(schema: &str, rows: i32) -> Self {
        let update = format!("UPDATE {schema}.accounts SET balance = balance + $1 WHERE id = $2");
        let insert = format!("INSERT INTO {schema}.history (account_id, delta) VALUES ($1, $2)");
        Self {
            read: format!("SELECT balance FROM {schema}.accounts WHERE id = $1").into(),
            update: Some(update.into()),
            insert: Some(insert.into()),
            rows,
        }
    }

    /// A table that `pgbench -i` has made, for reading only, with the statement of `pgbench -S`.
    ///
    /// # Errors
    /// When there is none of that name, it is empty, or the server does not answer.
    pub async fn of_pgbench(client: &Client, table: &str) -> Result<Self, TablesError> {
        let name = quoted(table);
        let asked = client
            .query_one(&format!("SELECT max(aid), max(abalance) FROM {name}"), &[])
            .await;
        let row = asked.map_err(|source| {
            let table = table.to_owned();
            match source.code() {
                Some(
                    &SqlState::UNDEFINED_TABLE
                    | &SqlState::UNDEFINED_COLUMN
                    | &SqlState::INVALID_SCHEMA_NAME,
                ) => TablesError::NoTable { table, source },
                _ => TablesError::Server { table, source },
            }
        })?;
        let rows: Option<i32> = row.try_get(0).map_err(|source| TablesError::NoTable {
            table: table.to_owned(),
            source,
        })?;
        Ok(Self {
            read: format!("SELECT abalance FROM {name} WHERE aid = $1").into(),
            update: None,
            insert: None,
            rows: rows.ok_or_else(|| TablesError::Empty(table.to_owned()))?,
        })
    }

    /// All statements, for preparing them.
    pub fn statements(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.read)
            .chain(&self.update)
            .chain(&self.insert)
    }
}

/// `schema.table` with each part quoted, so that no name is more than a name.
fn quoted(table: &str) -> String {
    let parts = table
        .split('.')
        .map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_cannot_smuggle_in_a_statement() {
        assert_eq!(quoted("public.t"), "\"public\".\"t\"");
        assert_eq!(
            quoted("t\"; DROP TABLE x; --"),
            "\"t\"\"; DROP TABLE x; --\""
        );
    }
}
