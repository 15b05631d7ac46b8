//! Preparation of a workload on a server: finds or creates its tables, and has the server verify
//! its statements.

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError};
use load_engine::WallTime;
use tokio_postgres::Error;

use super::{
    Schema, SchemaState, SqlWorkload, Tables, TablesError, WorkloadError, WorkloadSelection,
};
use crate::control::ControlRuntime;
use crate::failure::from_postgres;
use crate::remedy::{self, Purpose};
use pg_connect::Address;
use pg_evidence::Client;

/// Kind of failure of a statement that writes in a read-only session, from its SQLSTATE.
const READ_ONLY: &str = "sqlstate.25006";
/// Kind of failure of a statement that uses a missing table, from its SQLSTATE.
const NO_TABLE: &str = "sqlstate.42P01";

/// Preparation of a workload on a server: creates or finds the tables, and has the server verify
/// the statements.
#[derive(Debug)]
pub(crate) struct WorkloadSetup<'a> {
    /// Runtime that executes the asynchronous calls to the server, and ends them at a signal.
    pub(crate) control: &'a ControlRuntime,
    /// Address of the server, for error messages.
    pub(crate) address: &'a Address,
    /// Connection for the preparation, which is not part of the load.
    pub(crate) client: &'a Client,
    /// Schema that the run creates for its tables if the workload needs new ones.
    pub(crate) schema: &'a Schema,
    /// True if the server was started for this run and is discarded afterwards.
    pub(crate) throwaway: bool,
    /// Instant until which worker 0 on another host must have created the schema; `None` if this
    /// run creates it.
    pub(crate) made_by_other_until: Option<WallTime>,
    /// True as soon as the run's schema may exist, so that the caller must drop it.
    pub(crate) schema_begun: bool,
}

impl WorkloadSetup<'_> {
    /// Creates or finds the tables of `selection` and returns the verified workload, which suits
    /// any driver; `None` if a signal interrupts the preparation. May set `schema_begun`.
    ///
    /// # Errors
    /// Fails with a remedy if its tables are missing or cannot be created, or if the server refuses
    /// a statement.
    pub(crate) fn prepare(
        &mut self,
        selection: &WorkloadSelection,
    ) -> anyhow::Result<Option<SqlWorkload>> {
        let Some(tables) = self.tables(selection)? else {
            return Ok(None);
        };
        let is_new = selection.needs_new_tables(self.throwaway);
        let made = is_new.then_some(self.schema);
        let own_schema = made.or(selection.schema.as_ref());
        let verified = selection.compile_on(self.client, &tables, own_schema);
        match self.control.run(verified)? {
            None => Ok(None),
            Some(Ok(workload)) => Ok(Some(workload)),
            Some(Err(WorkloadError::Refused { error, failure })) => {
                // If the tables were created for this run, a missing table is one that the script expects
                // from the user.
                let lacks_tables = failure.kind == NO_TABLE && made.is_some();
                Err(error).remedy(if lacks_tables {
                    "a server that has the tables of the script, named with --url; here are those of pgbench".to_owned()
                } else {
                    remedy::remedy_for(&failure, Purpose::Checking, self.address)
                })
            }
            Some(Err(WorkloadError::Server(failure))) => {
                let what = "have the server look at the statements of the workload";
                remedy::cannot(what, &failure, Purpose::Checking, self.address)
            }
            Some(Err(error)) => Err(error.into()),
        }
    }

    fn tables(&mut self, selection: &WorkloadSelection) -> anyhow::Result<Option<Tables>> {
        if let Some(table) = &selection.table {
            let found = self.control.run(Tables::from_pgbench(self.client, table))?;
            let absent = "a table that pgbench -i has made, as in --table pgbench_accounts";
            return found
                .transpose()
                .or_else(|error| self.unread(error, absent));
        }
        if let Some(schema) = &selection.schema {
            return self.lasting(schema);
        }
        if !selection.needs_new_tables(self.throwaway) {
            return Ok(Some(Tables::at_scale(selection.scale)));
        }
        if let Some(until) = self.made_by_other_until {
            return self.made_by_other(until);
        }
        self.schema_begun = true;
        let made = self.schema.create(self.client, selection.scale);
        let made = self.control.run(made)?.transpose();
        self.schema_begun = !made.as_ref().is_err_and(|error| error.undone);
        made.or_else(|error| self.not_made(&error.source))
    }

    /// Checks that the run's schema can be created: creates it and drops it in one transaction. A
    /// signal ends the check without an error.
    ///
    /// # Errors
    /// Fails with the obstacle to creating the schema, and a remedy.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let tried = self.control.run(self.schema.try_out(self.client))?;
        let tried = tried.unwrap_or(Ok(()));
        tried.or_else(|error| self.not_made(&error))
    }

    fn not_made<T>(&self, error: &Error) -> anyhow::Result<T> {
        let mut failure = from_postgres(error);
        if failure.kind == READ_ONLY {
            failure = failure.with_detail(self.why_read_only());
        }
        let what = format!("make the schema {}", self.schema.name());
        remedy::cannot(&what, &failure, Purpose::Making, self.address)
    }

    /// Returns the reason why transactions cannot write on this server, as a phrase for a message.
    /// Names both possible reasons if the server does not say whether it is a standby.
    fn why_read_only(&self) -> &'static str {
        let asked = "SELECT /* plimsoll */ pg_is_in_recovery()";
        let answer = self.control.run(self.client.query_one(asked, &[]));
        let answer = answer.ok().flatten();
        match answer.map(|row| row.and_then(|row| row.try_get(0))) {
            Some(Ok(true)) => "the server is a standby",
            Some(Ok(false)) => "default_transaction_read_only is on",
            _ => "a standby, or default_transaction_read_only",
        }
    }

    /// Always returns an error: the given one about a table that could not be described, with a
    /// remedy. `where_absent` is the remedy for a table that is missing or empty.
    fn unread<T>(&self, error: TablesError, where_absent: &str) -> anyhow::Result<T> {
        let remedy = match &error {
            TablesError::Server { source, .. } => {
                remedy::remedy_for(&from_postgres(source), Purpose::Checking, self.address)
            }
            TablesError::NoTable { .. } | TablesError::Empty(_) => where_absent.to_owned(),
        };
        Err(error).remedy(remedy)
    }

    /// Waits for the tables that worker 0 creates for all hosts, at most until `until`. `None` if a
    /// signal is received.
    ///
    /// # Errors
    /// Fails with a remedy if the schema does not exist at that instant, or if the server does not
    /// answer.
    fn made_by_other(&self, until: WallTime) -> anyhow::Result<Option<Tables>> {
        let name = self.schema.name();
        let awaited = self
            .control
            .run(self.schema.await_made(self.client, until))?;
        match awaited.transpose() {
            Ok(None) => Ok(None),
            Ok(Some(true)) => {
                let found = self.control.run(Tables::in_schema(self.client, name))?;
                let remedy = "the same --start-at on all hosts, later by the time that --scale takes";
                found
                    .transpose()
                    .or_else(|error| self.unread(error, remedy))
            }
            Ok(Some(false)) => Err(anyhow::anyhow!(
                "worker 0, which makes the tables of all, had not made the schema {name} at {until}, \
                 when the first step began"
            ))
            .remedy(
                "start worker 0 with the same flags on the same database, and give all workers a \
                 --start-at that leaves it the time to fill the tables",
            ),
            Err(error) => {
                let failure = from_postgres(&error);
                let what = format!("look for the schema {name}");
                remedy::cannot(&what, &failure, Purpose::Checking, self.address)
            }
        }
    }

    /// Describes the tables that `workload init` created in `schema`. `None` if a signal is
    /// received.
    ///
    /// # Errors
    /// Fails if there is no such schema, if this program did not create it, or if its tables cannot
    /// be described.
    fn lasting(&self, schema: &Schema) -> anyhow::Result<Option<Tables>> {
        let name = schema.name();
        let state = self.control.run(schema.state(self.client))?.transpose();
        match state.with_context(|| format!("cannot look for the schema {name}"))? {
            None => Ok(None),
            Some(SchemaState::Ours) => {
                let found = Tables::in_schema(self.client, name);
                let absent = format!("db-pool-bench workload init --schema {name}, after a drop");
                let found = self.control.run(found)?.transpose();
                found.or_else(|error| self.unread(error, &absent))
            }
            Some(SchemaState::Absent) => Err(UsageError(format!("there is no schema {name}")))
                .remedy(format!("db-pool-bench workload init --schema {name}")),
            Some(SchemaState::Foreign) => Err(UsageError(format!(
                "the schema {name} was not made by this tool"
            )))
            .remedy("another name, and db-pool-bench workload init with it"),
        }
    }
}
