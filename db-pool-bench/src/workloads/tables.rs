//! Names and sizes of the pgbench tables that a workload reads and writes.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use pg_evidence::Client;

/// Number of rows in `pgbench_accounts` for each step of the scale, as `pgbench -i` creates them.
pub(super) const ROWS_PER_SCALE: u64 = 100_000;

/// Names and sizes of tables as `pgbench -i` creates them. Their existence on a server is not
/// implied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    /// Names of the tables, in double quotes where the user gave them.
    place: TableNames,
    /// Largest key `aid` of the accounts table; the smallest is 1.
    pub(crate) rows: i64,
    /// Scale of the tables: number of branches, or accounts divided by 100,000. At least 1 if read
    /// from an accounts table.
    pub(crate) scale: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TableNames {
    /// All four pgbench tables, in the schema with this name, which needs no quotes.
    Schema(String),
    /// Only the accounts table, under this name, which is already in double quotes.
    Accounts(String),
    /// All four tables, without a schema: the server finds them by its search path.
    Unqualified,
}

/// Reasons why a table on the server cannot be described.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TablesError {
    /// The table does not exist, or lacks integer columns `aid` and `abalance`.
    #[error("{table} is no table as pgbench makes it ({source})")]
    NoTable {
        /// Name of the table, as the user gave it.
        table: String,
        /// Error of the server about the query.
        source: Error,
    },
    /// The table with this name, as the user gave it, has no rows.
    #[error("{0} is empty")]
    Empty(String),
    /// The query about the table failed for another reason, for example a lost connection or a
    /// missing permission.
    #[error("cannot look into {table}")]
    Server {
        /// Name of the table, as the user gave it.
        table: String,
        /// Error of the server or of the connection to it.
        source: Error,
    },
}

impl Tables {
    /// Returns the tables that this program creates in `schema`, whose name needs no quotes, with
    /// `scale` × 100,000 accounts. Does not contact the server.
    pub(crate) fn own(schema: &str, scale: u64) -> Self {
        Self {
            place: TableNames::Schema(schema.to_owned()),
            ..Self::at_scale(scale)
        }
    }

    /// Returns tables of which only the scale is known, with `scale` × 100,000 accounts. Their
    /// names carry no schema. Does not contact the server.
    pub(crate) fn at_scale(scale: u64) -> Self {
        Self {
            place: TableNames::Unqualified,
            rows: scale.saturating_mul(ROWS_PER_SCALE).cast_signed(),
            scale: scale.cast_signed(),
        }
    }

    /// Describes the tables that this program created in `schema`. The number of branches, which is
    /// counted on the server, gives the scale.
    ///
    /// # Errors
    /// Fails if the table of branches does not exist, or if the query fails.
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

    /// Describes the accounts table `table` that `pgbench -i` created, for a workload that only
    /// reads it. Queries its largest key, on which the scale is based.
    ///
    /// # Errors
    /// Fails if there is no such table, if it is empty, or if the query fails.
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

    /// Returns the name of a table for use in statements, quoted or with its schema where needed.
    /// `table` is `accounts`, `history`, `tellers` or `branches`.
    pub(crate) fn name(&self, table: &str) -> String {
        match &self.place {
            TableNames::Schema(schema) => format!("{schema}.pgbench_{table}"),
            TableNames::Accounts(name) if table == "accounts" => name.clone(),
            TableNames::Accounts(_) | TableNames::Unqualified => format!("pgbench_{table}"),
        }
    }
}

/// Executes the query `question` and returns the integer in the first column of its only row;
/// `None` if that is NULL. `table` is the name for the error.
///
/// # Errors
/// Fails with `NoTable` if the table, schema or a column is missing or of another type, else with
/// `Server`.
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

/// Returns the name `table` or `schema.table` with each part in double quotes, so that the server
/// reads it as a name and nothing else. Each dot separates two parts; double quotes in a part are
/// doubled.
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
