//! Client of a whole cluster: the driver's `ClusterConnection`, which has a connection to each node,
//! sends each command to the node that holds its key, and follows redirections.

use std::sync::Arc;

use bench_report::names::FigureName;
use load_engine::{Failure, OperationTable, Target, TargetFactory, UserId, WorkerShare};
use redis::RedisError;
use redis::cluster_async::ClusterConnection;

use super::cluster_node::NodeConnection;
use super::managed::{SharedSession, SharedTarget};
use super::redirections::{FOLLOWED, Redirections};
use super::{CONNECT_TIMEOUT, Work};
use crate::server::address::RedisAddress;
use crate::server::cluster_client::cluster_client;
use crate::server::failure;

/// Connections to all nodes of a cluster.
pub(super) type AllNodes = ClusterConnection<NodeConnection>;

/// Factory that opens each worker's share of the connections to each node.
#[derive(Debug)]
pub(crate) struct Cluster<W> {
    server: RedisAddress,
    connections: u64,
    work: Arc<W>,
}

impl<W: Work> Cluster<W> {
    /// Creates a factory for `connections` connections to each node of the cluster to which `server`
    /// belongs, which are divided among all workers. Each worker opens at least one.
    pub(super) fn new(server: RedisAddress, connections: u64, work: W) -> Self {
        Self {
            server,
            connections,
            work: Arc::new(work),
        }
    }

    async fn connect(&self) -> Result<AllNodes, RedisError> {
        let client = cluster_client(&self.server)?;
        // The time-out of the driver is for each node; finding the nodes has none.
        tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_generic_connection())
            .await
            .unwrap_or_else(|late| Err(std::io::Error::from(late).into()))
    }
}

impl<W: Work> TargetFactory for Cluster<W> {
    type Target = ClusterTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let mut connections = Vec::new();
        for _ in 0..worker.share_of(self.connections).max(1) {
            let connection = self.connect().await;
            connections.push(connection.map_err(|error| failure::from_redis(&error))?);
        }
        Ok(ClusterTarget {
            shared: SharedTarget::new(connections, worker, &self.work),
            redirections: Redirections::new(),
        })
    }
}

/// Connections of one worker to the nodes, among which its users are divided.
pub(crate) struct ClusterTarget<W> {
    shared: SharedTarget<W, AllNodes>,
    redirections: Redirections,
}

impl<W: Work> Target for ClusterTarget<W> {
    type Session = SharedSession<W::Task, AllNodes>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        self.shared.open(user).await
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        self.redirections.with(&FOLLOWED)
    }
}
