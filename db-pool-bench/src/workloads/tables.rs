//! Tables that a workload reads and writes.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use pg_evidence::Client;

/// Rows of `pgbench_accounts` for each step of the scale, as `pgbench -i` has it.
pub(super) const ROWS_PER_SCALE: u64 = 100_000;

/// Tables as `pgbench -i` makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    /// Names of the tables, quoted where needed.
    place: TableNames,
    /// Largest key of accounts; the smallest is 1.
    pub(crate) rows: i64,
    /// Number of branches.
    pub(crate) scale: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TableNames {
    /// All four tables, in this schema.
    Schema(String),
    /// The accounts table alone.
    Accounts(String),
    /// Tables found by the server's search path.
    Unqualified,
}

/// Reasons for which a table cannot be looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TablesError {
    /// There is no such table, or it has no `aid` and `abalance`.
    #[error("{table} is no table as pgbench makes it ({source})")]
    NoTable {
        /// Its name, as given.
        table: String,
        /// Error of the server.
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
        /// Error of the server.
        source: Error,
    },
}

impl Tables {
    /// Returns the tables that this tool creates in `schema`, a name that needs no quoting.
    pub(crate) fn own(schema: &str, scale: u64) -> Self {
        Self {
            place: TableNames::Schema(schema.to_owned()),
            ..Self::at_scale(scale)
        }
    }

    /// Returns tables of which only the scale is known.
    pub(crate) fn at_scale(scale: u64) -> Self {
        Self {
            place: TableNames::Unqualified,
            rows: scale.saturating_mul(ROWS_PER_SCALE).cast_signed(),
            scale: scale.cast_signed(),
        }
    }

    /// Describes the tables that `workload init` has created in `schema`: counts the branches, which
    /// give the scale.
    ///
    /// # Errors
    /// Fails when they are not there, or the server does not answer.
    pub(crate) async fn in_schema(client: &Client, schema: &str) -> Result<Self, TablesError> {
        let branches = quoted(&format!("{schema}.pgbench_branches"));
        let scale = ask(
            client,
            schema,
            &format!("SELECT /* plimsoll */ count(*) FROM {branches}"),
        )
        .await?;
        Ok(Self::own(schema, scale.unwrap_or(0).cast_unsigned()))
    }

    /// Describes the accounts table `table` of a `pgbench -i`, on which a workload is to read but not
    /// write: asks the server for its largest key.
    ///
    /// # Errors
    /// Fails when there is none of that name, it is empty, or the server does not answer.
    pub(crate) async fn from_pgbench(client: &Client, table: &str) -> Result<Self, TablesError> {
        let name = quoted(table);
        let question =
            format!("SELECT /* plimsoll */ max(aid)::int8, max(abalance)::int8 FROM {name}");
        let rows = ask(client, table, &question).await?;
        let rows = rows.ok_or_else(|| TablesError::Empty(table.to_owned()))?;
        Ok(Self {
            place: TableNames::Accounts(name),
            rows,
            scale: (rows / ROWS_PER_SCALE.cast_signed()).max(1),
        })
    }

    /// Returns the name of `accounts`, `history`, `tellers` or `branches` for statements.
    pub(crate) fn name(&self, table: &str) -> String {
        match &self.place {
            TableNames::Schema(schema) => format!("{schema}.pgbench_{table}"),
            TableNames::Accounts(name) if table == "accounts" => name.clone(),
            TableNames::Accounts(_) | TableNames::Unqualified => format!("pgbench_{table}"),
        }
    }
}

/// The first figure of one row, which may be NULL.
async fn ask(client: &Client, table: &str, question: &str) -> Result<Option<i64>, TablesError> {
    let asked = client.query_one(question, &[]).await;
    asked.and_then(|row| row.try_get(0)).map_err(|source| {
        let table = table.to_owned();
        match source.code() {
            Some(
                &SqlState::UNDEFINED_TABLE
                | &SqlState::UNDEFINED_COLUMN
                | &SqlState::UNDEFINED_FUNCTION
                | &SqlState::CANNOT_COERCE
                | &SqlState::INVALID_SCHEMA_NAME,
            ) => TablesError::NoTable { table, source },
            _ => TablesError::Server { table, source },
        }
    })
}

/// `schema.table` with each part quoted, so that no name is more than a name.
pub(crate) fn quoted(table: &str) -> String {
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

    #[test]
    fn all_tables_are_those_of_pgbench() {
        let tables = Tables::own("plimsoll_1", 3);
        assert_eq!(tables.name("tellers"), "plimsoll_1.pgbench_tellers");
        assert_eq!((tables.rows, tables.scale), (300_000, 3));
        assert_eq!(Tables::at_scale(1).name("history"), "pgbench_history");
    }
}
