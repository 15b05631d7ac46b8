//! Contest: two programs under the same load, each of which is measured on request.

use std::io;

use bench_report::store::StoreError;
use serde::{Deserialize, Serialize};
use testbed::TestbedError;

use crate::program::ProgramError;

/// Side of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Bench of this project.
    Ours,
    /// Program with which it is compared.
    Peer,
}

/// Figures of one run of one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// Successful operations per second.
    pub(crate) operations_per_s: f64,
    /// CPU time of the generator per operation in nanoseconds. The two sides cover different
    /// periods, see `CPU_COVERS`.
    pub(crate) cpu_per_operation_ns: f64,
}

/// Periods covered by the CPU times of load generators. Ours come from the bench's report, those of
/// peers from the operating system.
pub(crate) const CPU_COVERS: &str = "ours in its measured part, the peer's in its whole run";

/// Figure in which the two sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compared {
    /// Operations per second, of which more is better.
    #[default]
    Throughput,
    /// CPU time per operation, of which less is better.
    CpuTime,
}

impl Compared {
    /// Returns the compared figure of one run.
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
    /// Fails if the run gives no figures.
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError>;
}

/// Reason for which a contest gave no ratio.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContestError {
    /// The peer is not installed, so the contest is skipped.
    #[error("{peer} was not found in {searched}; {remedy}")]
    NoPeer {
        /// Name of the peer.
        peer: &'static str,
        /// Places that were searched.
        searched: &'static str,
        /// Package to install.
        remedy: &'static str,
    },
    /// A program of this project is not in the directory where it is built.
    #[error("{program} was not found in {directory}; build it with: make bench")]
    NotBuilt {
        /// Name of the program.
        program: &'static str,
        /// Directory that was searched.
        directory: String,
    },
    /// A program did not run to its end.
    #[error(transparent)]
    Child(#[from] ProgramError),
    /// The idle processes to be sampled could not be started.
    #[error("cannot start idle processes: {0}; raise the limit that `ulimit -u` shows")]
    Idle(io::Error),
    /// The throwaway server is missing or did not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The bench left no readable report.
    #[error(transparent)]
    Report(#[from] StoreError),
    /// A program ran to its end, but its output gives no rate.
    #[error("cannot tell what {program} measured: {reason}")]
    Unreadable {
        /// Name of the program.
        program: &'static str,
        /// Fault in its output.
        reason: String,
    },
}

impl ContestError {
    /// Returns a function for `map_err` that adds the name of the program with the faulty output.
    pub(crate) fn unreadable(program: &'static str) -> impl FnOnce(String) -> Self {
        move |reason| Self::Unreadable { program, reason }
    }
}
