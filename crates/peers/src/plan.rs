//! Table of all contests: programs, loads, and expected ratios.

use std::sync::LazyLock;

use crate::contest::Compared;
use crate::redis::{RedisLoad, RedisPeer};
use crate::sampling::{self, PeerSampler, SampleScope};
use crate::websocket::WebSocketPeer;

/// Plan of one contest: its programs, its load, and the expected ratio.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContestPlan {
    /// Name of the contest, as given to `--only`.
    pub(crate) name: String,
    /// Name of this project's program, as shown in the results.
    pub(crate) ours: &'static str,
    /// Name of the peer program, as shown in the results.
    pub(crate) peer: &'static str,
    /// Figure of a run by which the sides are compared.
    pub(crate) compared: Compared,
    /// Expected ratio ours ÷ the peer's: the smallest of throughputs, or the largest of CPU times;
    /// `None` if the ratio is only shown.
    pub(crate) expected_ratio: Option<f64>,
    /// Largest CPU time in nanoseconds that one of our operations may take; `None` if there is no
    /// bound.
    pub(crate) most_cpu_ns: Option<f64>,
    /// Operations that both sides perform, with their settings.
    pub(crate) load: ContestLoad,
}

/// Load of a contest, the same for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContestLoad {
    /// Prepared point selects by users who each have a connection of their own; the peer is
    /// pgbench.
    PointSelect {
        /// Name of our bench's driver, as given to `--driver`.
        driver: &'static str,
        /// Number of users of our bench and of clients of pgbench, each with one connection.
        users: u32,
    },
    /// Prepared point selects through a pool with as many connections as users; the peer is the
    /// minimal loop on the same pool.
    Pooled {
        /// Name of our bench's driver, as given to `--driver`.
        driver: &'static str,
        /// Number of users, and of the pool's connections.
        users: u32,
    },
    /// Requests of one command to Redis.
    Redis {
        /// Program with which `redis-bench` is compared.
        peer: RedisPeer,
        /// Requests of both sides.
        load: RedisLoad,
    },
    /// Echoes of short messages, each connection with one message under way.
    WebSocket {
        /// Program with which `ws-bench throughput` is compared.
        peer: WebSocketPeer,
        /// Number of connections of both sides.
        connections: u32,
    },
    /// Samples of the machine's metrics; the peer is another program that takes them.
    Sample {
        /// Metrics that each sample reads.
        scope: SampleScope,
        /// Program with which our sampler is compared.
        peer: PeerSampler,
    },
}

/// Ways to connect of `redis-bench`, as given to `--client`.
const REDIS_CLIENTS: [&str; 5] = ["pooled", SHARED, "managed", "plain", "per-request"];
/// Way to connect that other programs for Redis are measured beside.
const SHARED: &str = "multiplexed";

/// All contests, in the order in which they run.
pub(crate) static CONTESTS: LazyLock<Vec<ContestPlan>> = LazyLock::new(|| {
    let users = [2, 8, 32];
    let mut contests = Vec::new();
    contests.extend(users.map(|users| beside_pgbench("wire", users, 0.97)));
    contests.extend(users.map(|users| beside_pgbench("direct", users, 0.9)));
    contests.extend(users.map(|users| beside_minimal_pool("deadpool", users)));
    contests.extend(users.map(|users| beside_minimal_pool("sqlx", users)));
    for client in REDIS_CLIENTS {
        contests.extend(on_redis(client, RedisPeer::Minimal, client));
    }
    contests.extend(on_redis("benchmark", RedisPeer::Benchmark, SHARED));
    contests.extend(on_redis("memtier", RedisPeer::Memtier, SHARED));
    for (group, peer) in [
        ("echo-minimal", WebSocketPeer::Minimal),
        ("echo-uws", WebSocketPeer::LoadTest),
    ] {
        contests.extend([100, 1_000].map(|connections| echo(group, peer, connections)));
    }
    contests.extend(
        [
            ("host-psutil", SampleScope::Host, PeerSampler::Psutil),
            ("host-sysinfo", SampleScope::Host, PeerSampler::Sysinfo),
            ("500-pidstat", SampleScope::Processes, PeerSampler::Pidstat),
            ("500-psutil", SampleScope::Processes, PeerSampler::Psutil),
            ("500-sysinfo", SampleScope::Processes, PeerSampler::Sysinfo),
            (
                "500-full-pidstat",
                SampleScope::Everything,
                PeerSampler::Pidstat,
            ),
            (
                "500-full-psutil",
                SampleScope::Everything,
                PeerSampler::Psutil,
            ),
            (
                "500-full-sysinfo",
                SampleScope::Everything,
                PeerSampler::Sysinfo,
            ),
            ("500-raw", SampleScope::Processes, PeerSampler::WithoutRaw),
        ]
        .map(|(name, scope, peer)| sample(name, scope, peer)),
    );
    contests
});

/// Returns the contests that `name` stands for: the one with this name, those whose names begin
/// with it and a hyphen, or those of this project's program with this name. Empty if there are none.
pub(crate) fn named(name: &str) -> impl Iterator<Item = &'static ContestPlan> {
    let of_group = format!("{name}-");
    let (name, group) = (name.to_owned(), of_group);
    CONTESTS
        .iter()
        .filter(move |plan| plan.name == name || plan.name.starts_with(&group) || plan.ours == name)
}

/// Returns the contests of `redis-bench` against `peer` at the corners of the loads. Their names
/// begin with `group`.
fn on_redis(
    group: &'static str,
    peer: RedisPeer,
    client: &'static str,
) -> impl Iterator<Item = ContestPlan> {
    RedisLoad::corners(client).map(move |load| ContestPlan {
        name: format!("{group}-{}", load.name()),
        ours: "redis-bench",
        peer: peer.name(),
        compared: Compared::Throughput,
        expected_ratio: load.expected_ratio(peer),
        most_cpu_ns: None,
        load: ContestLoad::Redis { peer, load },
    })
}

fn echo(group: &str, peer: WebSocketPeer, connections: u32) -> ContestPlan {
    ContestPlan {
        name: format!("{group}-{connections}"),
        ours: "ws-bench",
        peer: peer.name(),
        compared: Compared::Throughput,
        expected_ratio: Some(peer.expected_ratio(connections)),
        most_cpu_ns: None,
        load: ContestLoad::WebSocket { peer, connections },
    }
}

fn sample(name: &str, scope: SampleScope, peer: PeerSampler) -> ContestPlan {
    let tenth_of_pidstat = matches!(
        (scope, peer),
        (SampleScope::Processes, PeerSampler::Pidstat)
    );
    ContestPlan {
        name: format!("sample-{name}"),
        ours: sampling::OURS,
        peer: peer.name(),
        compared: Compared::CpuTime,
        expected_ratio: if tenth_of_pidstat { Some(0.1) } else { None },
        most_cpu_ns: match peer {
            PeerSampler::WithoutRaw => None,
            PeerSampler::Pidstat | PeerSampler::Psutil | PeerSampler::Sysinfo => {
                Some(scope.most_cpu_ns())
            }
        },
        load: ContestLoad::Sample { scope, peer },
    }
}

fn beside_pgbench(driver: &'static str, users: u32, expected_ratio: f64) -> ContestPlan {
    ContestPlan {
        name: format!("{driver}-{users}"),
        ours: "db-pool-bench",
        peer: "pgbench",
        compared: Compared::Throughput,
        expected_ratio: Some(expected_ratio),
        most_cpu_ns: None,
        load: ContestLoad::PointSelect { driver, users },
    }
}

fn beside_minimal_pool(driver: &'static str, users: u32) -> ContestPlan {
    ContestPlan {
        name: format!("{driver}-{users}"),
        ours: "db-pool-bench",
        peer: "minimal loop",
        compared: Compared::Throughput,
        expected_ratio: Some(0.97),
        most_cpu_ns: None,
        load: ContestLoad::Pooled { driver, users },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_stands_for_one_contest_for_its_group_or_for_those_of_a_program() {
        let count = |name: &str| named(name).count();
        assert_eq!(count("direct-8"), 1);
        assert_eq!(count("direct"), 3);
        assert_eq!(count("multiplexed"), 10);
        assert_eq!(count("sample-500-full"), 3);
        assert_eq!(count("redis-bench"), 70);
        assert_eq!(count("ws-bench"), 4);
        assert_eq!(count("echo-uws"), 2);
        assert_eq!(count("mysql"), 0);
        assert_eq!(count("dir"), 0, "half a word is no name");
    }

    #[test]
    fn no_two_contests_have_the_same_name_and_each_fits_its_table() {
        let names: BTreeSet<&str> = CONTESTS.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names.len(), CONTESTS.len());
        assert!(names.iter().all(|name| name.len() <= 24), "{names:?}");
        let in_throughput = CONTESTS
            .iter()
            .filter(|plan| plan.compared == Compared::Throughput);
        assert!(in_throughput.clone().all(|plan| plan.name.len() <= 20));
    }
}
