//! Throwaway Redis cluster.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::options::{RedisOptions, SERVER};
use super::single::Redis;
use crate::TestbedError;

const SLOTS: usize = 16_384;
/// Difference between the port of a node and that of its cluster bus, on which nodes talk to each
/// other. Redis sets it; from 7.0 on it can be chosen.
const BUS_OFFSET: u16 = 10_000;
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Throwaway Redis cluster of primaries that share all slots evenly. Dropping the value ends all
/// nodes and removes their files.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts a cluster of `nodes` primaries with these options, and returns once every node knows
    /// all others and serves, after some seconds. Node n of N has the slots from 16,384 n ÷ N on.
    ///
    /// # Errors
    /// Fails as [`Redis::start`] does, or if the nodes do not become a cluster within 20 s.
    pub fn start(nodes: usize, options: &RedisOptions) -> Result<Self, TestbedError> {
        let role = "cluster-enabled yes\ncluster-config-file nodes.conf\n";
        let started = (0..nodes).map(|_| Redis::start_as(options, role, has_free_bus));
        let cluster = Self {
            nodes: started.collect::<Result<_, _>>()?,
        };
        cluster.give_slots()?;
        cluster.introduce()?;
        cluster.await_service()?;
        Ok(cluster)
    }

    /// Returns the nodes, in the order of their slots.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Returns the nodes to kill or restart them.
    pub fn nodes_mut(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    /// Ends all nodes and removes their directories, as dropping the value does, but reports the
    /// first failure.
    ///
    /// # Errors
    /// [`TestbedError::Io`] if a directory cannot be removed.
    pub fn stop(self) -> Result<(), TestbedError> {
        let ended: Vec<_> = self.nodes.into_iter().map(Redis::stop).collect();
        ended.into_iter().collect()
    }

    /// Divides the slots among the nodes. Each gets a number of its own for the version of its
    /// slots, so that no two nodes have to agree on one.
    fn give_slots(&self) -> Result<(), TestbedError> {
        let count = self.nodes.len();
        for (index, node) in self.nodes.iter().enumerate() {
            let slots = SLOTS * index / count..SLOTS * (index + 1) / count;
            let slots: Vec<_> = slots.map(|slot| slot.to_string()).collect();
            let words = ["CLUSTER", "ADDSLOTS"].into_iter();
            let command: Vec<_> = words.chain(slots.iter().map(String::as_str)).collect();
            tell(node, &command)?;
            let version = (index + 1).to_string();
            tell(node, &["CLUSTER", "SET-CONFIG-EPOCH", &version])?;
        }
        Ok(())
    }

    /// Introduces all other nodes to the first one, which tells them of each other.
    fn introduce(&self) -> Result<(), TestbedError> {
        let mut nodes = self.nodes.iter();
        let Some(first) = nodes.next() else {
            return Ok(());
        };
        nodes.try_for_each(|node| {
            let port = node.port().to_string();
            tell(first, &["CLUSTER", "MEET", "127.0.0.1", &port])
        })
    }

    fn await_service(&self) -> Result<(), TestbedError> {
        let count = self.nodes.len().to_string();
        for node in &self.nodes {
            let control = node.control();
            let has = |field, value: &str| {
                control.field(&["CLUSTER", "INFO"], field).as_deref() == Some(value)
            };
            node.server.await_state("join the cluster", || {
                has("cluster_state", "ok")
                    && has("cluster_size", &count)
                    && has("cluster_known_nodes", &count)
            })?;
        }
        Ok(())
    }
}

/// Sends a command that forms the cluster.
///
/// # Errors
/// Fails with the answer of the server if it refuses the command.
fn tell(node: &Redis, command: &[&str]) -> Result<(), TestbedError> {
    let told = node.control().ask(command, COMMAND_TIMEOUT);
    told.map(drop).map_err(|error| TestbedError::Start {
        server: SERVER,
        reason: format!("{} {}: {error}", command[0], command[1]),
        log: String::new(),
    })
}

/// Returns true if the port of the cluster bus that belongs to `port` exists and is free.
fn has_free_bus(port: u16) -> bool {
    let bus = port.checked_add(BUS_OFFSET);
    bus.is_some_and(|bus| TcpListener::bind((Ipv4Addr::LOCALHOST, bus)).is_ok())
}
