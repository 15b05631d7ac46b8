//! Sources of load, as the controller of a step sees them.

use std::collections::BTreeMap;

use bench_report::histogram::HistogramError;
use bench_report::{FailureSample, Operation, PoolUsage, SessionUse, StepEnd};
use serde::{Deserialize, Serialize};

use super::cpu_use::CpuReading;
use crate::plan::load_change::{ChangeError, LoadChange};
use crate::plan::segments::Segments;
use crate::record::interval::Interval;

/// Time between the last preparation and the first arrival, within one process.
pub(crate) const HEAD_START_NS: u64 = 2_000_000;

/// Time from a change of the load to its instant that threads of one process need to hear of it.
pub(crate) const CHANGE_LEAD_NS: u64 = 20_000_000;

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

    /// Time from a change to its instant that everybody needs to hear of it; `None` where the load follows
    /// no curve.
    fn change_lead_ns(&self) -> Option<u64> {
        None
    }

    /// Makes the load follow another curve from an instant on, which begins a segment.
    ///
    /// # Errors
    /// Fails if it cannot make such a load; nothing changes then.
    fn change(&mut self, change: &LoadChange) -> Result<(), ChangeError> {
        let _ = change;
        Err(ChangeError::HeldConnections)
    }

    /// Takes what finished since the last call, and looks at what is under way.
    fn take_interval(&mut self) -> Interval;

    /// Reads the CPU time of the process and of each thread that makes load.
    fn read_cpu(&mut self) -> CpuReading;

    /// Returns the reason for which the load ended before its time, if it did; completed where nothing is
    /// left to be loaded, or to be asked.
    fn early_end(&mut self) -> Option<StepEnd>;

    /// Returns the instant at which the last request of a load that ends with its requests was over;
    /// `None` before, and for other loads.
    fn finished_ns(&self) -> Option<u64> {
        None
    }

    /// Returns the figures of the load's own state by the name of their series, for time charts.
    fn gauges(&mut self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Verifies what the load still holds, and returns true once that is over; called after the drain of
    /// a step that nothing ended early. Begins nothing once the step is `cancelled`.
    fn verify(&mut self, cancelled: bool) -> bool {
        let _ = cancelled;
        true
    }

    /// Lets nothing more begin.
    fn halt(&mut self);

    /// Lets sessions and pools close: the measured part is over, and what is read of the server while
    /// they are open has been read.
    fn release(&mut self) {}

    /// Cuts off what is still under way.
    fn abort(&mut self);

    /// Returns true once nothing is under way.
    fn is_finished(&mut self) -> bool;

    /// Waits, for a bounded time, until what was cut off is recorded.
    fn wait_until_recorded(&mut self);

    /// Waits for the end of the load, which is cut off where it still runs; returns the first error.
    fn join(&mut self) -> Option<String>;

    /// Merges all that was measured; `segments_s` holds the seconds of each measured segment.
    fn collect(&mut self, segments_s: &[f64]) -> CollectedStep;
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

/// Measurements of one step, of the whole and by segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct CollectedStep {
    pub(crate) whole: RawStep,
    /// One for each measured segment; empty where there is a single one, which is the whole.
    pub(crate) segments: Vec<RawStep>,
    /// Sessions that opened during the step; absent where all were open before it.
    pub(crate) sessions: Option<SessionUse>,
    /// Those of each measured segment; empty where all were open before, or other processes made the load.
    #[serde(skip)]
    pub(crate) sessions_by_segment: Vec<SessionUse>,
    /// Account of the processes that made the load; absent where it was this one.
    #[serde(skip)]
    pub(crate) processes: Option<LoadProcesses>,
}

/// Account of the processes that made a load.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LoadProcesses {
    /// Number of their threads that made load.
    pub(crate) threads: Option<usize>,
    /// Longest stall of any.
    pub(crate) worst_stall_ns: u64,
    /// First error of the load of any.
    pub(crate) failure: Option<String>,
    /// Those that were lost, whose measurements are missing.
    pub(crate) lost: Vec<LostWorker>,
}

/// Measurements of one step or of one of its segments, merged over all threads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct RawStep {
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Operations that came before the load began, as connecting does; no CPU time of the measured part
    /// went into them.
    pub(crate) prepared: BTreeMap<String, Operation>,
    pub(crate) parts: BTreeMap<String, Operation>,
    pub(crate) failures: Vec<FailureSample>,
    pub(crate) pool: Option<PoolUsage>,
    /// Number of arrivals that waited because all sessions of their worker were busy.
    pub(crate) delayed_at_cap: u64,
}

impl LoadProcesses {
    /// Returns the reason for which the figures are not those of the whole load, if they are not.
    pub(crate) fn reason(&self) -> Option<String> {
        let lost = self.lost.first().map(|lost| lost.message.clone());
        lost.or_else(|| self.failure.clone())
    }
}

impl CollectedStep {
    /// Adds what several processes measured of one step, segment by segment and bucket by bucket.
    ///
    /// # Errors
    /// Fails if a histogram is damaged or has other bounds than ours.
    pub(crate) fn merged(parts: &[&Self]) -> Result<Self, HistogramError> {
        let count = parts.iter().map(|part| part.segments.len()).max();
        let segment = |index: usize| {
            let segments = parts.iter().filter_map(|part| part.segments.get(index));
            RawStep::merged(&segments.collect::<Vec<_>>())
        };
        Ok(Self {
            whole: RawStep::merged(&parts.iter().map(|part| &part.whole).collect::<Vec<_>>())?,
            segments: (0..count.unwrap_or(0))
                .map(segment)
                .collect::<Result<_, _>>()?,
            sessions: SessionUse::merged(parts.iter().filter_map(|part| part.sessions.as_ref()))?,
            sessions_by_segment: Vec::new(),
            processes: None,
        })
    }
}

impl RawStep {
    fn merged(parts: &[&Self]) -> Result<Self, HistogramError> {
        let failures = parts.iter().flat_map(|raw| raw.failures.iter().cloned());
        Ok(Self {
            operations: Operation::merged_by_name(parts.iter().map(|raw| &raw.operations))?,
            prepared: Operation::merged_by_name(parts.iter().map(|raw| &raw.prepared))?,
            parts: Operation::merged_by_name(parts.iter().map(|raw| &raw.parts))?,
            failures: FailureSample::merged(failures.collect()),
            pool: PoolUsage::merged(parts.iter().filter_map(|raw| raw.pool.as_ref())),
            delayed_at_cap: parts.iter().map(|raw| raw.delayed_at_cap).sum(),
        })
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
