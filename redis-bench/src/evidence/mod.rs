//! Evidence about the Redis server in a step: answers to `INFO` and other commands, read before,
//! during and after the step; on a cluster from each of its nodes. Nothing on the server is reset or
//! set.

mod call_percentiles;
mod client_list;
mod cluster_evidence;
mod command_scope;
mod commands;
mod counter_resets;
mod counters;
mod disturbance;
mod figure_sums;
mod histogram;
mod interval;
mod key_hints;
mod key_scope;
mod latency_events;
mod link_speed;
mod node_row;
mod node_sampler;
mod own_account;
mod polls;
mod process;
mod reading;
mod round_trips;
mod settings;
mod slow_log;
mod slow_script;
mod thread_time;

use std::time::{Duration, Instant};

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;

use self::cluster_evidence::{NodeName, merged};
pub(crate) use self::command_scope::CommandScope;
pub(crate) use self::disturbance::{MEMORY_LIMIT, disturbances};
pub(crate) use self::interval::{FAILED_OVER, RESTARTED};
pub(crate) use self::key_scope::KeyScope;
pub(crate) use self::link_speed::LINK;
pub(crate) use self::node_sampler::SamplerScope;
use self::node_sampler::{NodeEvidence, NodeSampler};
pub(crate) use self::own_account::{LoadShape, surplus_doubt};
pub(crate) use self::round_trips::checks_per_request;
pub(crate) use self::thread_time::ThreadTime;
use crate::server::address::RedisAddress;
use crate::server::cluster_nodes::ClusterNode;

/// Reader of evidence about a server, or about all nodes of a cluster, one step after another.
#[derive(Debug)]
pub(crate) struct ServerSampler {
    /// At least one.
    nodes: Vec<(NodeName, NodeSampler)>,
}

impl ServerSampler {
    /// Starts a thread for the server at `remote`, and one for each other of `nodes`, the nodes of its
    /// cluster; they connect at once. `scope` tells what is read. The threads end after this
    /// value is dropped.
    ///
    /// # Errors
    /// Fails if the operating system starts no thread.
    pub(crate) fn start(
        remote: &RedisAddress,
        nodes: &[ClusterNode],
        scope: &SamplerScope,
    ) -> std::io::Result<Self> {
        let asked = nodes.iter().find(|node| node.is_asked);
        let first = NodeName::of_asked(asked, remote);
        let mut read = vec![(first, NodeSampler::start(remote.clone(), scope.clone())?)];
        let others = nodes.iter().filter(|node| !node.is_asked);
        for node in others.filter(|node| node.has_address()) {
            let sampler = NodeSampler::start(remote.at_node(&node.host, node.port), scope.clone())?;
            read.push((NodeName::of(node), sampler));
        }
        Ok(Self { nodes: read })
    }

    /// Returns what the counters, gauges and polls tell about the time since the last call in the
    /// same step, or since it began. Waits for at most `bound`; if a server does not answer in time,
    /// the evidence states that instead, and the next call returns the late answer.
    pub(crate) fn recent_activity(&mut self, bound: Duration) -> ServerEvidence {
        for (_, sampler) in &mut self.nodes {
            sampler.ask_recent();
        }
        let deadline = Instant::now() + bound;
        let answers = self.nodes.iter_mut().map(|(name, sampler)| {
            let answer = NodeEvidence::from(sampler.recent_answer(deadline));
            (name.clone(), answer)
        });
        merged(answers.collect())
    }

    /// Waits for the evidence of the last step, for at most `bound`. `None` if no step was measured
    /// since the last call. If a server does not answer in time, the evidence states that instead.
    pub(crate) fn collect(&mut self, bound: Duration) -> Option<ServerEvidence> {
        let deadline = Instant::now() + bound;
        let nodes = self.nodes.iter_mut();
        let read =
            nodes.filter_map(|(name, sampler)| Some((name.clone(), sampler.collect(deadline)?)));
        let read: Vec<(NodeName, NodeEvidence)> = read.collect();
        (!read.is_empty()).then(|| merged(read))
    }
}

impl EvidenceSource for ServerSampler {
    fn measure_begins(&mut self) {
        for (_, sampler) in &mut self.nodes {
            sampler.begin();
        }
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        for (_, sampler) in &mut self.nodes {
            sampler.end();
        }
        // The evidence is collected after the drain, when there is time to wait for it.
        None
    }
}
