//! Nodes of a Redis Cluster, as one of them describes the cluster.

use redis::{Cmd, Connection, RedisResult, Value};

use crate::server::address::RedisAddress;

/// Number of slots over which a cluster divides its keys. Source: `CLUSTER_SLOTS` in src/cluster.h.
pub(crate) const SLOTS: u32 = 16_384;
/// Number of fields of a node's line before its slots. Source: documentation of `CLUSTER NODES`.
const FIELDS_BEFORE_SLOTS: usize = 8;

/// One node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterNode {
    /// Identifier that the node keeps for its whole life.
    pub(crate) id: String,
    /// Host of the node; empty if the node that was asked does not know its own.
    pub(crate) host: String,
    /// Name of the node's host; `None` if it announces none.
    pub(crate) host_name: Option<String>,
    /// Port for clients.
    pub(crate) port: u16,
    /// True for the node that was asked.
    pub(crate) is_asked: bool,
    /// True if the node follows a primary.
    pub(crate) is_replica: bool,
    /// Number of slots whose keys the node holds; 0 for a replica.
    pub(crate) slots: u32,
    /// First and last slot of each range of slots that the node holds.
    pub(crate) ranges: Vec<(u16, u16)>,
}

impl ClusterNode {
    /// Creates a node of which only the address is known. `host` may be its name.
    pub(crate) fn at(host: &str, port: u16) -> Self {
        Self {
            id: String::new(),
            host: host.to_owned(),
            host_name: None,
            port,
            is_asked: false,
            is_replica: false,
            slots: 0,
            ranges: Vec::new(),
        }
    }

    /// Returns the address of this node of the cluster to which the server at `remote` belongs; `None`
    /// if its host is not known. For TLS it is reached by its name, which its certificate has.
    pub(crate) fn address(&self, remote: &RedisAddress) -> Option<RedisAddress> {
        let name = self.host_name.as_deref().filter(|_| remote.tls().is_some());
        let host = name.unwrap_or(&self.host);
        (!host.is_empty()).then(|| remote.at_node(host, self.port))
    }
}

/// Returns the question for the nodes of a cluster.
pub(crate) fn question() -> Cmd {
    let mut question = redis::cmd("CLUSTER");
    question.arg("NODES");
    question
}

/// Returns the nodes in an answer to [`question`].
///
/// # Errors
/// Fails with the error answer of the server, as of a server that is part of no cluster.
pub(crate) fn read_answer(answer: Value) -> RedisResult<Vec<ClusterNode>> {
    let text: String = redis::from_redis_value(answer.extract_error()?)?;
    Ok(parse(&text))
}

impl ClusterNode {
    /// Returns true if the node that was asked knows where this node is.
    pub(crate) fn has_address(&self) -> bool {
        !self.host.is_empty() && self.port != 0
    }
}

/// Asks a node of a cluster for all nodes.
///
/// # Errors
/// Fails with the error of the connection or the server, as of a server that is part of no cluster.
pub(crate) fn read(connection: &mut Connection) -> RedisResult<Vec<ClusterNode>> {
    let text: String = question().query(connection)?;
    Ok(parse(&text))
}

/// Parses an answer to `CLUSTER NODES`. Lines that cannot be parsed are left out.
pub(crate) fn parse(text: &str) -> Vec<ClusterNode> {
    text.lines().filter_map(node).collect()
}

fn node(line: &str) -> Option<ClusterNode> {
    let mut fields = line.split_whitespace();
    let id = fields.next()?.to_owned();
    let address = fields.next()?;
    let flags = fields.next()?;
    let has = |name: &str| flags.split(',').any(|flag| flag == name);
    // The address is followed by the port of the cluster's bus and by the node's host name.
    let (host, port) = address.split('@').next()?.rsplit_once(':')?;
    let host_name = address.split(',').nth(1).filter(|name| !name.is_empty());
    let port = port.parse().ok()?;
    let ranges = fields.skip(FIELDS_BEFORE_SLOTS - 3).filter_map(range);
    let ranges: Vec<(u16, u16)> = ranges.collect();
    let counts = ranges
        .iter()
        .map(|(first, last)| u32::from(last - first) + 1);
    Some(ClusterNode {
        id,
        host: host.to_owned(),
        host_name: host_name.map(str::to_owned),
        port,
        is_asked: has("myself"),
        is_replica: has("slave"),
        slots: counts.sum(),
        ranges,
    })
}

/// Returns the first and the last slot of a range such as `0-5460` or `7`; `None` for a slot that is
/// being moved, as in `[93-<-NODE]`, which a range contains if the node still has it.
fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && u32::from(last) < SLOTS).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_read_with_their_address_and_number_of_slots() {
        let nodes = parse(
            "07c3 127.0.0.1:30004@31004,hostname4 slave e7d1 0 1426238317239 4 connected\n\
             67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922 [93-<-e7d1]\n\
             e7d1 ::1:30001@31001 myself,master - 0 0 1 connected 0-5459 5460\n\
             292f :30003 master,fail - 0 1426238318243 3 disconnected\n\
             odd line\n",
        );
        assert_eq!((&*nodes[2].id, nodes[2].is_replica), ("e7d1", false));
        assert!(nodes[0].is_replica && nodes[0].has_address() && !nodes[3].has_address());
        let told: Vec<_> = nodes
            .iter()
            .map(|node| (&*node.host, node.port, node.is_asked, node.slots))
            .collect();
        assert_eq!(nodes[0].host_name.as_deref(), Some("hostname4"));
        assert_eq!(nodes[1].host_name, None);
        assert_eq!(nodes[2].ranges, [(0, 5_459), (5_460, 5_460)]);
        assert_eq!(
            told,
            [
                ("127.0.0.1", 30_004, false, 0),
                ("127.0.0.1", 30_002, false, 5_462),
                ("::1", 30_001, true, 5_461),
                ("", 30_003, false, 0),
            ]
        );
    }
}
