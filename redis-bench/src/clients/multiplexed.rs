//! Client whose users share a few connections, on which their commands are interleaved. No user
//! waits for a free connection, and no round trip is spent on checking one.

use std::sync::Arc;
use std::time::Duration;

use bench_report::names::FigureName;
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Outcome, Session, Target, TargetFactory, Timestamps,
    UserId, WorkerShare,
};

use super::connection_counts::ConnectionCounts;
use super::shared_connection::{SharedConnection, SharedLink};
use super::{Task, Work, failed, outcome};
use crate::server::address::RedisAddress;
use crate::server::failure;

/// Factory that opens each worker's share of the shared connections.
#[derive(Debug)]
pub(crate) struct Multiplexed<W> {
    server: RedisAddress,
    connections: u64,
    work: Arc<W>,
}

impl<W: Work> Multiplexed<W> {
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

impl<W: Work> TargetFactory for Multiplexed<W> {
    type Target = MultiplexedTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let mut connections = Vec::new();
        let counts = Arc::<ConnectionCounts>::default();
        for _ in 0..worker.share_of(self.connections).max(1) {
            let shared = SharedConnection::connect(self.server.clone(), Arc::clone(&counts)).await;
            connections.push(Arc::new(
                shared.map_err(|error| failure::from_redis(&error))?,
            ));
        }
        Ok(MultiplexedTarget {
            connections,
            counts,
            workers: worker.count,
            work: Arc::clone(&self.work),
        })
    }
}

/// Shared connections of one worker, among which its users are divided.
#[derive(Debug)]
pub(crate) struct MultiplexedTarget<W> {
    connections: Vec<Arc<SharedConnection>>,
    counts: Arc<ConnectionCounts>,
    workers: u64,
    work: Arc<W>,
}

impl<W: Work> Target for MultiplexedTarget<W> {
    type Session = MultiplexedSession<W::Task>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        // Users are assigned to workers in turn, so the numbers of one worker's users differ by `workers`.
        let index = (user.0 / self.workers) as usize % self.connections.len();
        let shared = Arc::clone(&self.connections[index]);
        Ok(MultiplexedSession::new(shared, self.work.task(user)).await)
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        self.counts.tallies()
    }
}

/// One user of a shared connection, with the user's requests.
#[derive(Debug)]
pub(crate) struct MultiplexedSession<T> {
    link: SharedLink,
    task: T,
}

impl<T: Task> MultiplexedSession<T> {
    /// Creates a user of the connection `shared` with the requests of `task`.
    pub(super) async fn new(shared: Arc<SharedConnection>, task: T) -> Self {
        let link = SharedLink::new(shared).await;
        Self { link, task }
    }
}

impl<T: Task> Session for MultiplexedSession<T> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.task.draw();
        timestamps.operation(operation);
        let connection = match self.link.connection().await {
            Ok(connection) => connection,
            Err(error) => {
                return failed(operation, failure::from_redis(&error), true, timestamps).await;
            }
        };
        let done = self.task.perform(connection, timestamps).await;
        if let Err(error) = &done.result {
            // With Sentinels, a server that has become a replica is left for the one that they name.
            let is_over = error.is_read_only() && self.link.has_sentinels();
            if error.breaks_connection() || is_over {
                self.link.broke();
            }
        }
        outcome(done, timestamps).await
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}
