//! Table of all contests: programs, loads, and expected ratios.

use crate::contest::Compared;
use crate::sampling::{self, PeerSampler, SampleScope};

/// Plan of one contest: its programs, its load, and the expected ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ContestPlan {
    /// Name of the contest, as given to `--only`.
    pub(crate) name: &'static str,
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
    /// Redis SETs of three bytes over one shared connection; the peer is the minimal loop on the
    /// same client library.
    MinimalSet,
    /// Redis SETs of three bytes; the peer is Redis' own `redis-benchmark`.
    BenchmarkSet,
    /// Samples of the machine's metrics; the peer is another program that takes them.
    Sample {
        /// Metrics that each sample reads.
        scope: SampleScope,
        /// Program with which our sampler is compared.
        peer: PeerSampler,
    },
}

/// All contests, in the order in which they run.
pub(crate) const CONTESTS: [ContestPlan; 23] = [
    beside_pgbench("wire-2", "wire", 2, 0.97),
    beside_pgbench("wire-8", "wire", 8, 0.97),
    beside_pgbench("wire-32", "wire", 32, 0.97),
    beside_pgbench("direct-2", "direct", 2, 0.9),
    beside_pgbench("direct-8", "direct", 8, 0.9),
    beside_pgbench("direct-32", "direct", 32, 0.9),
    beside_minimal_pool("deadpool-2", "deadpool", 2),
    beside_minimal_pool("deadpool-8", "deadpool", 8),
    beside_minimal_pool("deadpool-32", "deadpool", 32),
    beside_minimal_pool("sqlx-2", "sqlx", 2),
    beside_minimal_pool("sqlx-8", "sqlx", 8),
    beside_minimal_pool("sqlx-32", "sqlx", 32),
    ContestPlan {
        name: "redis-multiplexed",
        ours: "redis-bench",
        peer: "minimal loop",
        compared: Compared::Throughput,
        expected_ratio: Some(0.97),
        most_cpu_ns: None,
        load: ContestLoad::MinimalSet,
    },
    ContestPlan {
        name: "redis-benchmark",
        ours: "redis-bench",
        peer: "redis-benchmark",
        compared: Compared::Throughput,
        expected_ratio: None,
        most_cpu_ns: None,
        load: ContestLoad::BenchmarkSet,
    },
    sample("sample-host-psutil", SampleScope::Host, PeerSampler::Psutil),
    sample(
        "sample-host-sysinfo",
        SampleScope::Host,
        PeerSampler::Sysinfo,
    ),
    sample(
        "sample-500-pidstat",
        SampleScope::Processes,
        PeerSampler::Pidstat,
    ),
    sample(
        "sample-500-psutil",
        SampleScope::Processes,
        PeerSampler::Psutil,
    ),
    sample(
        "sample-500-sysinfo",
        SampleScope::Processes,
        PeerSampler::Sysinfo,
    ),
    sample(
        "sample-500-full-pidstat",
        SampleScope::Everything,
        PeerSampler::Pidstat,
    ),
    sample(
        "sample-500-full-psutil",
        SampleScope::Everything,
        PeerSampler::Psutil,
    ),
    sample(
        "sample-500-full-sysinfo",
        SampleScope::Everything,
        PeerSampler::Sysinfo,
    ),
    sample(
        "sample-500-raw",
        SampleScope::Processes,
        PeerSampler::WithoutRaw,
    ),
];

const fn sample(name: &'static str, scope: SampleScope, peer: PeerSampler) -> ContestPlan {
    let tenth_of_pidstat = matches!(
        (scope, peer),
        (SampleScope::Processes, PeerSampler::Pidstat)
    );
    ContestPlan {
        name,
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

const fn beside_pgbench(
    name: &'static str,
    driver: &'static str,
    users: u32,
    expected_ratio: f64,
) -> ContestPlan {
    ContestPlan {
        name,
        ours: "db-pool-bench",
        peer: "pgbench",
        compared: Compared::Throughput,
        expected_ratio: Some(expected_ratio),
        most_cpu_ns: None,
        load: ContestLoad::PointSelect { driver, users },
    }
}

const fn beside_minimal_pool(name: &'static str, driver: &'static str, users: u32) -> ContestPlan {
    ContestPlan {
        name,
        ours: "db-pool-bench",
        peer: "minimal loop",
        compared: Compared::Throughput,
        expected_ratio: Some(0.97),
        most_cpu_ns: None,
        load: ContestLoad::Pooled { driver, users },
    }
}
