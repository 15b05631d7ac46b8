//! Tells whether a run can be made on a server, and leaves nothing there.

use anyhow::Context as _;
use bench_cli::Exit;
use bench_report::report::new_run_id;
use load_engine::Cancel;

use crate::cli::CheckFlags;
use crate::control::Control;
use crate::server::Server;
use crate::workloads::{Ground, Schema};

/// Connects as a run would, and makes and removes a schema in one transaction.
///
/// # Errors
/// What would keep a run from beginning, with what to do about it.
pub fn run(flags: &CheckFlags) -> anyhow::Result<Exit> {
    let server = Server::at(&flags.url)?;
    let control = Control::new(Cancel::new()).context("cannot start a runtime")?;
    let schema = Schema::of_run(&new_run_id());
    if let Some(client) = control.connect(&server.address, &schema)? {
        let ground = Ground {
            control: &control,
            address: &server.address,
            client: &client,
            schema: &schema,
            throwaway: server.throwaway,
            schema_begun: false,
        };
        ground.check()?;
    }
    Ok(Exit::Done)
}
