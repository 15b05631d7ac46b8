//! Rule `redis_hot_key`: a node of a cluster that gets more than its share of the commands, as by a hot key.
//!
//! Fires if the busiest of three or more primaries executed half as much again as an even share; a problem if its
//! thread is 70 % busy, else information, because a node with room costs nothing yet. Reads the tables `nodes` and
//! `key_hints`. The impact is the capacity that the cluster has beyond that node: 1 − even share ÷ its share.

use bench_report::EvidenceRow;
use bench_report::names::redis::nodes;

use crate::assessment::{Confidence, EvidenceItem, FindingKind, ImpactOf, Rule};
use crate::bench_facts::BenchFacts;
use crate::conclusions::Conclusions;
use crate::figures::{counted, percent, share};
use crate::redis::{RedisEvidence, SampledKey};

const RULE: Rule = Rule::RedisHotKey;
/// Smallest number of primaries that are compared.
const LEAST_NODES: f64 = 3.0;
/// Smallest share of the busiest node ÷ an even share.
const UNEVEN: f64 = 1.5;
/// Smallest busy share of the node's thread, from 0 to 1, at which it is a problem.
const BUSY: f64 = 0.70;

pub(super) fn check(bench: &BenchFacts<'_>, server: &RedisEvidence<'_>, out: &mut Conclusions) {
    let ratio = |row: &EvidenceRow| row.value(nodes::CALLS_RATIO);
    let is_primary = |(_, row): &(usize, &EvidenceRow)| row.label(nodes::ROLE) == Some("primary");
    let primaries: Vec<(usize, &EvidenceRow)> = server.rows("nodes").filter(is_primary).collect();
    let count = primaries.len() as f64;
    if count < LEAST_NODES {
        return;
    }
    let shares = primaries
        .iter()
        .filter_map(|(place, row)| Some((*place, *row, ratio(row)?)));
    let Some((place, row, taken)) = shares.max_by(|a, b| a.2.total_cmp(&b.2)) else {
        return out.cannot_judge(
            RULE,
            bench.component,
            "whether one node of the cluster gets most of the commands: not all of them were read",
            "a user that may run INFO on each node",
        );
    };
    let node = row.label(nodes::NODE).unwrap_or("a node");
    let busy = row.value(nodes::BUSY_RATIO);
    let of_node = |label: &str, column: &str| {
        server.row_evidence(format!("{label} of {node}"), ("nodes", place), column)
    };
    let evidence = [
        of_node("share of the commands", nodes::CALLS_RATIO.as_str()),
        of_node("busy time", nodes::BUSY_RATIO.as_str()),
    ];
    let evidence: Vec<EvidenceItem> = evidence.into_iter().flatten().collect();
    let told = format!(
        "{node} executed {} of the commands of {}",
        percent(taken),
        counted(count, "node")
    );
    if taken * count < UNEVEN {
        return out.rule_out(RULE, bench.component, told, evidence);
    }
    let kind = if busy.is_some_and(|busy| busy >= BUSY) {
        FindingKind::Problem
    } else {
        FindingKind::Information
    };
    let use_of = busy.map_or_else(
        || "How busy its thread was is not known.".to_owned(),
        |busy| format!("Its thread was busy for {} of the time.", share(busy)),
    );
    let key = server.most_used_key();
    let named = named(key.as_ref());
    out.add_finding(
        bench
            .finding(RULE, kind)
            .thing(node)
            .says(
                format!("A node of the cluster gets most of the work: {told}"),
                format!(
                    "{use_of} When it is full, the cluster is, whatever room the other nodes have.{named}"
                ),
            )
            .impact(1.0 - 1.0 / (taken * count), ImpactOf::Capacity)
            .confidence(Confidence::Medium)
            .evidence(evidence)
            .evidence(key.into_iter().flat_map(|key| key.evidence))
            .advice(
                &[
                    "find the key (redis-cli --hotkeys with an LFU policy, HOTKEYS from 8.6 on) and keep it in the client, or read it from replicas",
                    "split it into several keys, or give keys with a common hash tag different ones",
                ],
                "the room of the other nodes",
                "all commands of a key go to the node that has its slot",
            ),
    );
}

/// Returns a sentence about the most used key, with a space at its begin.
fn named(key: Option<&SampledKey>) -> String {
    let unknown = || " Which key it is, the server does not tell.".to_owned();
    key.map_or_else(unknown, SampledKey::sentence)
}
