//! Work on the server other than the load: preparing it, reading settings, cleaning up.

use std::io;
use std::time::Duration;

use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};
use load_engine::{Cancel, Failure};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::remedy::{self, Purpose, full_message};
use crate::workloads::Schema;
use pg_connect::Address;
use pg_connect::ConnectError;
use pg_evidence::Client;
use pg_evidence::failure::from_connect;

/// Time between two checks that the server still answers, while other work waits for it.
const CHECKED_EVERY: Duration = Duration::from_secs(10);
/// Longest duration of one check that the server still answers; `connect_timeout` of the server's
/// URL may be shorter.
const CHECK_BOUND: Duration = Duration::from_secs(10);
/// Number of consecutive checks without an answer after which the server counts as frozen and the
/// work fails.
const MOST_UNANSWERED: u32 = 2;
/// Time-out of the removal of the run's schema, 2 s.
const CLEAN_BOUND: Duration = Duration::from_secs(2);
/// Time-out of the removal of the run's schema after a signal, 1.5 s: the run must end within 3 s
/// of the signal.
const CLEAN_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(1_500);

/// Runtime that executes work on a server, on the calling thread. The work may take as long as the
/// server needs, because filling a large table takes minutes. It ends early on a signal, or if the
/// server stops answering.
#[derive(Debug)]
pub(crate) struct ControlRuntime {
    runtime: Runtime,
    cancel: Cancel,
    address: Address,
    name: String,
}

impl ControlRuntime {
    /// Creates a runtime for work on the server at `address`, for the run that owns `schema`. A
    /// signal to `cancel` ends the work early.
    ///
    /// # Errors
    /// Fails if the operating system provides no runtime.
    pub(crate) fn new(cancel: Cancel, address: &Address, schema: &Schema) -> io::Result<Self> {
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            cancel,
            address: address.clone(),
            name: name(schema),
        })
    }

    /// Runs `work` to its end and returns its output; `None` if a signal is received first, which
    /// drops `work`.
    ///
    /// # Errors
    /// Fails with a remedy if the server does not answer two checks in a row while `work` waits.
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

    /// Runs `work` to its end without checking that the server still answers. Returns `None` if a
    /// signal is received first.
    fn run_unchecked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => None,
                done = work => Some(done),
            }
        })
    }

    /// Connects to the server with the run's name plus `.control` as application name. Returns
    /// `None` if a signal is received first.
    ///
    /// # Errors
    /// Fails with the reason and a remedy if the connection cannot be opened.
    pub(crate) fn connect(&self) -> anyhow::Result<Option<Client>> {
        let connecting = Client::open(&self.address, &self.name);
        let unbounded = self
            .address
            .config(&self.name)
            .get_connect_timeout()
            .is_none();
        let connected = if unbounded {
            // With connect_timeout=0 the user wants to wait without a bound, for example for a pooler without
            // a free session.
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

    /// Waits until the server has stopped answering, and returns that as a failure. Only silence
    /// counts: a server that refuses a connection, or takes long to execute a statement, is alive.
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

    /// Returns true if the server answers a login within 10 s, even if it refuses it. No statement
    /// is tried, because a pooler may have no session left to execute it.
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

/// Returns the error for a connection that could not be opened, with a remedy; never `Ok`.
fn refused(address: &Address, error: &ConnectError) -> anyhow::Result<Option<Client>> {
    let failure = from_connect(error);
    let what = format!("connect to {}", address.redacted());
    remedy::cannot(&what, &failure, Purpose::Connecting, address)
}

/// Removes `schema` from the server, on a thread and a connection of its own. The time-out is 2 s,
/// or 1.5 s if `interrupted` by a signal.
///
/// # Errors
/// Fails with the reason for which the schema may still exist: the server is gone, does not answer
/// in time, or refuses.
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

/// Runs `work` on a separate thread and waits for its result, at most for `timeout`, so that a
/// frozen server does not prevent saving. `None` if there is no result in time; the thread then
/// continues.
fn run_with_timeout<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let task = BlockingTask::start(|_| work()).ok()?;
    match task.wait(&Cancel::new(), WaitLimits::new(timeout)) {
        TaskResult::Done(value) => Some(value),
        TaskResult::Cancelled | TaskResult::TimedOut | TaskResult::Lost => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn work_that_takes_too_long_is_given_up() {
        let (hold, released) = mpsc::channel::<()>();
        let stuck = run_with_timeout(Duration::from_millis(20), move || released.recv());
        assert!(stuck.is_none());
        drop(hold);
        assert_eq!(run_with_timeout(LONG, || 7), Some(7));
    }
}
