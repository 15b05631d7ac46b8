//! Row of a cluster's node in the table of nodes, from the node's own evidence.

use bench_report::names::redis::nodes;
use bench_report::names::{self, FigureName};
use bench_report::{EvidenceRow, ServerEvidence};

use super::thread_time::ThreadTime;
use crate::server::info::Info;

/// Role of a node that takes writes.
pub(super) const PRIMARY: &str = "primary";
/// Role of a node that repeats the writes of another.
pub(super) const REPLICA: &str = "replica";

/// Returns true if the server that gave this answer is a node of a cluster.
pub(super) fn is_cluster_node(info: &Info) -> bool {
    info.number("cluster_enabled") == Some(1.0)
}

/// Returns true if the server that gave this answer follows another.
pub(super) fn is_replica(info: &Info) -> bool {
    matches!(info.text("role"), Some("slave" | "replica"))
}

/// Adds to the evidence of a cluster's node the table of nodes with its own row, which has no name
/// yet. `info` is its last answer, `polls` the number of `INFO` calls of this program in between, and
/// `slots` the number of slots that it holds, if known. Other servers get no row.
pub(super) fn add(evidence: &mut ServerEvidence, info: &Info, polls: u64, slots: Option<u32>) {
    if !is_cluster_node(info) {
        return;
    }
    let role = if is_replica(info) { REPLICA } else { PRIMARY };
    let figure = |name: FigureName| evidence.value(name);
    let told = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let calls = figure(names::redis::COMMANDS_PROCESSED).map(|all| (all - polls as f64).max(0.0));
    let seconds = figure(names::redis::INTERVAL_S);
    let rate = calls.zip(seconds).map(|(calls, seconds)| calls / seconds);
    let busy = ThreadTime::of(evidence).filter(|time| !time.is_lower_bound);
    let row = EvidenceRow::new(
        [(nodes::ROLE, role.to_owned())],
        [
            (nodes::INTERVAL_S, told(seconds)),
            (nodes::SLOTS, told(slots.map(f64::from))),
            (nodes::CALLS, told(calls)),
            (nodes::CALLS_PER_S, told(rate)),
            (nodes::BUSY_RATIO, told(busy.map(|time| time.busy))),
            (
                nodes::NET_INPUT_BYTES,
                told(figure(names::redis::NET_INPUT_BYTES)),
            ),
            (
                nodes::NET_OUTPUT_BYTES,
                told(figure(names::redis::NET_OUTPUT_BYTES)),
            ),
            (
                nodes::USED_MEMORY_BYTES,
                told(figure(names::redis::USED_MEMORY_BYTES)),
            ),
            (nodes::KEYS, told(figure(names::redis::KEYS))),
        ],
    );
    evidence.table(nodes::TABLE, vec![row]);
}
