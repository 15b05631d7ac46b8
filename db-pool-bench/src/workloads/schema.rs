//! Schemas that this program creates in the user's database: for one run, which drops its schema at
//! the end, or until a command drops them. No other schema is ever dropped.

use std::time::Duration;

use load_engine::WallTime;
use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use pg_evidence::Client;

use super::tables::{ROWS_PER_SCALE, Tables};

/// Prefix that the names of all schemas of this program have.
pub(crate) const PREFIX: &str = "plimsoll_";
/// Default name of the schema that `workload init` creates.
pub(crate) const LASTING: &str = "plimsoll_workload";
/// Beginning of the comment (`COMMENT ON SCHEMA`) that marks a schema as created by this program.
const MARK: &str = "made by plimsoll";
/// Length of the longest name that PostgreSQL does not truncate, in bytes.
const LONGEST: usize = 63;
/// Interval between two checks whether the terminated sessions of the run have ended.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 50;
/// Interval between two queries whether another host has created the run's schema.
const AWAITED_EVERY: Duration = Duration::from_millis(200);

/// Existence and origin of the schema with a given name on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// There is no schema of this name on the server.
    Absent,
    /// The schema exists, and its comment says that this program created it.
    Ours,
    /// The schema exists without the comment of this program, which therefore must not drop it.
    Foreign,
}

/// Failure to create a schema, with the error of the server.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct NotMade {
    /// Error of the server or of the connection to it.
    pub(crate) source: Error,
    /// True if it is certain that no part of the schema exists, so that there is nothing to drop.
    pub(crate) undone: bool,
}

impl NotMade {
    /// Creates the failure from the error of the transaction that creates a schema. If the server
    /// reports an error of severity ERROR, it has rolled the transaction back, and `undone` is
    /// true. After a lost connection or a fatal error `undone` is false, because the commit may
    /// have taken effect.
    fn from_transaction(source: Error) -> Self {
        let told = source.as_db_error();
        let undone = told.is_some_and(|told| told.parsed_severity() == Some(Severity::Error));
        Self { source, undone }
    }
}

/// Schema that this program creates, identified by its name. The schema need not exist on the
/// server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    name: String,
}

impl Schema {
    /// Returns the schema of the run `run_id`, named `plimsoll_` plus the id in lower case.
    /// Characters other than ASCII letters and digits become `_`, so that the name never needs
    /// quotes. Does not contact the server.
    pub(crate) fn for_run(run_id: &str) -> Self {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        Self {
            name: format!("{PREFIX}{}", run_id.chars().map(plain).collect::<String>()),
        }
    }

    /// Returns the schema's name. It is also the application name of the run's connections, some of
    /// which append a suffix such as `.control`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the schema `name`, which outlives runs and is created by `workload init`. Does not
    /// contact the server.
    ///
    /// # Errors
    /// Fails with a sentence for the user if `name` would need quotes, lacks the prefix [`PREFIX`],
    /// or is longer than 63 bytes.
    pub(crate) fn lasting(name: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.starts_with(PREFIX) && name.chars().all(plain) && name.len() <= LONGEST {
            let name = name.to_owned();
            return Ok(Self { name });
        }
        Err(format!(
            "{name:?} is no name for a schema of ours; it begins with {PREFIX}, and lower-case letters, digits and _ follow, as in {LASTING}"
        ))
    }

    /// Queries whether the schema exists and whether this program created it.
    ///
    /// # Errors
    /// Fails with the error of the server or of the connection.
    pub(crate) async fn state(&self, client: &Client) -> Result<SchemaState, Error> {
        let question = "SELECT /* plimsoll */ coalesce(obj_description(oid, 'pg_namespace'), '')
                        FROM pg_namespace WHERE nspname::text = $1";
        let found = client.query_opt(question, &[&self.name]).await?;
        Ok(match found {
            None => SchemaState::Absent,
            Some(row) if row.try_get::<_, String>(0)?.starts_with(MARK) => SchemaState::Ours,
            Some(_) => SchemaState::Foreign,
        })
    }

    /// Waits until the schema exists and was created by this program, and then returns true.
    /// Returns false if that is not the case at the instant `until`. The server is queried every
    /// 200 ms, and at least once.
    ///
    /// # Errors
    /// Fails with the error of the server or of the connection.
    pub(crate) async fn await_made(&self, client: &Client, until: WallTime) -> Result<bool, Error> {
        loop {
            let is_late = WallTime::now() >= until;
            if self.state(client).await? == SchemaState::Ours {
                return Ok(true);
            }
            if is_late {
                return Ok(false);
            }
            tokio::time::sleep(AWAITED_EVERY).await;
        }
    }

    /// Creates the schema with tables like those of `pgbench -i`, filled with `scale` × 100,000
    /// accounts, then vacuums and analyzes the tables.
    ///
    /// # Errors
    /// Fails with the server's error. [`Schema::remove`] must still be called unless the error's
    /// `undone` is true.
    pub(crate) async fn create(&self, client: &Client, scale: u64) -> Result<Tables, NotMade> {
        let name = &self.name;
        let rows = scale.saturating_mul(ROWS_PER_SCALE);
        let made = client
            .in_transaction("", &format!(
                "CREATE SCHEMA {name};
                 COMMENT ON SCHEMA {name} IS '{MARK}; may be dropped when no run uses it';
                 CREATE TABLE {name}.pgbench_branches (bid int4 NOT NULL, bbalance int4, filler char(88)) WITH (fillfactor = 100);
                 CREATE TABLE {name}.pgbench_tellers (tid int4 NOT NULL, bid int4, tbalance int4, filler char(84)) WITH (fillfactor = 100);
                 CREATE TABLE {name}.pgbench_accounts (aid int4 NOT NULL, bid int4, abalance int4, filler char(84)) WITH (fillfactor = 100);
                 CREATE TABLE {name}.pgbench_history (tid int4, bid int4, aid int4, delta int4, mtime timestamp, filler char(22));
                 INSERT INTO {name}.pgbench_branches SELECT bid, 0, NULL FROM generate_series(1, {scale}) AS bid;
                 INSERT INTO {name}.pgbench_tellers SELECT tid, (tid - 1) / 10 + 1, 0, NULL FROM generate_series(1, {scale} * 10) AS tid;
                 INSERT INTO {name}.pgbench_accounts SELECT aid, (aid - 1) / {ROWS_PER_SCALE} + 1, 0, '' FROM generate_series(1, {rows}) AS aid;
                 ALTER TABLE {name}.pgbench_branches ADD PRIMARY KEY (bid);
                 ALTER TABLE {name}.pgbench_tellers ADD PRIMARY KEY (tid);
                 ALTER TABLE {name}.pgbench_accounts ADD PRIMARY KEY (aid)"
            ))
            .await;
        made.map_err(NotMade::from_transaction)?;
        for table in ["branches", "tellers", "accounts", "history"] {
            let settled = vacuum_and_analyze(client, &format!("{name}.pgbench_{table}")).await;
            settled.map_err(|source| NotMade {
                source,
                undone: false,
            })?;
        }
        Ok(Tables::own(name, scale))
    }

    /// Creates the schema without tables and drops it again, in one transaction, to check the
    /// permission to create it.
    ///
    /// # Errors
    /// Fails with the server's error; in that case, too, nothing is left on the server.
    pub(crate) async fn try_out(&self, client: &Client) -> Result<(), Error> {
        let name = &self.name;
        let both = format!("CREATE SCHEMA {name}; DROP SCHEMA {name}");
        client.in_transaction("", &both).await
    }

    /// Terminates those sessions of this run that are not idle, then drops the schema with its
    /// tables if it exists. Waits for the end of the sessions for at most half a second.
    ///
    /// # Errors
    /// Fails with the server's error, for example if another session holds a lock on the tables for
    /// more than 1 s.
    pub(crate) async fn remove(&self, client: &Client) -> Result<(), Error> {
        self.end_connections(client).await?;
        self.drop(client).await
    }

    /// Drops the schema with its tables, if it exists, without ending any session.
    ///
    /// # Errors
    /// Fails with the server's error, for example if another session holds a lock on the tables for
    /// more than 1 s.
    pub(crate) async fn drop(&self, client: &Client) -> Result<(), Error> {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        client
            .in_transaction("SET LOCAL lock_timeout = '1s'", &drop)
            .await
    }

    /// Terminates those sessions of the run that are not idle, because they hold locks, or may
    /// create again what was dropped, and waits for at most half a second until they have ended.
    /// Idle sessions hold no locks, and may belong to a pooler that keeps this application name.
    /// Does not fail if sessions remain.
    async fn end_connections(&self, client: &Client) -> Result<(), Error> {
        let ours = "FROM pg_stat_activity
                    WHERE starts_with(application_name, $1) AND pid <> pg_backend_pid()
                      AND state IS DISTINCT FROM 'idle'";
        let end = format!("SELECT /* plimsoll */ pg_terminate_backend(pid) {ours}");
        client.query(&end, &[&self.name]).await?;
        let count = format!("SELECT /* plimsoll */ count(*) {ours}");
        for _ in 0..LOOKS {
            let left: i64 = client.query_one(&count, &[&self.name]).await?.try_get(0)?;
            if left == 0 {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Vacuums and analyzes `table`, so that the first reader need not write hint bits, and plans rest
/// on statistics. VACUUM cannot run in a transaction, so a statement or lock time-out of the role
/// stays in force for it. If such a time-out ends VACUUM, ANALYZE and a full read of the table
/// replace it.
///
/// # Errors
/// Fails with any other error of VACUUM, or with the error of the replacement.
async fn vacuum_and_analyze(client: &Client, table: &str) -> Result<(), Error> {
    let vacuum = format!("VACUUM (ANALYZE) {table}");
    match client.batch_execute(&vacuum).await {
        Err(error)
            if [
                Some(&SqlState::QUERY_CANCELED),
                Some(&SqlState::LOCK_NOT_AVAILABLE),
            ]
            .contains(&error.code()) =>
        {
            let read = format!("ANALYZE {table}; SELECT count(*) FROM {table}");
            client.in_transaction("", &read).await
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_needs_no_quoting_and_fits() {
        let schema = Schema::for_run("20260314-091500-7F3a\"; DROP");
        assert_eq!(schema.name(), "plimsoll_20260314_091500_7f3a___drop");
        assert!(Schema::for_run("20260314-091500-7f3a").name().len() < LONGEST);
    }

    #[test]
    fn a_lasting_schema_has_a_name_that_is_only_ours() {
        assert!(Schema::lasting(LASTING).is_ok());
        for name in [
            "public",
            "plimsoll_\"",
            "Plimsoll_x",
            "plimsoll_a; DROP",
            "",
        ] {
            assert!(Schema::lasting(name).is_err(), "{name}");
        }
    }
}
