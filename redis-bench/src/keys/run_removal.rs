//! Removal of a run's keys from every node that may hold them, and what is left where it failed.

use std::time::Duration;

use redis::{Connection, RedisResult};

use crate::keys::run_keys::RunKeys;
use crate::keys::{key_count, key_removal};
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::{self, ClusterNode};
use crate::server::failure;
use crate::server::identity::{ServerIdentity, ServerMode};

/// Time-out of an attempt to connect to a node. The others are then cleared before the removal is
/// abandoned, which it is after 2 s without an answer.
const NODE_TIMEOUT: Duration = Duration::from_secs(1);

/// Server on which keys of a run may be left.
#[derive(Debug)]
pub(crate) struct KeysLeft {
    /// Address of the server.
    pub(crate) node: RedisAddress,
    /// Reason, and the number of keys if it is known.
    pub(crate) why: String,
}

/// Servers that may hold keys of a run.
#[derive(Debug, Clone)]
pub(crate) struct KeyServers {
    /// Server in the URL.
    remote: RedisAddress,
    /// True if it is a node of a cluster.
    is_cluster: bool,
    /// Other nodes of its cluster, as it told when the run began.
    others: Vec<RedisAddress>,
}

impl KeyServers {
    /// Creates the servers of a run on the one at `remote`, which told its `identity`.
    pub(crate) fn new(remote: RedisAddress, identity: Option<&ServerIdentity>) -> Self {
        let nodes = identity.map_or(&[][..], |identity| &identity.nodes);
        Self {
            is_cluster: identity.is_some_and(|identity| identity.mode == ServerMode::Cluster),
            others: others(&remote, nodes),
            remote,
        }
    }

    /// Returns all servers as left with keys, for a removal that was abandoned because of `why`.
    pub(crate) fn all_left(&self, why: &str) -> Vec<KeysLeft> {
        let all = [&self.remote].into_iter().chain(&self.others);
        all.map(|node| KeysLeft {
            node: node.clone(),
            why: why.to_owned(),
        })
        .collect()
    }

    /// Asks the nodes one after the other, until one tells the present nodes of the cluster. Returns
    /// those other than the server in the URL.
    ///
    /// # Errors
    /// Fails with the reason of the first one as a sentence if none tells.
    fn present_others(&self) -> Result<Vec<RedisAddress>, String> {
        let read =
            |node: &RedisAddress| cluster_nodes::read(&mut node.connect_within(NODE_TIMEOUT)?);
        let first = match read(&self.remote) {
            Ok(nodes) => return Ok(others(&self.remote, &nodes)),
            Err(error) => failure::from_redis(&error).to_string(),
        };
        let told = self.others.iter().find_map(|node| read(node).ok());
        let nodes = told.ok_or(first)?;
        let here = self.remote.info().addr().to_string();
        let elsewhere = nodes.iter().filter(|node| node.slots > 0);
        let elsewhere = elsewhere.filter_map(|node| node.address(&self.remote));
        Ok(elsewhere
            .filter(|node| node.info().addr().to_string() != here)
            .collect())
    }
}

/// Returns the addresses of the nodes that hold slots, other than the one at `remote`, which told
/// `nodes`.
fn others(remote: &RedisAddress, nodes: &[ClusterNode]) -> Vec<RedisAddress> {
    let others = nodes.iter().filter(|node| !node.is_asked && node.slots > 0);
    others.filter_map(|node| node.address(remote)).collect()
}

/// Removes the keys of a run from its server, and if that is a node of a cluster, from all nodes:
/// slots may have moved during the run. Returns the servers on which keys may be left. Calls
/// `answered` after each answer of a server; if it returns false, stops at once.
pub(crate) fn clear(
    servers: &KeyServers,
    keys: &RunKeys,
    answered: &mut impl FnMut() -> bool,
) -> Vec<KeysLeft> {
    let mut left = Vec::new();
    let others = if servers.is_cluster {
        servers.present_others().unwrap_or_else(|why| {
            left.push(KeysLeft {
                node: servers.remote.clone(),
                why: format!("the other nodes of the cluster are not known: {why}"),
            });
            servers.others.clone()
        })
    } else {
        Vec::new()
    };
    let all = [servers.remote.clone()].into_iter().chain(others);
    let failed = all.filter_map(|node| {
        let why = clear_node(&node, keys, answered)?;
        Some(KeysLeft { node, why })
    });
    left.extend(failed);
    left
}

/// Removes the keys from one server. Returns the reason for which some may be left; `None` if there
/// are none.
fn clear_node(
    node: &RedisAddress,
    keys: &RunKeys,
    answered: &mut impl FnMut() -> bool,
) -> Option<String> {
    let mut open = None;
    let removed = remove(node, keys, &mut open, answered);
    let error = removed.err()?;
    let why = failure::from_redis(&error).to_string();
    // A connection that broke answers nothing more.
    let count = open
        .filter(|_| failure::is_answer(&error))
        .and_then(|mut open| key_count::count(&mut open, keys, answered).ok()?);
    match count {
        Some(count) if count.is_none() => None,
        Some(count) => Some(format!("{why}; {count}")),
        None => Some(why),
    }
}

/// Connects to a server and removes the keys. Leaves the connection in `open`.
fn remove(
    node: &RedisAddress,
    keys: &RunKeys,
    open: &mut Option<Connection>,
    answered: &mut impl FnMut() -> bool,
) -> RedisResult<bool> {
    let connection = open.insert(node.connect_within(NODE_TIMEOUT)?);
    key_removal::clear(connection, keys, answered)
}

#[cfg(test)]
mod tests;
