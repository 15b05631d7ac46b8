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
    type Target = SharedTarget<W, ConnectionManager>;

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
        Ok(SharedTarget::new(managers, worker, &self.work))
    }
}

/// Connections of one worker that replace themselves, among which its users are divided.
pub(crate) struct SharedTarget<W, C> {
    connections: Vec<C>,
    workers: u64,
    work: Arc<W>,
}

impl<W: Work, C: RedisConnection + Sync + 'static> SharedTarget<W, C> {
    /// Creates the target of `worker` with these connections, of which there must be one or more.
    pub(super) fn new(connections: Vec<C>, worker: WorkerShare, work: &Arc<W>) -> Self {
        Self {
            connections,
            workers: worker.count,
            work: Arc::clone(work),
        }
    }
}

impl<W: Work, C: RedisConnection + Sync + 'static> Target for SharedTarget<W, C> {
    type Session = SharedSession<W::Task, C>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        // Users are assigned to workers in turn, so the numbers of one worker's users differ by `workers`.
        let index = (user.0 / self.workers) as usize % self.connections.len();
        Ok(SharedSession {
            connection: self.connections[index].clone(),
            task: self.work.task(user),
        })
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
