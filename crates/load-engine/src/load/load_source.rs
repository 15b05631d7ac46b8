//! Source of load: the interface through which the controller of a step starts, reads and ends a
//! load.

use std::collections::BTreeMap;

use bench_report::histogram::HistogramError;
use bench_report::names::FigureName;
use bench_report::{FailureSample, Operation, PoolUsage, SessionUse, StepEnd};
use serde::{Deserialize, Serialize};

use super::cpu_use::CpuReading;
use crate::plan::load_change::{ChangeError, LoadChange};
use crate::plan::segments::Segments;
use crate::record::interval::Interval;

/// Time between the end of the preparation and the first arrival if one process makes the load, in
/// nanoseconds.
pub(crate) const HEAD_START_NS: u64 = 2_000_000;

/// Time that the threads of one process need to notice a change of the load before its instant, in
/// nanoseconds.
pub(crate) const CHANGE_LEAD_NS: u64 = 20_000_000;

/// Reason of a failed step in which more attempts to connect failed than it allows.
pub(crate) const TOO_FEW_OPENED: &str = "too many connections could not be opened";

/// Maker of the load of one step. The controller decides the times, and calls each method at most
/// once in each of its cycles. Users, sessions and connections are details of the implementation.
pub(crate) trait LoadSource {
    /// Returns the state of the preparation, such as the opening of sessions, that must end before
    /// the load begins.
    fn preparation(&mut self) -> Preparation;

    /// Returns the number of failed attempts to connect before the load began. Always 0 for a load
    /// whose preparation ends at the first failure.
    fn failed_connects(&self) -> u64 {
        0
    }

    /// Returns the time, in nanoseconds, that must lie between `begin` and the first arrival so
    /// that all threads or processes are ready for it.
    fn head_start_ns(&self) -> u64 {
        HEAD_START_NS
    }

    /// Sets the instants of the step, and makes all threads or processes begin their load at its
    /// start.
    fn begin(&mut self, segments: &Segments);

    /// Returns the time, in nanoseconds, that all threads or processes need to receive a change of
    /// the load before its instant. `None` if the load cannot be changed.
    fn change_lead_ns(&self) -> Option<u64> {
        None
    }

    /// Makes the load follow another curve from the instant of `change` on, at which a new segment
    /// begins.
    ///
    /// # Errors
    /// Fails if the source cannot make such a load; the load then stays as it is.
    fn change(&mut self, change: &LoadChange) -> Result<(), ChangeError> {
        let _ = change;
        Err(ChangeError::HeldConnections)
    }

    /// Returns the requests that finished since the last call, with those in flight now.
    fn take_interval(&mut self) -> Interval;

    /// Reads the CPU time of the process and of each thread that makes load.
    fn read_cpu(&mut self) -> CpuReading;

    /// Returns the end of a load that ended before the planned time; `None` if it has not ended.
    /// `Completed` means that no connection is left, or that all requests of all users are made.
    fn early_end(&mut self) -> Option<StepEnd>;

    /// Returns the instant at which the last request finished, in nanoseconds on `CLOCK_MONOTONIC`,
    /// for a load that ends with a fixed number of requests. `None` before that, and for other
    /// loads.
    fn finished_ns(&self) -> Option<u64> {
        None
    }

    /// Returns current values of the load's own state, such as the number of open sessions, each
    /// with the name of its series in time charts.
    fn gauges(&mut self) -> Vec<(FigureName, f64)> {
        Vec::new()
    }

    /// Verifies the connections that the load still holds open; returns true when that is finished.
    /// Called repeatedly after the drain of a step that ran to its planned end. If `cancelled`,
    /// starts no verification.
    fn verify(&mut self, cancelled: bool) -> bool {
        let _ = cancelled;
        true
    }

    /// Prevents further requests and further connections from starting; requests in flight go on.
    fn halt(&mut self);

    /// Allows sessions and pools to close. Called at the beginning of the drain, once the server's
    /// state that depends on open sessions has been read.
    fn release(&mut self) {}

    /// Cuts off the requests that are in flight; they are recorded as censored.
    fn abort(&mut self);

    /// Returns true if no request is in flight and none will start.
    fn is_finished(&mut self) -> bool;

    /// Waits, for a bounded time, until the requests that were cut off are recorded.
    fn wait_until_recorded(&mut self);

    /// Ends the load, cuts off what still runs, and waits for the end of its threads or processes.
    /// Returns the first error of one of them; `None` if there was none.
    fn join(&mut self) -> Option<String>;

    /// Returns all measurements of the step. `segments_s` has the length of each measured segment
    /// in seconds, in order.
    fn collect(&mut self, segments_s: &[f64]) -> CollectedStep;
}

/// State of the preparation that must end before a load begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// Sessions or connections are opening.
    Opening {
        /// Number of sessions or connections that are open.
        opened: usize,
        /// Number of sessions or connections that must be open before the load begins.
        wanted: usize,
    },
    /// The preparation has ended, and the load can begin.
    Ready,
    /// The load can never begin; the text is the reason.
    Failed(String),
}

/// Measurements of one step, of the whole step and of each segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct CollectedStep {
    pub(crate) whole: RawStep,
    /// Measurements of each measured segment, in order; empty if there is one segment, whose
    /// measurements are `whole`.
    pub(crate) segments: Vec<RawStep>,
    /// Sessions that opened during the step; `None` if all were open before it.
    pub(crate) sessions: Option<SessionUse>,
    /// Sessions of each measured segment, in order; empty if all were open before the step, or if
    /// worker processes made the load.
    #[serde(skip)]
    pub(crate) sessions_by_segment: Vec<SessionUse>,
    /// State of a load of connections that stay open; `None` for other loads.
    pub(crate) held: Option<HeldOutcome>,
    /// Information about the worker processes that made the load; `None` if this process made it.
    #[serde(skip)]
    pub(crate) processes: Option<LoadProcesses>,
}

/// State of a load of connections that stay open, at the end of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct HeldOutcome {
    /// Results of the message on each connection that checks it at the end, by the name of the
    /// operation; empty if no such message was sent.
    pub(crate) checks: BTreeMap<String, Operation>,
    /// Number of connections that are still open.
    pub(crate) open: u64,
    /// Number of attempts to connect that failed in the step.
    pub(crate) failed_connects: u64,
}

/// Information about the worker processes that made a load.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LoadProcesses {
    /// Number of threads that made load, summed over the processes; `None` if unknown.
    pub(crate) threads: Option<usize>,
    /// Longest stall of a single process, in nanoseconds.
    pub(crate) worst_stall_ns: u64,
    /// First error in the load of any of the processes; `None` if there was none.
    pub(crate) failure: Option<String>,
    /// Processes that were lost, and whose measurements are therefore missing.
    pub(crate) lost: Vec<LostWorker>,
}

/// Measurements of one step or of one of its segments, merged over all threads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct RawStep {
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Operations from before the load began, such as connecting. Their CPU time is not part of
    /// that of the measured part.
    pub(crate) prepared: BTreeMap<String, Operation>,
    pub(crate) parts: BTreeMap<String, Operation>,
    pub(crate) failures: Vec<FailureSample>,
    pub(crate) pool: Option<PoolUsage>,
    /// Number of arrivals that waited because all sessions of their worker were busy.
    pub(crate) delayed_at_cap: u64,
    /// Increase of the tallies of all targets together, by the name of the figure.
    pub(crate) tallies: BTreeMap<String, u64>,
}

impl LoadProcesses {
    /// Returns the reason for which the measurements do not cover the whole load: the loss of a
    /// process, or else its first error. `None` if they do cover it.
    pub(crate) fn reason(&self) -> Option<String> {
        let lost = self.lost.first().map(|lost| lost.message.clone());
        lost.or_else(|| self.failure.clone())
    }
}

impl CollectedStep {
    /// Merges the measurements that several processes made of one step: segment by segment,
    /// histograms bucket by bucket.
    ///
    /// # Errors
    /// Fails if a histogram is damaged, or if its buckets have other bounds.
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
            held: HeldOutcome::merged(parts.iter().filter_map(|part| part.held.as_ref()))?,
            processes: None,
        })
    }
}

impl HeldOutcome {
    fn merged<'a>(parts: impl Iterator<Item = &'a Self>) -> Result<Option<Self>, HistogramError> {
        let parts: Vec<&Self> = parts.collect();
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            checks: Operation::merged_by_name(parts.iter().map(|part| &part.checks))?,
            open: parts.iter().map(|part| part.open).sum(),
            failed_connects: parts.iter().map(|part| part.failed_connects).sum(),
        }))
    }
}

impl RawStep {
    fn merged(parts: &[&Self]) -> Result<Self, HistogramError> {
        let failures = parts.iter().flat_map(|raw| raw.failures.iter().cloned());
        let mut tallies = BTreeMap::new();
        for (name, count) in parts.iter().flat_map(|raw| &raw.tallies) {
            *tallies.entry(name.clone()).or_default() += count;
        }
        Ok(Self {
            operations: Operation::merged_by_name(parts.iter().map(|raw| &raw.operations))?,
            prepared: Operation::merged_by_name(parts.iter().map(|raw| &raw.prepared))?,
            parts: Operation::merged_by_name(parts.iter().map(|raw| &raw.parts))?,
            failures: FailureSample::merged(failures.collect()),
            pool: PoolUsage::merged(parts.iter().filter_map(|raw| raw.pool.as_ref())),
            delayed_at_cap: parts.iter().map(|raw| raw.delayed_at_cap).sum(),
            tallies,
        })
    }
}

/// Worker process that was lost during a step, and the load that is missing because of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LostWorker {
    /// Sentence on the process and how it ended, and on the load that it did not make.
    pub(crate) message: String,
    /// Number of arrivals in the measured part that were due after the last interval that the
    /// process reported. `None` in a closed loop, where it is unknown, and if the load never began.
    pub(crate) arrivals_not_made: Option<u64>,
}
