//! Command `workload`: lists built-in workloads, creates and drops tables that outlive a run, checks scripts,
//! and suggests a mix from a server's statistics.

mod check;
mod describe;
mod flags;
mod query_template;
mod suggest;
mod tables;

use anyhow::Context as _;
use bench_cli::{Exit, Interrupted, signals};
use load_engine::Cancel;

pub(crate) use flags::{WorkloadCommand, WorkloadCommandFlags};

use crate::control::ControlRuntime;
use crate::server::ServerUnderTest;
use crate::workloads::Schema;
use pg_connect::Address;
use pg_evidence::Client;

/// Runs a `workload` command from flags to exit code.
///
/// # Errors
/// Fails on wrong usage, without a server, or on a wrong script.
pub(crate) fn run(flags: &WorkloadCommandFlags) -> anyhow::Result<Exit> {
    match &flags.command {
        WorkloadCommand::List => describe::list(),
        WorkloadCommand::Describe { name } => describe::one(*name),
        WorkloadCommand::Init(flags) => tables::init(flags),
        WorkloadCommand::Drop(flags) => tables::drop(flags),
        WorkloadCommand::Check(flags) => check::run(flags),
        WorkloadCommand::Suggest(flags) => suggest::run(flags),
    }?;
    Ok(Exit::Done)
}

/// Connection of a command to its server. Work on it ends if a signal is received.
struct ServerConnection {
    address: Address,
    control: ControlRuntime,
    client: Client,
}

impl ServerConnection {
    /// Connects to `url`, with the name of `schema` in the application name.
    fn begin(url: &str, schema: &Schema) -> anyhow::Result<Self> {
        let address = ServerUnderTest::at(url)?.address;
        let cancel = Cancel::new();
        let signalled = cancel.clone();
        signals::on_interrupt(move || signalled.cancel()).context("cannot follow signals")?;
        let control =
            ControlRuntime::new(cancel, &address, schema).context("cannot start a runtime")?;
        let client = control.connect()?.ok_or(Interrupted)?;
        Ok(Self {
            address,
            control,
            client,
        })
    }

    /// Runs `work` to its end.
    ///
    /// # Errors
    /// Fails if a signal is received, or if the server stops answering.
    fn run<T>(&self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        Ok(self.control.run(work)?.ok_or(Interrupted)?)
    }
}
