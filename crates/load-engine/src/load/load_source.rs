//! Sources of load, as the controller of a step sees them.

use std::collections::BTreeMap;

use bench_report::{FailureSample, Operation, PoolUsage, SessionUse, StepEnd};

use super::cpu_use::CpuReading;
use crate::plan::segments::Segments;
use crate::record::interval::Interval;

/// Makes the load of one step. The controller decides when, and calls each of these at most once per
/// beat; users, sessions and connections lie behind it.
pub(crate) trait LoadSource {
    /// Returns the state of what must be ready before the load begins.
    fn preparation(&mut self) -> Preparation;

    /// Fixes every instant of the step, and lets everybody go.
    fn begin(&mut self, segments: &Segments);

    /// Takes what finished since the last call, and looks at what is under way.
    fn take_interval(&mut self) -> Interval;

    /// Reads the CPU time of the process and of each thread that makes load.
    fn read_cpu(&mut self) -> CpuReading;

    /// Returns the reason for which the load ended before its time, if it did; completed where nothing is
    /// left to be loaded.
    fn early_end(&mut self) -> Option<StepEnd>;

    /// Returns the figures of the load's own state by the name of their series, for time charts.
    fn gauges(&mut self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Starts to verify what the load still holds, and returns true once that is over; called after the
    /// drain of a step that nothing ended early.
    fn is_verified(&mut self) -> bool {
        true
    }

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
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CollectedStep {
    pub(crate) whole: RawStep,
    /// One for each measured segment; empty where there is a single one, which is the whole.
    pub(crate) segments: Vec<RawStep>,
    /// Sessions that opened during the step; absent where all were open before it.
    pub(crate) sessions: Option<SessionUse>,
}

/// Measurements of one step or of one of its segments, merged over all threads.
#[derive(Debug, Clone, PartialEq)]
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
