//! Puts a chosen workload on a server: finds or makes its tables, and has the server look at its
//! statements.

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError};
use tokio_postgres::Client;

use super::{Schema, Selection, State, Tables, Workload, WorkloadError};
use crate::control::Control;

/// A server on which a workload is about to run.
#[derive(Debug)]
pub struct Ground<'a> {
    /// How to talk to it.
    pub control: &'a Control,
    /// A connection there.
    pub client: &'a Client,
    /// The run's own schema.
    pub schema: &'a Schema,
    /// Whether all that is there may be written to.
    pub throwaway: bool,
    /// Set once the run's schema may be there, and is to be removed.
    pub schema_begun: bool,
}

impl Ground<'_> {
    /// The workload that `selection` says, ready for any driver; `None` when a signal came.
    ///
    /// # Errors
    /// When its tables are not there or cannot be made, or the server refuses a statement.
    pub fn prepare(&mut self, selection: &Selection) -> anyhow::Result<Option<Workload>> {
        let Some(tables) = self.tables(selection)? else {
            return Ok(None);
        };
        let made = self.schema_begun.then_some(self.schema);
        let own_schema = made.or(selection.schema.as_ref());
        let verified = selection.on(self.client, &tables, own_schema);
        match self.control.run(verified) {
            None => Ok(None),
            Some(Ok(workload)) => Ok(Some(workload)),
            Some(Err(WorkloadError::Script(error))) => Err(error).remedy(if made.is_some() {
                "a server that has the tables of the script, named with --url; here are those of pgbench"
            } else {
                "the script on its own: psql or pgbench -f, in the same database"
            }),
            Some(Err(error)) => Err(error.into()),
        }
    }

    fn tables(&mut self, selection: &Selection) -> anyhow::Result<Option<Tables>> {
        if let Some(table) = &selection.table {
            let found = self.control.run(Tables::of_pgbench(self.client, table));
            return found
                .transpose()
                .remedy("a table that pgbench -i has made, as in --table pgbench_accounts");
        }
        if let Some(schema) = &selection.schema {
            return self.lasting(schema);
        }
        if !selection.makes_tables(self.throwaway) {
            return Ok(Some(Tables::at_scale(selection.scale)));
        }
        self.schema_begun = true;
        let made = self.schema.create(self.client, selection.scale);
        self.control
            .run(made)
            .transpose()
            .with_context(|| format!("cannot make the schema {}", self.schema.name()))
            .remedy(
                "a role that may create a schema in this database, a table of pgbench -i with \
                 --table, or a smaller --scale",
            )
    }

    /// Tables that `workload init` has made.
    fn lasting(&self, schema: &Schema) -> anyhow::Result<Option<Tables>> {
        let name = schema.name();
        let state = self.control.run(schema.state(self.client)).transpose();
        match state.with_context(|| format!("cannot look for the schema {name}"))? {
            None => Ok(None),
            Some(State::Ours) => {
                let found = Tables::in_schema(self.client, name);
                self.control.run(found).transpose().remedy(format!(
                    "db-pool-bench workload init --schema {name}, after a drop"
                ))
            }
            Some(State::Absent) => Err(UsageError(format!("there is no schema {name}")))
                .remedy(format!("db-pool-bench workload init --schema {name}")),
            Some(State::Foreign) => Err(UsageError(format!(
                "the schema {name} was not made by this tool"
            )))
            .remedy("another name, and db-pool-bench workload init with it"),
        }
    }
}
