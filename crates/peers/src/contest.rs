//! A contest: two programs under the same load, each measured on request.

use std::io;

use bench_report::store::StoreError;
use serde::{Deserialize, Serialize};
use testbed::TestbedError;

use crate::program::ProgramError;

/// Side of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Our bench.
    Ours,
    /// The program that it is measured beside.
    Peer,
}

/// Figures of one run of one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// Operations that succeeded, per second.
    pub(crate) operations_per_s: f64,
    /// CPU time of the generator per operation; the two sides cover different parts, see
    /// `CPU_COVERS`.
    pub(crate) cpu_per_operation_ns: f64,
}

/// Extent of the CPU times of load generators: ours comes from the bench's report, the peers' from
/// the system.
pub(crate) const CPU_COVERS: &str = "ours in its measured part, the peer's in its whole run";

/// Figure by which the two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compared {
    /// Operations per second: more is better.
    #[default]
    Throughput,
    /// CPU time per operation: less is better.
    CpuTime,
}

impl Compared {
    /// Returns that figure of one run.
    pub(crate) fn figure_of(self, measurement: &Measurement) -> f64 {
        match self {
            Self::Throughput => measurement.operations_per_s,
            Self::CpuTime => measurement.cpu_per_operation_ns,
        }
    }

    /// Returns true if `figure`, or a ratio of figures, is as good as `bound` or better.
    pub(crate) fn keeps_to(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::Throughput => figure >= bound,
            Self::CpuTime => figure <= bound,
        }
    }
}

/// Two programs on one server, each of which can be run at any time.
pub(crate) trait Contest {
    /// Runs one side once.
    ///
    /// # Errors
    /// When it gave no figure.
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError>;
}

/// Reason why a contest gave no ratio.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContestError {
    /// The peer is not installed: the contest is left out.
    #[error("{peer} was not found in {searched}; {remedy}")]
    NoPeer {
        /// The peer's name.
        peer: &'static str,
        /// Place where it was looked for.
        searched: &'static str,
        /// Package to install.
        remedy: &'static str,
    },
    /// A program of ours is not where it is built.
    #[error("{program} was not found in {directory}; build it with: make bench")]
    NotBuilt {
        /// The program.
        program: &'static str,
        /// Place where it was looked for.
        directory: String,
    },
    /// A program did not run to its end.
    #[error(transparent)]
    Child(#[from] ProgramError),
    /// The idle processes to sample could not be started.
    #[error("cannot start idle processes: {0}; raise the limit that `ulimit -u` shows")]
    Idle(io::Error),
    /// The throwaway server is missing or did not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// Our bench left no report that can be read.
    #[error(transparent)]
    Report(#[from] StoreError),
    /// A program ran to its end and its output gives no rate.
    #[error("cannot tell what {program} measured: {reason}")]
    Unreadable {
        /// The program.
        program: &'static str,
        /// Fault in its output.
        reason: String,
    },
}

impl ContestError {
    /// Adapter for `map_err` that names the program whose output is at fault.
    pub(crate) fn unreadable(program: &'static str) -> impl FnOnce(String) -> Self {
        move |reason| Self::Unreadable { program, reason }
    }
}
