//! Nodes of a cluster, to each of which all users share a connection, and the node of each slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use bench_report::names::FigureName;
use redis::{ErrorKind, RedisError, RedisResult};
use tokio::sync::Mutex;

use super::redirections::{Redirection, RedirectionCounts};
use crate::clients::connection_counts::ConnectionCounts;
use crate::clients::shared_connection::{RETRY_INTERVAL, SharedConnection, SharedLink};
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::{self, ClusterNode, SLOTS};

/// Time-out of the question for the nodes while the load runs. Another node is asked then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Node of a slot that no node holds.
const NOBODY: u16 = u16::MAX;

/// Nodes of a cluster. Each has an index, which it keeps.
#[derive(Debug)]
pub(super) struct NodeSet {
    /// Node in the URL, with the credentials for all.
    seed: RedisAddress,
    /// Index of the node of each slot.
    owners: Box<[AtomicU16]>,
    known: Mutex<KnownNodes>,
    counts: Arc<ConnectionCounts>,
    redirections: RedirectionCounts,
}

#[derive(Debug)]
struct KnownNodes {
    nodes: Vec<KnownNode>,
    /// Instant of the last question for the nodes.
    asked_at: Instant,
}

#[derive(Debug)]
struct KnownNode {
    host: String,
    host_name: Option<String>,
    port: u16,
    connection: Arc<SharedConnection>,
}

impl KnownNode {
    /// Returns true if this node is reached at `host` and `port`. An empty host is that of any node.
    fn is_at(&self, host: &str, port: u16) -> bool {
        let is_host =
            host.is_empty() || host == self.host || Some(host) == self.host_name.as_deref();
        is_host && port == self.port
    }
}

impl NodeSet {
    /// Connects to the node at `seed`, asks it for the nodes that hold slots, and connects to them.
    ///
    /// # Errors
    /// Fails with the error of the first connection or answer that fails.
    pub(super) async fn connect(seed: RedisAddress) -> RedisResult<Self> {
        let counts = Arc::<ConnectionCounts>::default();
        let first = SharedConnection::connect(seed.clone(), Arc::clone(&counts)).await?;
        let first = Arc::new(first);
        let told = ask(&first).await?;
        let set = Self {
            seed,
            owners: (0..SLOTS).map(|_| AtomicU16::new(NOBODY)).collect(),
            known: Mutex::new(KnownNodes {
                nodes: Vec::new(),
                asked_at: Instant::now(),
            }),
            counts,
            redirections: RedirectionCounts::default(),
        };
        {
            let known = &mut *set.known.lock().await;
            if let Some(own) = told.iter().find(|node| node.is_asked) {
                known.nodes.push(KnownNode::new(own, first));
            }
            set.adopt(known, &told).await?;
        }
        Ok(set)
    }

    /// Returns the index of the node that holds `slot`.
    ///
    /// # Errors
    /// Fails if no node does.
    pub(super) fn owner(&self, slot: u16) -> RedisResult<usize> {
        match self.owners[usize::from(slot)].load(Ordering::Relaxed) {
            NOBODY => Err(RedisError::from((
                ErrorKind::ClusterConnectionNotFound,
                "no node of the cluster holds the slot of a key",
            ))),
            owner => Ok(usize::from(owner)),
        }
    }

    /// Returns the connections to the nodes from the one with index `from` on.
    pub(super) async fn connections(&self, from: usize) -> Vec<Arc<SharedConnection>> {
        let known = self.known.lock().await;
        let nodes = known.nodes.iter().skip(from);
        nodes.map(|node| Arc::clone(&node.connection)).collect()
    }

    /// Returns the index of the node to which `redirection` points, and counts it. Connects to the node
    /// if it was not known.
    ///
    /// # Errors
    /// Fails with the error of the attempt to connect.
    pub(super) async fn followed(&self, redirection: &Redirection) -> RedisResult<usize> {
        self.redirections.count(redirection);
        let (host, port) = (&*redirection.host, redirection.port);
        let mut known = self.known.lock().await;
        let mut nodes = known.nodes.iter();
        let index = match nodes.position(|node| node.is_at(host, port)) {
            Some(index) => index,
            None => self.add(&mut known, &ClusterNode::at(host, port)).await?,
        };
        if !redirection.is_ask {
            self.set_owner(redirection.slot, index);
        }
        Ok(index)
    }

    /// Asks a node for the nodes of the slots, because one failed: another one may have taken its place.
    /// Does nothing within 100 ms of the last question.
    pub(super) async fn refresh(&self) {
        let mut known = self.known.lock().await;
        if known.asked_at.elapsed() < RETRY_INTERVAL {
            return;
        }
        for index in 0..known.nodes.len() {
            let asked = ask(&known.nodes[index].connection);
            if let Ok(Ok(told)) = tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
                // The slots of a node that cannot be reached stay as they are.
                let _ = self.adopt(&mut known, &told).await;
                break;
            }
        }
        known.asked_at = Instant::now();
    }

    /// Takes over which nodes hold which slots.
    ///
    /// # Errors
    /// Fails with the error of the first node that cannot be reached, after all others.
    async fn adopt(&self, known: &mut KnownNodes, told: &[ClusterNode]) -> RedisResult<()> {
        let mut result = Ok(());
        for node in told.iter().filter(|node| node.slots > 0) {
            let mut nodes = known.nodes.iter();
            let index = match nodes.position(|one| one.is_at(&node.host, node.port)) {
                Some(index) => Ok(index),
                None => self.add(known, node).await,
            };
            match index {
                Ok(index) => {
                    let slots = node.ranges.iter().flat_map(|(first, last)| *first..=*last);
                    slots.for_each(|slot| self.set_owner(slot, index));
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    async fn add(&self, known: &mut KnownNodes, node: &ClusterNode) -> RedisResult<usize> {
        let address = node.address(&self.seed).unwrap_or_else(|| {
            // A node without a known host is on that of the node that tells of it.
            self.seed.at_port(node.port)
        });
        let connection = SharedConnection::connect(address, Arc::clone(&self.counts)).await?;
        known.nodes.push(KnownNode::new(node, Arc::new(connection)));
        Ok(known.nodes.len() - 1)
    }

    fn set_owner(&self, slot: u16, index: usize) {
        if let (Some(owner), Ok(index)) = (self.owners.get(usize::from(slot)), u16::try_from(index))
        {
            owner.store(index, Ordering::Relaxed);
        }
    }

    /// Returns the counts of connections and redirections so far, each with the name of its figure.
    pub(super) fn tallies(&self) -> Vec<(FigureName, u64)> {
        let mut tallies = self.counts.tallies();
        tallies.extend(self.redirections.tallies());
        tallies
    }
}

impl KnownNode {
    fn new(node: &ClusterNode, connection: Arc<SharedConnection>) -> Self {
        Self {
            host: node.host.clone(),
            host_name: node.host_name.clone(),
            port: node.port,
            connection,
        }
    }
}

async fn ask(node: &Arc<SharedConnection>) -> RedisResult<Vec<ClusterNode>> {
    let mut link = SharedLink::new(Arc::clone(node)).await;
    let question = cluster_nodes::question();
    let answer = link
        .connection()
        .await?
        .send_packed_command(&question)
        .await?;
    cluster_nodes::read_answer(answer)
}
