//! Contest: two programs under the same load, each of which can be measured again and again.

use std::io;

use bench_report::store::StoreError;
use serde::{Deserialize, Serialize};
use testbed::TestbedError;

use crate::program::ProgramError;

/// Side of a contest between two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Program of this project.
    Ours,
    /// Program of others with which this project's is compared.
    Peer,
}

/// Figures of one run of one side of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// Successful operations (requests or samples) per second.
    pub(crate) operations_per_s: f64,
    /// CPU time of the measured program per operation, in nanoseconds. The two sides may cover
    /// different periods, see `CPU_COVERS`.
    pub(crate) cpu_per_operation_ns: f64,
}

/// Text for the results: the periods covered by the CPU times of load generators. Those of this
/// project come from the bench's report, those of peers from the operating system.
pub(crate) const CPU_COVERS: &str = "ours in its measured part, the peer's in its whole run";

/// Figure by which the two sides of a contest are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compared {
    /// Successful operations per second; more is better.
    #[default]
    Throughput,
    /// CPU time in nanoseconds per operation; less is better.
    CpuTime,
}

impl Compared {
    /// Returns the figure of one run by which the sides are compared.
    pub(crate) fn figure_of(self, measurement: &Measurement) -> f64 {
        match self {
            Self::Throughput => measurement.operations_per_s,
            Self::CpuTime => measurement.cpu_per_operation_ns,
        }
    }

    /// Returns true if `figure`, or a ratio ours ÷ peer's of figures, is as good as `bound` or
    /// better: at least `bound` for throughput, at most `bound` for CPU time.
    pub(crate) fn keeps_to(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::Throughput => figure >= bound,
            Self::CpuTime => figure <= bound,
        }
    }
}

/// Two programs under the same load, each of which can be measured at any time.
pub(crate) trait Contest {
    /// Runs the program of one side once and returns its figures.
    ///
    /// # Errors
    /// Fails if the program cannot be run, fails, or prints no usable figures.
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError>;
}

/// Reason for which a contest was not measured to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContestError {
    /// The peer is not installed, so the contest is not measured.
    #[error("{peer} was not found in {searched}; {remedy}")]
    NoPeer {
        /// Name of the missing peer.
        peer: &'static str,
        /// Places that were searched, in words.
        searched: &'static str,
        /// Advice: the package to install.
        remedy: &'static str,
    },
    /// A program of this project is not in the directory of the running program.
    #[error("{program} was not found in {directory}; build it with: make bench")]
    NotBuilt {
        /// Name of the program that is missing.
        program: &'static str,
        /// Path of the directory that was searched.
        directory: String,
    },
    /// A program could not be run, failed, timed out, or was interrupted.
    #[error(transparent)]
    Child(#[from] ProgramError),
    /// The idle processes to be sampled could not be started.
    #[error("cannot start idle processes: {0}; raise the limit that `ulimit -u` shows")]
    Idle(io::Error),
    /// The throwaway server is missing or did not start.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The report of the bench cannot be read, or its old one not removed.
    #[error(transparent)]
    Report(#[from] StoreError),
    /// A program ran to its end, but its output contains no usable figures.
    #[error("cannot tell what {program} measured: {reason}")]
    Unreadable {
        /// Name of the program whose output is faulty.
        program: &'static str,
        /// Fault in the output, in words that follow a colon.
        reason: String,
    },
}

impl ContestError {
    /// Returns a function for `map_err` that turns a description of faulty output into
    /// [`ContestError::Unreadable`] with the name of `program`.
    pub(crate) fn unreadable(program: &'static str) -> impl FnOnce(String) -> Self {
        move |reason| Self::Unreadable { program, reason }
    }
}
