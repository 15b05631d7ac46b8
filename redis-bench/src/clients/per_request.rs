//! Client that opens a connection for each request and closes it afterwards, as scripts and
//! programs without any pool do. Opening it is the checkout of the request.

use std::sync::Arc;
use std::time::Duration;

use crate::server::address::RedisAddress;
use bench_report::names::FigureName;
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Outcome, Session, Target, TargetFactory, Timestamps,
    UserId, WorkerShare, checkout,
};

use super::connection_counts::ConnectionCounts;
use super::shared_connection::open_connection;
use super::{Task, Work, failed, outcome};
use crate::server::failure;

/// Factory of targets in which each request has a connection of its own.
#[derive(Debug)]
pub(crate) struct PerRequest<W> {
    server: RedisAddress,
    work: Arc<W>,
}

impl<W: Work> PerRequest<W> {
    /// Creates a factory for connections to `server`.
    pub(super) fn new(server: RedisAddress, work: W) -> Self {
        Self {
            server,
            work: Arc::new(work),
        }
    }
}

impl<W: Work> TargetFactory for PerRequest<W> {
    type Target = PerRequestTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, _worker: WorkerShare) -> Result<Self::Target, Failure> {
        Ok(PerRequestTarget {
            server: self.server.clone(),
            counts: Arc::default(),
            work: Arc::clone(&self.work),
        })
    }
}

/// Server to which the requests of one worker connect.
#[derive(Debug)]
pub(crate) struct PerRequestTarget<W> {
    server: RedisAddress,
    counts: Arc<ConnectionCounts>,
    work: Arc<W>,
}

impl<W: Work> Target for PerRequestTarget<W> {
    type Session = PerRequestSession<W::Task>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        Ok(PerRequestSession {
            server: self.server.clone(),
            found: None,
            counts: Arc::clone(&self.counts),
            task: self.work.task(user),
        })
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        self.counts.tallies()
    }
}

/// One user without a connection between requests.
#[derive(Debug)]
pub(crate) struct PerRequestSession<T> {
    server: RedisAddress,
    /// Server of the last request that succeeded, so that Sentinels are not asked for each request;
    /// `None` after a failure.
    found: Option<RedisAddress>,
    counts: Arc<ConnectionCounts>,
    task: T,
}

impl<T: Task> Session for PerRequestSession<T> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.task.draw();
        timestamps.operation(operation);
        let opened = async {
            checkout::connecting();
            let server = self.found.as_ref().unwrap_or(&self.server);
            self.counts.attempted(open_connection(server).await)
        };
        let mut connection = match checkout::observe(timestamps, opened).await {
            Ok(connection) => connection,
            Err(error) => {
                self.found = None;
                return failed(operation, failure::from_redis(&error), true, timestamps).await;
            }
        };
        timestamps.acquired();
        let done = self.task.perform(&mut connection, timestamps).await;
        timestamps.done();
        drop(connection);
        if done.result.is_err() {
            self.found = None;
        } else if self.found.is_none() {
            self.found = Some(self.server.current());
        }
        outcome(done, timestamps).await
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}
