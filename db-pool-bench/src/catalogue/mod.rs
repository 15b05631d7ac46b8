//! The command `workload`: what is built in, tables that outlive runs, scripts checked, and a mix
//! proposed from what a server was asked so far.

mod check;
mod describe;
mod flags;
mod shape;
mod suggest;
mod tables;

use anyhow::Context as _;
use bench_cli::{Exit, Interrupted, signals};
use load_engine::Cancel;

pub use flags::{CatalogueCommand, CatalogueFlags};

use crate::address::Address;
use crate::connect::Client;
use crate::control::Control;
use crate::server::Server;
use crate::workloads::Schema;

/// Runs a `workload` command from flags to exit code.
///
/// # Errors
/// Fails with what kept it from running: wrong usage, no server, a script that is wrong.
pub fn run(flags: &CatalogueFlags) -> anyhow::Result<Exit> {
    match &flags.command {
        CatalogueCommand::List => describe::list(),
        CatalogueCommand::Describe { name } => describe::one(*name),
        CatalogueCommand::Init(flags) => tables::init(flags),
        CatalogueCommand::Drop(flags) => tables::drop(flags),
        CatalogueCommand::Check(flags) => check::run(flags),
        CatalogueCommand::Suggest(flags) => suggest::run(flags),
    }?;
    Ok(Exit::Done)
}

/// A server to talk to, until a signal comes.
struct Conversation {
    address: Address,
    control: Control,
    client: Client,
}

impl Conversation {
    /// Connects to `url`, under a name that says which of our schemas it is about.
    fn begin(url: &str, schema: &Schema) -> anyhow::Result<Self> {
        let address = Server::at(url)?.address;
        let cancel = Cancel::new();
        let signalled = cancel.clone();
        signals::on_interrupt(move || signalled.cancel()).context("cannot follow signals")?;
        let control = Control::new(cancel).context("cannot start a runtime")?;
        let client = control.connect(&address, schema)?.ok_or(Interrupted)?;
        Ok(Self {
            address,
            control,
            client,
        })
    }

    /// Does `work` to its end.
    fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        self.control.run(work).ok_or(Interrupted)
    }
}
