//! Ways to connect to Redis. Each is a [`TargetFactory`](load_engine::TargetFactory) over the same
//! [`Work`]. A scenario decides which requests are made, a client decides how they are sent.

mod client_cache;
mod client_setup;
mod cluster;
mod connection_counts;
mod managed;
mod multiplexed;
mod per_request;
mod plain;
mod pooled;
mod read_split;
mod redis_connection;
mod request_error;
mod shared_connection;
mod success_gaps;
mod timeout_stream;

use std::time::Duration;

use clap::ValueEnum;
use load_engine::{ArrivalInstants, OperationId, OperationTable, Outcome, Timestamps, UserId};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use redis::AsyncConnectionConfig;
use serde::{Deserialize, Serialize};

pub(crate) use client_cache::ClientCache;
pub(crate) use client_setup::{ClientSetup, FactoryUse};
pub(crate) use redis_connection::RedisConnection;
pub(crate) use request_error::RequestError;
pub(crate) use shared_connection::open_connection;
pub(crate) use success_gaps::{SuccessGap, SuccessGaps, WatchedWork};

/// Longest wait for an answer. The driver's default of 500 ms would turn a stall into errors, and
/// cut off the longest latencies.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time-out of one attempt to open a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause of a user after a connection broke. It prevents a flood of attempts to connect, and a loop
/// of the generator without waiting. It is part of no latency.
const PAUSE_AFTER_BREAK: Duration = Duration::from_millis(10);

/// Way to connect, as chosen by `--client`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub(crate) enum ClientKind {
    /// Pool of deadpool-redis: each request takes a connection from the pool and returns it.
    Pooled,
    /// Shared connections: the commands of all users are interleaved on a few connections.
    Multiplexed,
    /// Shared connections of the driver's `ConnectionManager`, which reconnects by itself.
    Managed,
    /// One connection for each user.
    Plain,
    /// A connection for each request, closed after it.
    PerRequest,
    /// Shared connections to each node of a cluster.
    Cluster,
}

/// Ways to connect of most scenarios without `--client`.
pub(crate) const DEFAULT: [ClientKind; 2] = [ClientKind::Pooled, ClientKind::Multiplexed];

impl ClientKind {
    /// Returns the name of the way to connect, as on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::Multiplexed => "multiplexed",
            Self::Managed => "managed",
            Self::Plain => "plain",
            Self::PerRequest => "per-request",
            Self::Cluster => "cluster",
        }
    }

    /// Returns the name of the step parameter that contains the number of connections.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Pooled => "pool_size",
            Self::Multiplexed | Self::Managed | Self::Plain | Self::PerRequest | Self::Cluster => {
                "connections"
            }
        }
    }

    /// Returns the flag that sets the number of connections; that of the users for a client whose
    /// users each have their own.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Pooled => "--pool-size",
            Self::Multiplexed | Self::Managed | Self::Cluster => "--connections",
            Self::Plain | Self::PerRequest => "--users",
        }
    }
}

/// Requests to the server, independent of the way to connect.
pub(crate) trait Work: Send + Sync + 'static {
    /// Type of the requests of one user.
    type Task: Task;

    /// Returns the table of operations that requests count for.
    fn operations(&self) -> OperationTable;

    /// Creates the sequence of requests of `user`.
    fn task(&self, user: UserId) -> Self::Task;

    /// Returns the instants at which the requests of an open loop are due; `None`, the default, if
    /// they follow the rate of the plan. Called once for each worker.
    fn arrivals(&self) -> Option<ArrivalInstants> {
        None
    }

    /// Returns the number of entries of the cache that each shared connection keeps in the client's
    /// memory; `None`, the default, if there is no such cache.
    fn client_cache(&self) -> Option<u64> {
        None
    }
}

/// Sequence of requests of one user, with buffers that are reused from request to request.
pub(crate) trait Task: Send + 'static {
    /// Draws the next request. Returns its operation as known before the answer; a read may turn
    /// out to be a miss.
    fn draw(&mut self) -> OperationId;

    /// Executes the request that was drawn, on a connection whose answers reach this user only. If
    /// the request turns into another operation, it reports that to `timestamps` before it
    /// continues.
    fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> impl Future<Output = RequestResult> + Send;

    /// Does work that belongs to no request, once a request is recorded and its connection given
    /// back. Returns the shortest pause of a user of a closed loop before the next request; `None`,
    /// the default, if there is nothing to do.
    fn between_requests(&mut self) -> Option<Duration> {
        None
    }
}

/// Creates the random draws of `user` in a step with this seed. Users with neighbouring numbers do
/// not have neighbouring seeds.
pub(crate) fn user_random(seed: u64, user: UserId) -> SmallRng {
    SmallRng::seed_from_u64(seed ^ (user.0 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Result of one request.
#[derive(Debug)]
pub(crate) struct RequestResult {
    /// Operation that the request counts for, an index into [`Work::operations`].
    pub(crate) operation: OperationId,
    /// Name of the last command that was sent, as in `GET`.
    pub(crate) command: &'static str,
    /// Reason for which the request failed, if it did.
    pub(crate) result: Result<(), RequestError>,
}

/// Returns the settings of a pool's connections: explicit time-outs for connecting and for answers.
fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

/// Creates the outcome of a failed request, and ends its timing. If the connection is `broken`, the
/// user then pauses for 10 ms, which is part of no latency.
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

/// Converts the result of a request to its outcome. After an error that breaks the connection, the
/// user pauses for 10 ms, which is part of no latency.
async fn outcome(done: RequestResult, timestamps: &mut Timestamps) -> Outcome {
    match done.result {
        Ok(()) => Outcome::success(done.operation),
        Err(error) => {
            let broken = error.breaks_connection();
            let failure = error.failure().with_statement(done.command);
            failed(done.operation, failure, broken, timestamps).await
        }
    }
}

/// Returns the ways to connect in `kinds`, in the order of [`ClientKind`] and without duplicates;
/// those in `default` if `kinds` is empty.
pub(crate) fn selected(kinds: &[ClientKind], default: &[ClientKind]) -> Vec<ClientKind> {
    let chosen = if kinds.is_empty() { default } else { kinds };
    let mut kinds = chosen.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
