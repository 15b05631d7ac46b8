//! Client whose users share a few connections of the driver's `ConnectionManager`, which replaces a
//! broken connection by itself. The request that meets the break fails; the next ones wait for the
//! new connection.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{
    ArrivalInstants, Failure, OperationTable, Outcome, Session, Target, TargetFactory, Timestamps,
    UserId, WorkerShare,
};
use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use super::redis_connection::RedisConnection;
use super::{CONNECT_TIMEOUT, RESPONSE_TIMEOUT, Task, Work, outcome};
use crate::server::address::RedisAddress;
use crate::server::failure;

/// Factory that opens each worker's share of the managed connections.
#[derive(Debug)]
pub(crate) struct Managed<W> {
    server: RedisAddress,
    connections: u64,
    work: Arc<W>,
}

impl<W: Work> Managed<W> {
    /// Creates a factory for `connections` connections to `server`, which are divided among all
    /// workers. Each worker opens at least one.
    pub(super) fn new(server: RedisAddress, connections: u64, work: W) -> Self {
        Self {
            server,
            connections,
            work: Arc::new(work),
        }
    }
}

impl<W: Work> TargetFactory for Managed<W> {
    type Target = ManagedTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        // Retries stay as the driver has them; only the time-outs are those of all clients.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        // The manager knows one address for ever: after a failover it stays at the old primary.
        let primary = self.server.named_primary().await;
        let primary = primary.map_err(|error| failure::from_redis(&error))?;
        let server = primary.as_ref().unwrap_or(&self.server);
        let mut managers = Vec::new();
        for _ in 0..worker.share_of(self.connections).max(1) {
            let client = Client::open(server.info().clone());
            let client = client.map_err(|error| failure::from_redis(&error))?;
            let manager = ConnectionManager::new_with_config(client, config.clone()).await;
            managers.push(manager.map_err(|error| failure::from_redis(&error))?);
        }
        Ok(ManagedTarget {
            managers,
            workers: worker.count,
            work: Arc::clone(&self.work),
        })
    }
}

/// Managed connections of one worker, among which its users are divided.
pub(crate) struct ManagedTarget<W> {
    managers: Vec<ConnectionManager>,
    workers: u64,
    work: Arc<W>,
}

impl<W: Work> Target for ManagedTarget<W> {
    type Session = SharedSession<W::Task, ConnectionManager>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        // Users are assigned to workers in turn, so the numbers of one worker's users differ by `workers`.
        let index = (user.0 / self.workers) as usize % self.managers.len();
        let manager = self.managers[index].clone();
        Ok(SharedSession::new(manager, self.work.task(user)))
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }
}

/// One user of a connection that replaces itself, with the user's requests.
pub(crate) struct SharedSession<T, C> {
    connection: C,
    task: T,
}

impl<T, C> SharedSession<T, C> {
    /// Creates a user of `connection` with the requests of `task`.
    pub(super) fn new(connection: C, task: T) -> Self {
        Self { connection, task }
    }
}

impl<T: Task, C: RedisConnection + 'static> Session for SharedSession<T, C> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        timestamps.operation(self.task.draw());
        let done = self.task.perform(&mut self.connection, timestamps).await;
        outcome(done, timestamps).await
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}
