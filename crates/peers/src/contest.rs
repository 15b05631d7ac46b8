//! What is measured beside what, and what must come out.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_report::{Operation, StepEnd, StoreError, store};
use serde::{Deserialize, Serialize};
use testbed::TestbedError;

use crate::child::{ChildError, Runner};
use crate::sampling::{self, Reach, Sampler};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Our bench.
    Ours,
    /// What it is measured beside.
    Peer,
}

/// What one run of one side gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// Operations that succeeded, per second.
    pub operations_per_s: f64,
    /// CPU time of the generator per operation; the two sides cover different parts, see
    /// [`CPU_COVERS`].
    pub cpu_per_operation_ns: f64,
}

/// What the CPU times of load generators cover: ours comes from the bench's report, the peers' from
/// the system.
pub const CPU_COVERS: &str = "ours in its measured part, the peer's in its whole run";

/// Which figure of the two sides is held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// Operations per second: more is better.
    #[default]
    Throughput,
    /// CPU time per operation: less is better.
    CpuTime,
}

impl Compared {
    /// That figure of one run.
    pub fn of(self, shot: &Shot) -> f64 {
        match self {
            Self::Throughput => shot.operations_per_s,
            Self::CpuTime => shot.cpu_per_operation_ns,
        }
    }

    /// Whether `figure`, or a ratio of figures, is as good as `bound` or better.
    pub fn keeps_to(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::Throughput => figure >= bound,
            Self::CpuTime => figure <= bound,
        }
    }
}

/// Two programs on one server, each of which can be run at any time.
pub trait Contest {
    /// Runs one side once.
    ///
    /// # Errors
    /// When it gave no figure.
    fn shoot(&mut self, side: Side) -> Result<Shot, ContestError>;
}

/// Why a contest gave no ratio.
#[derive(Debug, thiserror::Error)]
pub enum ContestError {
    /// The peer is not installed: the contest is left out.
    #[error("{peer} was not found in {searched}; {remedy}")]
    NoPeer {
        /// The peer's name.
        peer: &'static str,
        /// Where it was looked for.
        searched: &'static str,
        /// What to install.
        remedy: &'static str,
    },
    /// A program of ours is not where it is built.
    #[error("{program} was not found in {directory}; build it with: make bench")]
    NotBuilt {
        /// The program.
        program: &'static str,
        /// Where it was looked for.
        directory: String,
    },
    /// A program did not run to its end.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The processes to look at could not be started.
    #[error("cannot start idle processes: {0}; raise the limit that `ulimit -u` shows")]
    Idle(io::Error),
    /// The throwaway server is missing or did not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// Our bench left no report that can be read.
    #[error(transparent)]
    Report(#[from] StoreError),
    /// A program ran to its end and said nothing that gives a rate.
    #[error("cannot tell what {program} measured: {reason}")]
    Unreadable {
        /// The program.
        program: &'static str,
        /// What is wrong with what it said.
        reason: String,
    },
}

impl ContestError {
    /// An adapter for `map_err`: names the program whose output is at fault.
    pub(crate) fn unreadable(program: &'static str) -> impl FnOnce(String) -> Self {
        move |reason| Self::Unreadable { program, reason }
    }
}

/// One line of the table: who takes part, and what is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Card {
    /// As `--only` takes it.
    pub name: &'static str,
    /// The bench.
    pub ours: &'static str,
    /// What it is measured beside.
    pub peer: &'static str,
    /// What the ratio is of.
    pub compared: Compared,
    /// The least ratio of operations per second, or the greatest of CPU times, ours ÷ the peer's;
    /// absent where the ratio is only shown.
    pub expected_ratio: Option<f64>,
    /// The most CPU time that one of our operations may take; absent where there is no bound.
    pub most_cpu_ns: Option<f64>,
    /// The load.
    pub load: Load,
}

/// The load of a contest, the same on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Prepared point selects by so many users, each with a connection, beside pgbench.
    PointSelect {
        /// As `--driver` takes it.
        driver: &'static str,
        /// Users, connections and clients.
        users: u32,
    },
    /// The same through a pool of so many connections, beside the smallest loop on the same pool.
    Pooled {
        /// As `--driver` takes it.
        driver: &'static str,
        /// Users, and connections.
        users: u32,
    },
    /// SETs of three bytes, beside the smallest loop on the same crate.
    MinimalSet,
    /// SETs of three bytes, beside Redis' own benchmark.
    BenchmarkSet,
    /// Samples of the machine, beside another program that takes them.
    Sample {
        /// How much each sample reads.
        reach: Reach,
        /// Beside what.
        peer: Sampler,
    },
}

/// All contests, in the order in which they run.
pub const CARDS: [Card; 23] = [
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
    Card {
        name: "redis-multiplexed",
        ours: "redis-bench",
        peer: "minimal loop",
        compared: Compared::Throughput,
        expected_ratio: Some(0.97),
        most_cpu_ns: None,
        load: Load::MinimalSet,
    },
    Card {
        name: "redis-benchmark",
        ours: "redis-bench",
        peer: "redis-benchmark",
        compared: Compared::Throughput,
        expected_ratio: None,
        most_cpu_ns: None,
        load: Load::BenchmarkSet,
    },
    sample("sample-host-psutil", Reach::Host, Sampler::Psutil),
    sample("sample-host-sysinfo", Reach::Host, Sampler::Sysinfo),
    sample("sample-500-pidstat", Reach::Processes, Sampler::Pidstat),
    sample("sample-500-psutil", Reach::Processes, Sampler::Psutil),
    sample("sample-500-sysinfo", Reach::Processes, Sampler::Sysinfo),
    sample(
        "sample-500-full-pidstat",
        Reach::Everything,
        Sampler::Pidstat,
    ),
    sample("sample-500-full-psutil", Reach::Everything, Sampler::Psutil),
    sample(
        "sample-500-full-sysinfo",
        Reach::Everything,
        Sampler::Sysinfo,
    ),
    sample("sample-500-raw", Reach::Processes, Sampler::WithoutRaw),
];

const fn sample(name: &'static str, reach: Reach, peer: Sampler) -> Card {
    let tenth_of_pidstat = matches!((reach, peer), (Reach::Processes, Sampler::Pidstat));
    Card {
        name,
        ours: sampling::OURS,
        peer: peer.name(),
        compared: Compared::CpuTime,
        expected_ratio: if tenth_of_pidstat { Some(0.1) } else { None },
        most_cpu_ns: match peer {
            Sampler::WithoutRaw => None,
            Sampler::Pidstat | Sampler::Psutil | Sampler::Sysinfo => Some(reach.most_cpu_ns()),
        },
        load: Load::Sample { reach, peer },
    }
}

const fn beside_pgbench(
    name: &'static str,
    driver: &'static str,
    users: u32,
    expected_ratio: f64,
) -> Card {
    Card {
        name,
        ours: "db-pool-bench",
        peer: "pgbench",
        compared: Compared::Throughput,
        expected_ratio: Some(expected_ratio),
        most_cpu_ns: None,
        load: Load::PointSelect { driver, users },
    }
}

const fn beside_minimal_pool(name: &'static str, driver: &'static str, users: u32) -> Card {
    Card {
        name,
        ours: "db-pool-bench",
        peer: "minimal loop",
        compared: Compared::Throughput,
        expected_ratio: Some(0.97),
        most_cpu_ns: None,
        load: Load::Pooled { driver, users },
    }
}

/// What all contests share: who runs the programs, where ours are, and for how long.
#[derive(Debug)]
pub struct Lab {
    /// Runs the programs.
    pub runner: Runner,
    /// How long each run measures.
    pub seconds: u64,
}

impl Lab {
    /// How long a run may take, with all that surrounds its measured part.
    pub(crate) fn bound(&self) -> Duration {
        Duration::from_secs(self.seconds * 2 + 30)
    }

    /// Where one of our benches is to put its report; what an earlier run left there is removed.
    ///
    /// # Errors
    /// When that stays: it could be taken for a new one.
    pub(crate) fn place_for_report(&self) -> Result<PathBuf, ContestError> {
        let path = self.runner.file("report.json");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Write { path, source }.into())
            }
            _ => Ok(path),
        }
    }

    /// What each of our benches is told: one short step, its report to `report`.
    pub(crate) fn bench_args(&self, report: &Path) -> Vec<OsString> {
        let duration = format!("{}s", self.seconds);
        let mut args: Vec<OsString> = ["--repeats", "1", "--warmup", "500ms", "--duration"]
            .map(OsString::from)
            .into();
        args.extend([duration.into(), "--quiet".into(), "--format".into()]);
        args.extend(["json".into(), "--output".into(), report.into()]);
        args
    }
}

/// A program that is built with us: `name`, from the directory that holds this executable.
///
/// # Errors
/// [`ContestError::NotBuilt`] when it is not there.
pub fn sibling(program: &'static str) -> Result<PathBuf, ContestError> {
    let own = std::env::current_exe().unwrap_or_default();
    let directory = own.parent().unwrap_or(Path::new("."));
    let path = directory.join(program);
    if path.is_file() {
        return Ok(path);
    }
    Err(ContestError::NotBuilt {
        program,
        directory: directory.display().to_string(),
    })
}

/// What one of our benches measured in a report of a single step that nothing has marred.
///
/// # Errors
/// When the report cannot be read, has not exactly one whole step, or has failures in it.
pub fn shot_of_report(program: &'static str, path: &Path) -> Result<Shot, ContestError> {
    let report = store::load(path)?;
    let unreadable = ContestError::unreadable(program);
    let [step] = report.steps.as_slice() else {
        let count = report.steps.len();
        return Err(unreadable(format!("its report has {count} steps, not one")));
    };
    let failures: u64 = step.operations.values().map(Operation::failures).sum();
    if step.end != StepEnd::Completed || failures > 0 {
        return Err(unreadable(format!(
            "its step ended as {:?} with {failures} failures",
            step.end
        )));
    }
    let operations_per_s = step.throughput_per_s();
    match step.generator.cpu_per_operation_ns {
        Some(cpu_per_operation_ns) if operations_per_s > 0.0 => Ok(Shot {
            operations_per_s,
            cpu_per_operation_ns,
        }),
        _ => Err(unreadable("its report counts no operations".to_owned())),
    }
}
