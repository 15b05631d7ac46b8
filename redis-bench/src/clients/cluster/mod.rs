//! Client of a whole cluster: shared connections to each node, on which the commands of all users are
//! interleaved. Each command goes to the node that holds its key, and redirections are followed.
//!
//! The driver's own client of a cluster is not used for the load. While it asks for the nodes of the
//! slots, after a redirection, it lets no request go on, also none that holds the lock that it waits
//! for: with 64 requests at once it stood still for good (driver 1.8.1, tokio 1.54.1). It hides failed
//! nodes behind retries of several minutes, and copies each command.

mod cluster_link;
mod key_slot;
mod node_set;
mod redirections;

use std::sync::Arc;

use bench_report::names::FigureName;
use load_engine::{
    ArrivalInstants, Failure, OperationTable, Target, TargetFactory, UserId, WorkerShare,
};

use self::cluster_link::ClusterLink;
use self::node_set::NodeSet;
use super::Work;
use super::managed::SharedSession;
use crate::server::address::RedisAddress;
use crate::server::failure;

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
}

impl<W: Work> TargetFactory for Cluster<W> {
    type Target = ClusterTarget<W>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        let mut sets = Vec::new();
        for _ in 0..worker.share_of(self.connections).max(1) {
            let nodes = NodeSet::connect(self.server.clone()).await;
            let nodes = nodes.map_err(|error| failure::from_redis(&error))?;
            sets.push(Arc::new(nodes));
        }
        Ok(ClusterTarget {
            sets,
            workers: worker.count,
            work: Arc::clone(&self.work),
        })
    }
}

/// Connections of one worker to the nodes, among which its users are divided.
#[derive(Debug)]
pub(crate) struct ClusterTarget<W> {
    /// Sets of connections, each of which has one to each node.
    sets: Vec<Arc<NodeSet>>,
    workers: u64,
    work: Arc<W>,
}

impl<W: Work> Target for ClusterTarget<W> {
    type Session = SharedSession<W::Task, ClusterLink>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        // Users are assigned to workers in turn, so the numbers of one worker's users differ by `workers`.
        let index = (user.0 / self.workers) as usize % self.sets.len();
        let link = ClusterLink::new(Arc::clone(&self.sets[index])).await;
        Ok(SharedSession::new(link, self.work.task(user)))
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn tallies(&self) -> Vec<(FigureName, u64)> {
        let mut sums: Vec<(FigureName, u64)> = Vec::new();
        for (name, count) in self.sets.iter().flat_map(|set| set.tallies()) {
            match sums.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => sums.push((name, count)),
            }
        }
        sums
    }
}
