//! Work on the server beside the load: preparing, reading settings, cleaning up.

use std::io;
use std::time::Duration;

use bench_cli::blocking::run_with_timeout;
use load_engine::{Cancel, Failure};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::remedy::{self, Purpose, full_message};
use crate::workloads::Schema;
use pg_connect::Address;
use pg_connect::ConnectError;
use pg_evidence::Client;
use pg_evidence::failure::from_connect;

/// Time between two checks that the server still answers while work waits for it.
const CHECKED_EVERY: Duration = Duration::from_secs(10);
/// Longest time that one check takes; `connect_timeout` may be shorter.
const CHECK_BOUND: Duration = Duration::from_secs(10);
/// Checks without an answer, one after the other, after which the server counts as frozen.
const MOST_UNANSWERED: u32 = 2;
/// Time-out of the clean-up.
const CLEAN_BOUND: Duration = Duration::from_secs(2);
/// Time-out of the clean-up once a signal has come: the run must end within 3 s of it.
const CLEAN_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(1_500);

/// Runs work on a server, on the calling thread. The work may take as long as the server needs: a
/// large table takes minutes to fill. It ends early by a signal, or when the server stops answering.
#[derive(Debug)]
pub(crate) struct ControlRuntime {
    runtime: Runtime,
    cancel: Cancel,
    address: Address,
    name: String,
}

impl ControlRuntime {
    /// Creates a runtime for work on the server at `address`, for the run of `schema`; `cancel`
    /// ends the work.
    ///
    /// # Errors
    /// Fails when the system provides no runtime.
    pub(crate) fn new(cancel: Cancel, address: &Address, schema: &Schema) -> io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            cancel,
            address: address.clone(),
            name: name(schema),
        })
    }

    /// Runs `work` to its end; returns `None` when a signal comes.
    ///
    /// # Errors
    /// Fails with a remedy when the server accepts no connection beside `work` any more.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> anyhow::Result<Option<T>> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => Ok(None),
                done = work => Ok(Some(done)),
                failure = self.frozen() => {
                    let what = format!("go on at {}", self.address.redacted());
                    remedy::cannot(&what, &failure, Purpose::Connecting, &self.address)
                }
            }
        })
    }

    /// Runs `work` to its end, whether the server answers or not; returns `None` when a signal
    /// comes.
    fn run_unchecked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => None,
                done = work => Some(done),
            }
        })
    }

    /// Connects under the name of the run.
    ///
    /// # Errors
    /// Fails with the reason and a remedy.
    pub(crate) fn connect(&self) -> anyhow::Result<Option<Client>> {
        let connecting = Client::open(&self.address, &self.name);
        let unbounded = self
            .address
            .config(&self.name)
            .get_connect_timeout()
            .is_none();
        let connected = if unbounded {
            // With connect_timeout=0 the user has asked to wait, as for a pooler that is full.
            self.run_unchecked(connecting)
        } else {
            self.run(connecting)?
        };
        match connected {
            None => Ok(None),
            Some(Ok(client)) => Ok(Some(client)),
            Some(Err(error)) => refused(&self.address, &error),
        }
    }

    /// Returns once the server has stopped answering. Only silence counts: a server that refuses a
    /// connection is alive, and so is one that takes long over a statement.
    async fn frozen(&self) -> Failure {
        let mut unanswered = 0;
        while unanswered < MOST_UNANSWERED {
            sleep(CHECKED_EVERY).await;
            unanswered = if self.answers().await {
                0
            } else {
                unanswered + 1
            };
        }
        let message = format!(
            "the server has stopped answering: {unanswered} further connections got no answer either"
        );
        Failure::new("timeout", &message)
    }

    /// Returns true if the server answers a login, be it with a refusal. A statement is not tried:
    /// a pooler may have no session left for it.
    async fn answers(&self) -> bool {
        let login = self.address.connect_with(&self.name, |_| ());
        match timeout(CHECK_BOUND, login).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => from_connect(&error).kind != "timeout.connect",
            Err(_) => false,
        }
    }
}

fn name(schema: &Schema) -> String {
    format!("{}.control", schema.name())
}

/// Returns the error of a connection that was not opened, with its remedy.
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
