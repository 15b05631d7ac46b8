//! Removal of a run's keys from every node that may hold them, and what is left where it failed.

use redis::{Connection, RedisResult};

use crate::keys::run_keys::RunKeys;
use crate::keys::{key_count, key_removal};
use crate::server::address::RedisAddress;
use crate::server::{cluster_nodes, failure};

/// Server on which keys of a run may be left.
#[derive(Debug)]
pub(crate) struct KeysLeft {
    /// Address of the server.
    pub(crate) node: RedisAddress,
    /// Reason, and the number of keys if it is known.
    pub(crate) why: String,
}

/// Removes the keys of a run from the server at `remote`, and if it is a node of a cluster, from all
/// nodes: slots may have moved during the run. Returns the servers on which keys may be left. Calls
/// `answered` after each answer of a server; if it returns false, stops at once.
pub(crate) fn clear(
    remote: &RedisAddress,
    keys: &RunKeys,
    is_cluster: bool,
    answered: &mut impl FnMut() -> bool,
) -> Vec<KeysLeft> {
    let mut left = Vec::new();
    let nodes = if is_cluster {
        other_nodes(remote).unwrap_or_else(|why| {
            left.push(KeysLeft {
                node: remote.clone(),
                why: format!("the other nodes of the cluster are not known: {why}"),
            });
            Vec::new()
        })
    } else {
        Vec::new()
    };
    let all = [remote.clone()].into_iter().chain(nodes);
    let failed = all.filter_map(|node| {
        let why = clear_node(&node, keys, answered)?;
        Some(KeysLeft { node, why })
    });
    left.extend(failed);
    left
}

/// Returns the addresses of the nodes that hold slots, other than the one at `remote`.
///
/// # Errors
/// Fails with the reason as a sentence.
fn other_nodes(remote: &RedisAddress) -> Result<Vec<RedisAddress>, String> {
    let nodes = remote
        .connect()
        .and_then(|mut connection| cluster_nodes::read(&mut connection));
    let nodes = nodes.map_err(|error| failure::from_redis(&error).to_string())?;
    let others = nodes
        .iter()
        .filter(|node| !node.is_asked && node.slots > 0 && !node.host.is_empty());
    Ok(others
        .map(|node| remote.at_node(&node.host, node.port))
        .collect())
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
    let connection = open.insert(node.connect()?);
    key_removal::clear(connection, keys, answered)
}

#[cfg(test)]
mod tests;
