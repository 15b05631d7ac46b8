//! Commands `workload init` and `workload drop`: tables that outlive runs, in a schema of this program.

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError, output};

use super::ServerConnection;
use super::flags::{DropFlags, InitFlags};
use crate::control::clean_up;
use crate::failure::from_postgres;
use crate::remedy::{self, Purpose};
use crate::workloads::{Schema, SchemaState};

pub(super) fn init(flags: &InitFlags) -> anyhow::Result<()> {
    let schema = named(&flags.schema)?;
    let name = schema.name();
    let server = ServerConnection::begin(&flags.url, &schema)?;
    match state(&server, &schema)? {
        SchemaState::Absent => {}
        SchemaState::Ours => {
            return Err(UsageError(format!("the schema {name} is there already")))
                .remedy(format!("db-pool-bench workload drop --schema {name}"));
        }
        SchemaState::Foreign => return Err(foreign(name).into()),
    }
    let made = server.run(schema.create(&server.client, flags.scale));
    let broke_off = match &made {
        Ok(Ok(_)) => false,
        Ok(Err(error)) => !error.undone,
        Err(_) => true,
    };
    if broke_off && let Err(reason) = clean_up(&server.address, &schema, made.is_err()) {
        let command = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
        let command = remedy::commands::psql(&server.address, &command);
        return Err(anyhow::anyhow!("the schema {name} is half made ({reason})")).remedy(command);
    }
    let at = server.address.redacted();
    let tables = made?.or_else(|error| {
        let failure = from_postgres(&error.source);
        let what = format!("make the schema {name}");
        remedy::cannot(&what, &failure, Purpose::Making, &server.address)
    })?;
    output::print(&format!(
        "Made the schema {name} with {} accounts (scale {}).\nUse it:\n  db-pool-bench sweep --schema {name} --workload tpcb-like \\\n    --url '{at}'\nRemove it:\n  db-pool-bench workload drop --schema {name} \\\n    --url '{at}'\n",
        tables.rows, tables.scale
    ))
}

pub(super) fn drop(flags: &DropFlags) -> anyhow::Result<()> {
    let schema = named(&flags.schema)?;
    let name = schema.name();
    let server = ServerConnection::begin(&flags.url, &schema)?;
    match state(&server, &schema)? {
        SchemaState::Absent => {
            return output::print(&format!("There is no schema {name}; nothing to remove.\n"));
        }
        SchemaState::Ours => {}
        SchemaState::Foreign => return Err(foreign(name).into()),
    }
    server.run(schema.drop(&server.client))?.or_else(|error| {
        let what = format!("drop the schema {name}");
        remedy::cannot(
            &what,
            &from_postgres(&error),
            Purpose::Removing,
            &server.address,
        )
    })?;
    output::print(&format!("Removed the schema {name}.\n"))
}

fn named(name: &str) -> Result<Schema, UsageError> {
    Schema::lasting(name).map_err(|sentence| UsageError(format!("--schema: {sentence}")))
}

fn state(server: &ServerConnection, schema: &Schema) -> anyhow::Result<SchemaState> {
    let asked = server.run(schema.state(&server.client))?;
    asked.with_context(|| format!("cannot look for the schema {}", schema.name()))
}

fn foreign(name: &str) -> UsageError {
    UsageError(format!(
        "the schema {name} was not made by this tool, so it stays untouched"
    ))
}
