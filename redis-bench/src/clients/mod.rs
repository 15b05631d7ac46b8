//! Ways to connect. Each is a [`TargetFactory`](load_engine::TargetFactory) over the same [`Work`]. A
//! scenario decides which requests are made, a client decides how they are sent.

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

/// Longest time to wait for an answer. The driver's default of 500 ms would turn a stall into errors, and cut
/// off the tail of the latencies.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for one attempt to open a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause of a user after a connection broke. It keeps the server from being flooded with attempts to connect,
/// and the generator from looping without waiting. It is part of no latency.
const PAUSE_AFTER_BREAK: Duration = Duration::from_millis(10);

/// Way to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub(crate) enum ClientKind {
    /// deadpool-redis: each request takes a connection from a pool and returns it.
    Pooled,
    /// All requests share a few connections; their commands are interleaved.
    Multiplexed,
}

impl ClientKind {
    /// Returns the name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::Multiplexed => "multiplexed",
        }
    }

    /// Returns the name of the step parameter with the number of connections.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Pooled => "pool_size",
            Self::Multiplexed => "connections",
        }
    }
}

/// Requests to the server, independent of the way to connect.
pub(crate) trait Work: Send + Sync + 'static {
    /// Requests of one user.
    type Task: Task;

    /// Returns the table of operations, of which each request is one.
    fn operations(&self) -> OperationTable;

    /// Creates the requests of `user`.
    fn task(&self, user: UserId) -> Self::Task;
}

/// Requests of one user, with buffers that are reused from request to request.
pub(crate) trait Task: Send + 'static {
    /// Draws the next request. Returns its operation, as far as it is known before the answer.
    fn draw(&mut self) -> OperationId;

    /// Executes the request that was drawn, on a connection whose answers no other user reads meanwhile. If
    /// the request turns into another operation, it reports that to `timestamps` before it continues.
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
    /// Name of the last command that was sent, as in `GET`.
    pub(crate) command: &'static str,
    /// Error of the request, if it failed.
    pub(crate) result: Result<(), RedisError>,
}

/// Returns the settings of every asynchronous connection: explicit time-outs, and no retries.
fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

/// Creates the outcome of a failed request. If the connection is `broken`, the user pauses first; the pause
/// is not timed.
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

/// Converts the result of a request to an outcome.
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

/// Returns the ways to connect that are to be measured, in order and without duplicates.
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
