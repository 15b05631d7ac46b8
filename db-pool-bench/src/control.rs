//! Short conversations with the server beside the load: preparing, cleaning up. Each ends when a
//! signal comes, whatever the server does.

use std::io;
use std::time::Duration;

use bench_cli::bench::run_with_timeout;
use load_engine::Cancel;
use tokio::runtime::{Builder, Runtime};

use crate::connect::Client;
use crate::failure::from_connect;
use crate::remedy::{self, Purpose, full_message};
use crate::workloads::Schema;
use pg_connect::Address;
use pg_connect::ConnectError;

/// Cleaning up may take this long.
const CLEAN_BOUND: Duration = Duration::from_secs(2);
/// The same once a signal has come: all must be over 3 s after it.
const CLEAN_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(1_500);

/// A runtime of its own for conversations on the calling thread.
#[derive(Debug)]
pub(crate) struct ControlRuntime {
    runtime: Runtime,
    cancel: Cancel,
}

impl ControlRuntime {
    /// Conversations that end when `cancel` is cancelled.
    ///
    /// # Errors
    /// Fails when the system gives no runtime.
    pub(crate) fn new(cancel: Cancel) -> io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            cancel,
        })
    }

    /// Does `work` to its end, or returns `None` when a signal comes.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => None,
                done = work => Some(done),
            }
        })
    }

    /// Connects under the name of `schema`'s run.
    ///
    /// # Errors
    /// A sentence with what to do.
    pub(crate) fn connect(
        &self,
        address: &Address,
        schema: &Schema,
    ) -> anyhow::Result<Option<Client>> {
        match self.run(Client::open(address, &name(schema))) {
            None => Ok(None),
            Some(Ok(client)) => Ok(Some(client)),
            Some(Err(error)) => refused(address, &error),
        }
    }
}

fn name(schema: &Schema) -> String {
    format!("{}.control", schema.name())
}

/// Returns why no connection came about, and what to do about it.
fn refused(address: &Address, error: &ConnectError) -> anyhow::Result<Option<Client>> {
    let failure = from_connect(error);
    let what = format!("connect to {}", address.redacted());
    remedy::cannot(&what, &failure, Purpose::Connecting, address)
}

/// Removes `schema`, on a thread and a connection of its own.
///
/// # Errors
/// Fails with the reason why it is still there: the server is gone, does not answer in time, or
/// refuses.
pub(crate) fn clean_up(
    address: &Address,
    schema: &Schema,
    interrupted: bool,
) -> Result<(), String> {
    let bound = if interrupted {
        CLEAN_BOUND_WHEN_CANCELLED
    } else {
        CLEAN_BOUND
    };
    let (address, schema) = (address.clone(), schema.clone());
    let work = move || -> Result<(), String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime
            .block_on(async {
                let client = Client::open(&address, &name(&schema)).await?;
                Ok(schema.remove(&client).await?)
            })
            .map_err(|error: ConnectError| full_message(&from_connect(&error)))
    };
    let silent = || {
        Err(format!(
            "the server did not answer within {} s",
            bound.as_secs_f64()
        ))
    };
    run_with_timeout(bound, work).unwrap_or_else(silent)
}
