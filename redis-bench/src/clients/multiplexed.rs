//! Client whose users share a few connections, on which their commands are interleaved. No user
//! waits for a free connection, and no round trip is spent on checking one.

use std::sync::Arc;
use std::time::Duration;

use bench_report::names::FigureName;
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Outcome, Session, Target, TargetFactory, Timestamps,
    UserId, WorkerShare,
};

use super::client_cache::ClientCache;
use super::connection_counts::ConnectionCounts;
use super::read_split::ReadSplit;
use super::shared_connection::{SharedConnection, SharedLink};
use super::{RequestError, RequestResult, Task, Work, failed, outcome};
use redis::RedisError;

use crate::server::address::RedisAddress;
use crate::server::failure;

/// Factory that opens each worker's share of the shared connections.
#[derive(Debug)]
pub(crate) struct Multiplexed<W> {
    server: RedisAddress,
    replica: Option<RedisAddress>,
    connections: u64,
    work: Arc<W>,
}

impl<W: Work> Multiplexed<W> {
    /// Creates a factory for `connections` connections to `server`, which are divided among all
    /// workers, and for as many to its replica if reads go there. Each worker opens at least one.
    pub(super) fn new(
        (server, replica): (RedisAddress, Option<RedisAddress>),
        connections: u64,
        work: W,
    ) -> Self {
        Self {
            server,
            replica,
            connections,
            work: Arc::new(work),
        }
    }

    /// Opens `count` connections to `server`, of which each has a cache if the work wants one.
    async fn open(
        &self,
        server: &RedisAddress,
        count: u64,
        counts: &Arc<ConnectionCounts>,
    ) -> Result<Vec<Arc<SharedConnection>>, Failure> {
        let mut connections = Vec::new();
        for _ in 0..count {
            let cache = self.work.client_cache().map(ClientCache::new).map(Arc::new);
            let shared =
                SharedConnection::with_cache(server.clone(), Arc::clone(counts), cache).await;
            connections.push(Arc::new(
                shared.map_err(|error| failure::from_redis(&error))?,
            ));
        }
        Ok(connections)
    }
}

impl<W: Work> TargetFactory for Multiplexed<W> {
    type Target = MultiplexedTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let counts = Arc::<ConnectionCounts>::default();
        let count = worker.share_of(self.connections).max(1);
        let connections = self.open(&self.server, count, &counts).await?;
        let replicas = match &self.replica {
            Some(replica) => self.open(replica, count, &counts).await?,
            None => Vec::new(),
        };
        Ok(MultiplexedTarget {
            connections,
            replicas,
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
    /// As many connections to a replica; none if reads do not go there.
    replicas: Vec<Arc<SharedConnection>>,
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
        let replica = self.replicas.get(index).map(Arc::clone);
        Ok(MultiplexedSession::new((shared, replica), self.work.task(user)).await)
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        let mut tallies = self.counts.tallies();
        let caches = self
            .connections
            .iter()
            .filter_map(|shared| shared.client_cache());
        for (name, count) in caches.flat_map(ClientCache::tallies) {
            match tallies.iter_mut().find(|(figure, _)| *figure == name) {
                Some((_, sum)) => *sum += count,
                None => tallies.push((name, count)),
            }
        }
        tallies
    }
}

/// One user of a shared connection, with the user's requests.
#[derive(Debug)]
pub(crate) struct MultiplexedSession<T> {
    primary: SharedLink,
    /// Connection for reads; `None` if they go to the primary.
    replica: Option<SharedLink>,
    task: T,
}

impl<T: Task> MultiplexedSession<T> {
    /// Creates a user of the connection `primary`, and of `replica` for reads if it is given, with the
    /// requests of `task`.
    pub(super) async fn new(
        (primary, replica): (Arc<SharedConnection>, Option<Arc<SharedConnection>>),
        task: T,
    ) -> Self {
        Self {
            primary: SharedLink::new(primary).await,
            replica: match replica {
                Some(replica) => Some(SharedLink::new(replica).await),
                None => None,
            },
            task,
        }
    }

    /// Executes the next request. Returns its result, and true if the replica had the last word.
    ///
    /// # Errors
    /// Fails with the error of the attempt to replace a broken connection.
    async fn perform(
        &mut self,
        timestamps: &mut Timestamps,
    ) -> Result<(RequestResult, bool), RedisError> {
        self.primary.connection().await?;
        let Some(replica) = &mut self.replica else {
            let done = self.task.perform(&mut self.primary, timestamps).await;
            return Ok((done, false));
        };
        replica.connection().await?;
        let mut split = ReadSplit::new(&mut self.primary, replica);
        let done = self.task.perform(&mut split, timestamps).await;
        Ok((done, split.is_reading()))
    }

    /// Notes that the connection of the last request broke, if `error` says so.
    fn note(&self, error: &RequestError, is_by_replica: bool) {
        let replica = self.replica.as_ref().filter(|_| is_by_replica);
        let used = replica.unwrap_or(&self.primary);
        // With Sentinels, a server that has become a replica is left for the one that they name.
        let is_over = error.is_read_only() && used.has_sentinels();
        if error.breaks_connection() || is_over {
            used.broke();
        }
    }
}

impl<T: Task> Session for MultiplexedSession<T> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.task.draw();
        timestamps.operation(operation);
        let (done, is_by_replica) = match self.perform(timestamps).await {
            Ok(done) => done,
            Err(error) => {
                return failed(operation, failure::from_redis(&error), true, timestamps).await;
            }
        };
        if let Err(error) = &done.result {
            self.note(error, is_by_replica);
        }
        outcome(done, timestamps).await
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}
