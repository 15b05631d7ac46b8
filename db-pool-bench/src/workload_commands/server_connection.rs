//! Connection of a `workload` subcommand to its server.

use anyhow::Context as _;
use bench_cli::{Interrupted, signals};
use load_engine::Cancel;
use pg_connect::Address;
use pg_evidence::Client;

use crate::control::ControlRuntime;
use crate::server::ServerUnderTest;
use crate::workloads::Schema;

/// Connection of a `workload` subcommand to its server. Work on it ends early if a signal is
/// received.
pub(super) struct ServerConnection {
    pub(super) address: Address,
    pub(super) control: ControlRuntime,
    pub(super) client: Client,
}

impl ServerConnection {
    /// Connects to the server at `url`, with the name of `schema` plus `.control` as application
    /// name, and begins to watch for signals. Fails with a remedy if it cannot connect, or if a
    /// signal is received.
    pub(super) fn begin(url: &str, schema: &Schema) -> anyhow::Result<Self> {
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

    /// Runs `work` to its end and returns its output.
    ///
    /// # Errors
    /// Fails if a signal is received, or if the server stops answering.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        Ok(self.control.run(work)?.ok_or(Interrupted)?)
    }
}
