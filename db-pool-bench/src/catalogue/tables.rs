//! Tables that outlive runs, on the user's server, in a schema of our own.

use anyhow::Context as _;
use bench_cli::{Remedy as _, UsageError, output};

use super::Conversation;
use super::flags::{DropFlags, InitFlags};
use crate::control::clean_up;
use crate::workloads::{Schema, State};

pub(super) fn init(flags: &InitFlags) -> anyhow::Result<()> {
    let schema = named(&flags.schema)?;
    let name = schema.name();
    let server = Conversation::begin(&flags.url, &schema)?;
    match state(&server, &schema)? {
        State::Absent => {}
        State::Ours => {
            return Err(UsageError(format!("the schema {name} is there already")))
                .remedy(format!("db-pool-bench workload drop --schema {name}"));
        }
        State::Foreign => return Err(foreign(name).into()),
    }
    let made = server.run(schema.create(&server.client, flags.scale));
    let broke_off = !matches!(made, Ok(Ok(_)));
    if broke_off && let Err(reason) = clean_up(&server.address, &schema, made.is_err()) {
        let command = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
        let command = server.address.psql_command(&command);
        return Err(anyhow::anyhow!("the schema {name} is half made ({reason})")).remedy(command);
    }
    let at = server.address.shown();
    let tables = made?
        .with_context(|| format!("cannot make the schema {name}"))
        .remedy("a role that may create a schema in this database, or a smaller --scale")?;
    output::print(&format!(
        "Made the schema {name} with {} accounts (scale {}).\nUse it:\n  db-pool-bench sweep --schema {name} --workload tpcb-like \\\n    --url '{at}'\nRemove it:\n  db-pool-bench workload drop --schema {name} \\\n    --url '{at}'\n",
        tables.rows, tables.scale
    ))
}

pub(super) fn drop(flags: &DropFlags) -> anyhow::Result<()> {
    let schema = named(&flags.schema)?;
    let name = schema.name();
    let server = Conversation::begin(&flags.url, &schema)?;
    match state(&server, &schema)? {
        State::Absent => {
            return output::print(&format!("There is no schema {name}; nothing to remove.\n"));
        }
        State::Ours => {}
        State::Foreign => return Err(foreign(name).into()),
    }
    server
        .run(schema.drop(&server.client))?
        .with_context(|| format!("cannot drop the schema {name}"))
        .remedy("again when no run uses it, as the role that made it")?;
    output::print(&format!("Removed the schema {name}.\n"))
}

fn named(name: &str) -> Result<Schema, UsageError> {
    Schema::lasting(name).map_err(|sentence| UsageError(format!("--schema: {sentence}")))
}

fn state(server: &Conversation, schema: &Schema) -> anyhow::Result<State> {
    let asked = server.run(schema.state(&server.client))?;
    asked.with_context(|| format!("cannot look for the schema {}", schema.name()))
}

fn foreign(name: &str) -> UsageError {
    UsageError(format!(
        "the schema {name} was not made by this tool, so it stays untouched"
    ))
}
