//! Evidence about all nodes of a cluster as that of one server, with a table that tells them apart.
//!
//! Replicas repeat the writes of their primaries, so they have rows in the tables and count in no sum. If a
//! primary was not read, no sum is known.

use std::collections::BTreeMap;

use bench_report::names::redis::{
    call_percentiles, clients, commands, key_hints, latency_events, nodes, saving, settings,
    slow_calls,
};
use bench_report::names::{self, ColumnName, TableName};
use bench_report::{EvidenceRow, ServerEvidence};
use redis::ConnectionAddr;

use super::figure_sums::{figures, grouped};
use super::node_row::{PRIMARY, REPLICA};
use super::node_sampler::NodeEvidence;
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::ClusterNode;

/// Parts of the evidence without which the commands of a node are not known.
const COUNTERS: [&str; 3] = ["info", "stats", "commandstats"];

/// Name of a node, and what was known of it when its sampler started.
#[derive(Debug, Clone)]
pub(super) struct NodeName {
    /// Identifier in the cluster; `None` if the server is no node, or does not tell.
    id: Option<String>,
    /// Host and port.
    address: String,
    is_replica: bool,
}

impl NodeName {
    pub(super) fn of(node: &ClusterNode) -> Self {
        Self {
            id: Some(node.id.clone()),
            address: format!("{}:{}", node.host, node.port),
            is_replica: node.is_replica,
        }
    }

    /// Returns the name of the server at `remote`, which is `asked` in its cluster if it is a node.
    pub(super) fn of_asked(asked: Option<&ClusterNode>, remote: &RedisAddress) -> Self {
        if let Some(node) = asked.filter(|node| node.has_address()) {
            return Self::of(node);
        }
        let address = match remote.info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            _ => "unix socket".to_owned(),
        };
        Self {
            id: asked.map(|node| node.id.clone()),
            address,
            is_replica: asked.is_some_and(|node| node.is_replica),
        }
    }

    fn role(&self) -> &'static str {
        if self.is_replica { REPLICA } else { PRIMARY }
    }
}

/// Node with its evidence.
struct ReadNode {
    name: NodeName,
    evidence: ServerEvidence,
    /// True if its figures count in sums: it is or was a primary.
    counts: bool,
}

/// Returns the evidence about all nodes, of which there is at least one, as that of one server, with the
/// busiest node first in the table of nodes. That of a server that is no node of a cluster stays as it
/// is.
pub(super) fn merged(mut read: Vec<(NodeName, NodeEvidence)>) -> ServerEvidence {
    let is_node = |(_, node): &(NodeName, NodeEvidence)| node.evidence.rows(nodes::TABLE).is_some();
    if read.len() == 1 && !is_node(&read[0]) {
        return read.remove(0).1.evidence;
    }
    let view = read.iter().map(|(_, node)| &node.nodes);
    let view = view.max_by_key(|nodes| nodes.len()).cloned();
    let known: Vec<ReadNode> = read
        .into_iter()
        .map(|(name, node)| named(name, node))
        .collect();
    let unread = unread(&known, &view.unwrap_or_default());
    let mut evidence = ServerEvidence::default();
    let counted: Vec<&ServerEvidence> = counted(&known);
    let missing = missing_primary(&known, &unread);
    if missing.is_none() {
        evidence.figures = figures(&counted);
    }
    evidence.unavailable = reasons(&known);
    if let Some(missing) = missing {
        evidence.unavailable.insert("info".to_owned(), missing);
    }
    add_tables(&mut evidence, &known, &counted);
    let rows = known
        .iter()
        .filter_map(|node| node.evidence.rows(nodes::TABLE));
    let mut rows: Vec<EvidenceRow> = rows.flatten().cloned().chain(unread).collect();
    if counted.len() > 1 {
        add_shares(&mut evidence, &mut rows);
    }
    let calls = |row: &EvidenceRow| row.value(nodes::CALLS).unwrap_or(-1.0);
    rows.sort_by(|a, b| calls(b).total_cmp(&calls(a)));
    evidence.table(nodes::TABLE, rows);
    evidence
}

/// Names the node in its own row; a node that was not read gets a row with the reason.
fn named(name: NodeName, node: NodeEvidence) -> ReadNode {
    let mut evidence = node.evidence;
    let row = evidence.rows(nodes::TABLE).and_then(<[_]>::first).cloned();
    let was_primary = evidence.value(names::redis::ROLE_CHANGED) == Some(1.0);
    let (row, counts) = if let Some(mut row) = row {
        let counts = was_primary || row.label(nodes::ROLE) == Some(PRIMARY);
        row.labels
            .insert(nodes::NODE.to_string(), name.address.clone());
        (row, counts)
    } else {
        let reason = evidence.unavailable.get("info");
        let reason = reason.map_or("its statistics were not read", String::as_str);
        let row = unread_row(&name, reason);
        (row, !name.is_replica)
    };
    evidence.table(nodes::TABLE, vec![row]);
    ReadNode {
        name,
        evidence,
        counts,
    }
}

fn unread_row(name: &NodeName, reason: &str) -> EvidenceRow {
    let labels = [
        (nodes::NODE, name.address.clone()),
        (nodes::ROLE, name.role().to_owned()),
        (nodes::REASON, reason.to_owned()),
    ];
    EvidenceRow::new(labels, [])
}

/// Returns a row for each node of the cluster, by its last view, that nobody read.
fn unread(known: &[ReadNode], view: &[ClusterNode]) -> Vec<EvidenceRow> {
    let is_known = |node: &ClusterNode| {
        let mut names = known.iter().map(|node| &node.name);
        names.any(|name| name.id.as_ref() == Some(&node.id))
    };
    let nodes = view.iter().filter(|node| !node.is_asked && !is_known(node));
    nodes
        .map(|node| unread_row(&NodeName::of(node), "it joined after the start"))
        .collect()
}

/// Returns the evidence of the nodes whose figures count in sums; that of all if none of them does.
fn counted(known: &[ReadNode]) -> Vec<&ServerEvidence> {
    let primaries = known.iter().filter(|node| node.counts);
    let primaries: Vec<&ServerEvidence> = primaries.map(|node| &node.evidence).collect();
    if primaries.is_empty() {
        return known.iter().map(|node| &node.evidence).collect();
    }
    primaries
}

/// Returns a primary that was not read, with the reason; `None` if all were.
fn missing_primary(known: &[ReadNode], unread: &[EvidenceRow]) -> Option<String> {
    let mut failed = known.iter().filter(|node| node.counts);
    let failed = failed.find_map(|node| {
        let reason = node.evidence.unavailable.get("info")?;
        Some(format!("{}: {reason}", node.name.address))
    });
    failed.or_else(|| {
        let mut primaries = unread.iter();
        let row = primaries.find(|row| row.label(nodes::ROLE) == Some(PRIMARY))?;
        let (node, reason) = (row.label(nodes::NODE)?, row.label(nodes::REASON)?);
        Some(format!("{node}: {reason}"))
    })
}

/// Returns what could not be read, with the reason: that of all nodes, or the first with its node.
fn reasons(known: &[ReadNode]) -> BTreeMap<String, String> {
    let mut reasons: BTreeMap<String, String> = BTreeMap::new();
    for node in known {
        for (what, reason) in &node.evidence.unavailable {
            let of_all = known
                .iter()
                .all(|node| node.evidence.unavailable.get(what) == Some(reason));
            let told = || {
                if of_all {
                    reason.clone()
                } else {
                    format!("{}: {reason}", node.name.address)
                }
            };
            // A replica that was not read is told by its row.
            if node.counts || what != "info" {
                reasons.entry(what.clone()).or_insert_with(told);
            }
        }
    }
    reasons
}

fn add_tables(evidence: &mut ServerEvidence, known: &[ReadNode], counted: &[&ServerEvidence]) {
    let all: Vec<&ServerEvidence> = known.iter().map(|node| &node.evidence).collect();
    let rows = |from: &[&ServerEvidence], table: TableName| -> Vec<EvidenceRow> {
        let rows = from.iter().filter_map(|node| node.rows(table));
        rows.flatten().cloned().collect()
    };
    let mut add = |table: TableName, rows: Vec<EvidenceRow>| {
        if !rows.is_empty() {
            evidence.table(table, rows);
        }
    };
    for table in [clients::TABLE, saving::TABLE, key_hints::TABLE] {
        add(table, rows(&all, table));
    }
    let groups: [(TableName, &[ColumnName], Option<ColumnName>); 4] = [
        (
            slow_calls::TABLE,
            &[slow_calls::LONGEST_US, slow_calls::ARGUMENTS_MAX],
            Some(slow_calls::LONGEST_US),
        ),
        (
            latency_events::TABLE,
            &[latency_events::LONGEST_US],
            Some(latency_events::LONGEST_US),
        ),
        (
            call_percentiles::TABLE,
            &[
                call_percentiles::P50_US,
                call_percentiles::P99_US,
                call_percentiles::P999_US,
            ],
            None,
        ),
        // A setting that differs between nodes has a row for each value.
        (settings::TABLE, &[], None),
    ];
    for (table, largest, by) in groups {
        add(table, grouped(rows(&all, table).iter(), largest, by));
    }
    let is_counted = |node: &&ServerEvidence| {
        !COUNTERS
            .iter()
            .any(|part| node.unavailable.contains_key(*part))
    };
    if counted.iter().all(is_counted) {
        let rows = rows(counted, commands::TABLE);
        let largest = [commands::LONGEST_US];
        add(
            commands::TABLE,
            grouped(rows.iter(), &largest, Some(commands::USEC)),
        );
    }
}

/// Adds to the rows of primaries their shares of all commands, and to `evidence` the largest one. Adds
/// nothing if the commands of one of them are not known.
fn add_shares(evidence: &mut ServerEvidence, rows: &mut [EvidenceRow]) {
    let is_primary = |row: &&mut EvidenceRow| row.label(nodes::ROLE) == Some(PRIMARY);
    let primaries: Vec<&mut EvidenceRow> = rows.iter_mut().filter(is_primary).collect();
    let calls = primaries.iter().map(|row| row.value(nodes::CALLS));
    let Some(all) = calls.sum::<Option<f64>>().filter(|all| *all > 0.0) else {
        return;
    };
    let mut most = 0.0_f64;
    for row in primaries {
        let share = row.value(nodes::CALLS).unwrap_or(0.0) / all;
        most = most.max(share);
        row.figures.insert(nodes::CALLS_RATIO.to_string(), share);
    }
    evidence.figure(names::redis::BUSIEST_NODE_CALLS_RATIO, most);
}

#[cfg(test)]
mod tests;
