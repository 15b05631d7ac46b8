//! Command `check`, which tries on a server everything that a run needs and leaves nothing there.

use anyhow::Context as _;
use bench_cli::Exit;
use bench_report::run_id::new_run_id;
use clap::Args;
use load_engine::Cancel;

use crate::control::ControlRuntime;
use crate::server::ServerUnderTest;
use crate::workloads::{Schema, WorkloadSetup};

/// Flags of `db-pool-bench check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  db-pool-bench check --url postgres://app@db/shop")]
pub(crate) struct ServerCheckFlags {
    /// Address of the server
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: String,
}

/// Runs `db-pool-bench check`: connects as a run would, creates a schema and drops it in one
/// transaction. Succeeds without a check if a signal is received.
///
/// # Errors
/// Fails with the obstacle to a run and a remedy, or if the URL is wrong.
pub(crate) fn run(flags: &ServerCheckFlags) -> anyhow::Result<Exit> {
    let server = ServerUnderTest::at(&flags.url)?;
    let schema = Schema::for_run(&new_run_id());
    let control = ControlRuntime::new(Cancel::new(), &server.address, &schema)
        .context("cannot start a runtime")?;
    if let Some(client) = control.connect()? {
        let workload_setup = WorkloadSetup {
            control: &control,
            address: &server.address,
            client: &client,
            schema: &schema,
            throwaway: server.throwaway,
            made_by_other_until: None,
            schema_begun: false,
        };
        workload_setup.check()?;
    }
    Ok(Exit::Done)
}
