//! Sources of load, as the controller of a step sees them.

use std::collections::BTreeMap;

use bench_report::histogram::HistogramError;
use bench_report::{FailureSample, Operation, PoolUsage, StepEnd};
use serde::{Deserialize, Serialize};

use super::cpu_use::CpuReading;
use crate::plan::segments::Segments;
use crate::record::interval::Interval;

/// Time between the last preparation and the first arrival, within one process.
pub(crate) const HEAD_START_NS: u64 = 2_000_000;

/// Makes the load of one step. The controller decides when, and calls each of these at most once per
/// beat; users, sessions and connections lie behind it.
pub(crate) trait LoadSource {
    /// Returns the state of what must be ready before the load begins.
    fn preparation(&mut self) -> Preparation;

    /// Time from `begin` to the first arrival that everybody needs to get ready.
    fn head_start_ns(&self) -> u64 {
        HEAD_START_NS
    }

    /// Fixes every instant of the step, and lets everybody go.
    fn begin(&mut self, segments: &Segments);

    /// Takes what finished since the last call, and looks at what is under way.
    fn take_interval(&mut self) -> Interval;

    /// Reads the CPU time of the process and of each thread that makes load.
    fn read_cpu(&mut self) -> CpuReading;

    /// Returns the reason for which the load ended before its time, if it did.
    fn early_end(&mut self) -> Option<StepEnd>;

    /// Lets nothing more begin.
    fn halt(&mut self);

    /// Cuts off what is still under way.
    fn abort(&mut self);

    /// Returns true once nothing is under way.
    fn is_finished(&mut self) -> bool;

    /// Waits, for a bounded time, until what was cut off is recorded.
    fn wait_until_recorded(&mut self);

    /// Waits for the end of the load, which is cut off where it still runs; returns the first error.
    fn join(&mut self) -> Option<String>;

    /// Merges all that was measured in `measured_s` seconds.
    fn collect(&mut self, measured_s: f64) -> RawStep;
}

/// State of what must be ready before a load begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// Sessions are being opened.
    Opening {
        /// Number of those that are open.
        opened: usize,
        /// Number of those that the load needs.
        wanted: usize,
    },
    /// The load can begin.
    Ready,
    /// It never can, for this reason.
    Failed(String),
}

/// Measurements of one step, merged over all threads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct RawStep {
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) parts: BTreeMap<String, Operation>,
    pub(crate) failures: Vec<FailureSample>,
    pub(crate) pool: Option<PoolUsage>,
    /// Number of arrivals that waited because all sessions of their worker were busy.
    pub(crate) delayed_at_cap: u64,
    /// Number of threads that made the load.
    pub(crate) threads: u64,
    /// Longest stall of a process that makes load, beside the controller's own.
    pub(crate) worst_stall_ns: u64,
    /// First error of a worker process's load; that of this process's own comes when it is joined.
    #[serde(skip)]
    pub(crate) failure: Option<String>,
    /// Worker processes that were lost, whose measurements are not here.
    #[serde(skip)]
    pub(crate) lost: Vec<LostWorker>,
}

impl RawStep {
    /// Adds what several processes measured of one step, bucket by bucket.
    ///
    /// # Errors
    /// Fails if a histogram is damaged or has other bounds than ours.
    pub(crate) fn merged(parts: &[&Self]) -> Result<Self, HistogramError> {
        let failures = parts.iter().flat_map(|raw| raw.failures.iter().cloned());
        let stalls = parts.iter().map(|raw| raw.worst_stall_ns);
        Ok(Self {
            operations: Operation::merged_by_name(parts.iter().map(|raw| &raw.operations))?,
            parts: Operation::merged_by_name(parts.iter().map(|raw| &raw.parts))?,
            failures: FailureSample::merged(failures.collect()),
            pool: PoolUsage::merged(parts.iter().filter_map(|raw| raw.pool.as_ref())),
            delayed_at_cap: parts.iter().map(|raw| raw.delayed_at_cap).sum(),
            threads: parts.iter().map(|raw| raw.threads).sum(),
            worst_stall_ns: stalls.max().unwrap_or(0),
            failure: None,
            lost: Vec::new(),
        })
    }

    /// Returns the reason for which its figures are not those of the whole load, if they are not.
    pub(crate) fn failure(&self) -> Option<String> {
        let lost = self.lost.first().map(|lost| lost.message.clone());
        lost.or_else(|| self.failure.clone())
    }
}

/// Worker process that was lost during a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LostWorker {
    /// Sentence that names it, how it ended, and the load that it did not make.
    pub(crate) message: String,
    /// Number of arrivals due after its last interval; absent in a closed loop, where nobody knows.
    pub(crate) arrivals_not_made: Option<u64>,
}
