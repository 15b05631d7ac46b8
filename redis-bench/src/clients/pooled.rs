//! Client with a pool of connections: each request takes a connection out and gives it back.
//!
//! Before deadpool-redis hands out a connection that was used before, it sends `UNWATCH` and `PING`
//! and waits for the answers. This cannot be turned off: **every checkout costs a round trip**.
//! That time is part of the checkout here, as it is in an application.

use std::sync::Arc;
use std::time::Duration;

use bench_report::names::FigureName;
use deadpool::managed::{self, Manager as _, Metrics, RecycleResult};
use deadpool_redis::{Manager, Runtime};
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Outcome, PoolSample, Session, Target, TargetFactory,
    Timestamps, UserId, WorkerShare, checkout,
};
use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::connection_counts::ConnectionCounts;
use super::{RESPONSE_TIMEOUT, Task, Work, connection_config, failed, outcome};
use crate::server::address::RedisAddress;
use crate::server::failure;

/// Connection manager of deadpool-redis that also reports to the checkout's timing when a check of
/// a connection begins and when connecting begins, and counts connections.
#[derive(Debug)]
struct TimedManager {
    manager: Manager,
    server: RedisAddress,
    counts: Arc<ConnectionCounts>,
}

impl managed::Manager for TimedManager {
    type Type = MultiplexedConnection;
    type Error = RedisError;

    async fn create(&self) -> Result<MultiplexedConnection, RedisError> {
        checkout::connecting();
        if self.server.has_sentinels() {
            // Boxed, because every request would else have room for it.
            return self.counts.attempted(Box::pin(self.open_primary()).await);
        }
        self.counts.attempted(self.manager.create().await)
    }

    async fn recycle(
        &self,
        connection: &mut MultiplexedConnection,
        metrics: &Metrics,
    ) -> RecycleResult<RedisError> {
        checkout::checking();
        let checked = self.manager.recycle(connection, metrics).await;
        if checked.is_err() {
            self.counts.lost();
        }
        checked
    }
}

impl TimedManager {
    /// Opens a connection to the primary that the Sentinels name now.
    async fn open_primary(&self) -> Result<MultiplexedConnection, RedisError> {
        let primary = self.server.named_primary().await?;
        let primary = primary.unwrap_or_else(|| self.server.clone());
        let manager = Manager::new_with_config(primary.info().clone(), connection_config())?;
        let mut connection = manager.create().await?;
        primary.check_primary(&mut connection).await?;
        Ok(connection)
    }
}

type RedisPool = managed::Pool<TimedManager>;

/// Factory that creates one pool for each worker, with the worker's share of the connections.
#[derive(Debug)]
pub(crate) struct Pooled<W> {
    server: RedisAddress,
    size: u64,
    work: Arc<W>,
}

impl<W: Work> Pooled<W> {
    /// Creates a factory for pools with `size` connections to `server` in total over all workers.
    /// Each worker's pool has at least one.
    pub(super) fn new(server: RedisAddress, size: u64, work: W) -> Self {
        Self {
            server,
            size,
            work: Arc::new(work),
        }
    }

    fn pool(
        &self,
        worker: WorkerShare,
        counts: Arc<ConnectionCounts>,
    ) -> Result<RedisPool, Failure> {
        // Passes redis's own type of settings; with deadpool's type the TCP settings would be lost.
        let manager = Manager::new_with_config(self.server.info().clone(), connection_config())
            .map_err(|error| failure::from_redis(&error))?;
        let server = self.server.clone();
        let timed = TimedManager {
            manager,
            server,
            counts,
        };
        RedisPool::builder(timed)
            .max_size(worker.share_of(self.size).max(1) as usize)
            .wait_timeout(Some(RESPONSE_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Failure::new("pool", &error.to_string()))
    }
}

impl<W: Work> TargetFactory for Pooled<W> {
    type Target = PooledTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let counts = Arc::<ConnectionCounts>::default();
        let pool = self.pool(worker, Arc::clone(&counts))?;
        fill(&pool).await?;
        Ok(PooledTarget {
            pool,
            counts,
            work: Arc::clone(&self.work),
        })
    }
}

/// Opens all connections of the pool before the load, so that no request has to open one.
///
/// # Errors
/// Fails with the first failure to open a connection.
async fn fill(pool: &RedisPool) -> Result<(), Failure> {
    let mut held = Vec::new();
    for _ in 0..pool.status().max_size {
        held.push(
            pool.get()
                .await
                .map_err(|error| failure::from_pool(&error))?,
        );
    }
    Ok(())
}

/// Pool of connections of one worker, from which its users take connections.
#[derive(Debug)]
pub(crate) struct PooledTarget<W> {
    pool: RedisPool,
    counts: Arc<ConnectionCounts>,
    work: Arc<W>,
}

impl<W: Work> Target for PooledTarget<W> {
    type Session = PooledSession<W::Task>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        Ok(PooledSession {
            pool: self.pool.clone(),
            task: self.work.task(user),
        })
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn pool(&self) -> Option<PoolSample> {
        let status = self.pool.status();
        Some(PoolSample {
            max_size: status.max_size as u64,
            size: status.size as u64,
            in_use: status.size.saturating_sub(status.available) as u64,
            waiting: Some(status.waiting as u64),
        })
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        self.counts.tallies()
    }

    async fn close(&self) {
        self.pool.close();
    }
}

/// One user of a pool of connections, with the user's requests.
#[derive(Debug)]
pub(crate) struct PooledSession<T> {
    pool: RedisPool,
    task: T,
}

impl<T: Task> Session for PooledSession<T> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.task.draw();
        timestamps.operation(operation);
        let mut connection = match checkout::observe(timestamps, self.pool.get()).await {
            Ok(connection) => connection,
            Err(error) => {
                return failed(operation, failure::from_pool(&error), true, timestamps).await;
            }
        };
        timestamps.acquired();
        let done = self.task.perform(&mut *connection, timestamps).await;
        timestamps.done();
        // Returns the connection before anything else, as a request handler would: other users wait for it.
        drop(connection);
        outcome(done, timestamps).await
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}
