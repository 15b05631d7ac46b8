//! Client with one connection for each user, as in a program that keeps one for each thread. Nobody
//! waits for a connection, and no round trip is spent on checking one.

use std::sync::Arc;

use crate::server::address::RedisAddress;
use bench_report::names::FigureName;
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Target, TargetFactory, UserId, WorkerShare,
};

use super::Work;
use super::connection_counts::ConnectionCounts;
use super::multiplexed::MultiplexedSession;
use super::shared_connection::SharedConnection;
use crate::server::failure;

/// Factory of targets in which each user has a connection of its own.
#[derive(Debug)]
pub(crate) struct Plain<W> {
    server: RedisAddress,
    replica: Option<RedisAddress>,
    work: Arc<W>,
}

impl<W: Work> Plain<W> {
    /// Creates a factory for connections to `server`, and to a replica for reads if there is one.
    pub(super) fn new((server, replica): (RedisAddress, Option<RedisAddress>), work: W) -> Self {
        Self {
            server,
            replica,
            work: Arc::new(work),
        }
    }
}

impl<W: Work> TargetFactory for Plain<W> {
    type Target = PlainTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, _worker: WorkerShare) -> Result<Self::Target, Failure> {
        Ok(PlainTarget {
            server: self.server.clone(),
            replica: self.replica.clone(),
            counts: Arc::default(),
            work: Arc::clone(&self.work),
        })
    }
}

/// Server to which the users of one worker connect.
#[derive(Debug)]
pub(crate) struct PlainTarget<W> {
    server: RedisAddress,
    replica: Option<RedisAddress>,
    counts: Arc<ConnectionCounts>,
    work: Arc<W>,
}

impl<W> PlainTarget<W> {
    async fn own(&self, server: &RedisAddress) -> Result<Arc<SharedConnection>, Failure> {
        let counts = Arc::clone(&self.counts);
        let own = SharedConnection::connect(server.clone(), counts).await;
        own.map(Arc::new)
            .map_err(|error| failure::from_redis(&error))
    }
}

impl<W: Work> Target for PlainTarget<W> {
    type Session = MultiplexedSession<W::Task>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        let own = self.own(&self.server).await?;
        let replica = match &self.replica {
            Some(replica) => Some(self.own(replica).await?),
            None => None,
        };
        Ok(MultiplexedSession::new((own, replica), self.work.task(user)).await)
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        self.counts.tallies()
    }
}
