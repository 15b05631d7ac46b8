//! Ways to connect. Each is a [`TargetFactory`](load_engine::TargetFactory) over the same [`Work`], so that
//! scenarios differ in what they ask and clients only in how it travels.

mod multiplexed;
mod pooled;
mod timeout_stream;

use std::time::Duration;

use bench_cli::UsageError;
use clap::ValueEnum;
use load_engine::{OperationId, OperationTable, Outcome, Timestamps, UserId};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};
use serde::{Deserialize, Serialize};

use crate::failure;

pub(crate) use multiplexed::Multiplexed;
pub(crate) use pooled::Pooled;

/// Longest time that an answer may take. The driver's own 500 ms would turn a stall into errors and
/// cut the tail off the latencies.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for one attempt to open a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause of a user after a connection broke, so that neither the server is flooded with attempts nor
/// the generator spins. It is part of no latency.
const PAUSE_AFTER_BREAK: Duration = Duration::from_millis(10);

/// A way to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub(crate) enum ClientKind {
    /// deadpool-redis: a request checks a connection out and gives it back.
    Pooled,
    /// All requests share a few connections, their commands interleaved.
    Multiplexed,
}

impl ClientKind {
    /// Name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::Multiplexed => "multiplexed",
        }
    }

    /// Name of the parameter that holds the number of connections.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Pooled => "pool_size",
            Self::Multiplexed => "connections",
        }
    }
}

/// Requests to the server, independent of the way to connect.
pub(crate) trait Work: Send + Sync + 'static {
    /// One user's part of it.
    type Task: Task;

    /// Returns the operations of its requests.
    fn operations(&self) -> OperationTable;

    /// Makes the task of `user`.
    fn task(&self, user: UserId) -> Self::Task;
}

/// Requests of one user, with buffers that each request uses again.
pub(crate) trait Task: Send + 'static {
    /// Draws the next request; returns its operation, as far as that is known before the answer.
    fn draw(&mut self) -> OperationId;

    /// The request that was drawn, on a connection that nobody else reads from meanwhile. Where it
    /// turns into another operation, `timestamps` are told before it goes on.
    fn perform(
        &mut self,
        connection: &mut MultiplexedConnection,
        timestamps: &mut Timestamps,
    ) -> impl Future<Output = RequestResult> + Send;
}

/// Result of a request.
#[derive(Debug)]
pub(crate) struct RequestResult {
    /// Index into [`Work::operations`].
    pub(crate) operation: OperationId,
    /// The last command that was sent, as in `GET`.
    pub(crate) command: &'static str,
    /// Its failure, if it failed.
    pub(crate) result: Result<(), RedisError>,
}

/// Settings of every asynchronous connection: time-outs explicit, nothing retried.
fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

/// Makes a failed outcome. After a broken connection the user pauses, which is not timed.
async fn failed(
    operation: OperationId,
    failure: load_engine::Failure,
    broken: bool,
    timestamps: &mut Timestamps,
) -> Outcome {
    timestamps.done();
    if broken {
        tokio::time::sleep(PAUSE_AFTER_BREAK).await;
    }
    Outcome::failed(operation, failure)
}

/// Converts the result of a request to its outcome.
async fn outcome(done: RequestResult, timestamps: &mut Timestamps) -> Outcome {
    match done.result {
        Ok(()) => Outcome::success(done.operation),
        Err(error) => {
            let broken = failure::breaks_connection(&error);
            let failure = failure::from_redis(&error).with_statement(done.command);
            failed(done.operation, failure, broken, timestamps).await
        }
    }
}

/// Returns the clients to measure, in order and without repeats.
///
/// # Errors
/// Fails if there is none.
pub(crate) fn selected(kinds: &[ClientKind]) -> Result<Vec<ClientKind>, UsageError> {
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return Err(UsageError(
            "name at least one client: --client pooled,multiplexed".to_owned(),
        ));
    }
    Ok(kinds)
}
