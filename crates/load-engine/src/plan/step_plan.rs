//! The plan of one step.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::Parameter;
use serde::{Deserialize, Serialize};

use super::curve_segments::NamedSegment;
use super::load_plan::LoadPlan;
use super::rate_curve::RateCurve;
use super::stop_rule::StopRule;
use super::worker_share::WorkerShare;

/// Kind of runtime that the load is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RuntimeKind {
    /// One multi-thread runtime: what applications have.
    #[default]
    Shared,
    /// A single-thread runtime per core: the cheapest.
    PerCore,
}

/// Way in which a pacer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum WaitStrategy {
    /// Sleeps, as exactly as the system can.
    #[default]
    Sleep,
    /// Sleeps until half a millisecond before, then spins: exact, and takes most of a core.
    Spin,
}

/// One setting, to be held for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepPlan {
    /// For people.
    pub name: String,
    /// Settings that tell it from other steps.
    pub parameters: BTreeMap<String, Parameter>,
    /// Number of the repeat, from 0.
    pub repeat: u64,
    /// Load that is to be made on the target.
    pub load: LoadPlan,
    /// Load that is not measured, first.
    pub warmup: Duration,
    /// Load that is measured.
    pub measure: Duration,
    /// Segments whose results are told apart; empty where the load does not change.
    pub segments: Vec<NamedSegment>,
    /// Bound on the wait for answers after the last arrival.
    pub drain: Duration,
    /// Bound on the opening of all sessions.
    pub connect_timeout: Duration,
    /// Seed of everything random in the step.
    pub seed: u64,
    /// Kind of runtime.
    pub runtime: RuntimeKind,
    /// Threads of this process that make the load.
    pub threads: usize,
    /// Share of the load that this process makes; the plan's load is that of all together.
    pub process: WorkerShare,
    /// Way in which the pacer waits.
    pub waiting: WaitStrategy,
    /// Rules that end the step early; worker processes are not told of them.
    #[serde(skip)]
    pub stop_rules: Vec<StopRule>,
}

impl StepPlan {
    /// A plan with the defaults: no warm-up of note, shared runtime on all cores, no rules.
    pub fn new(name: &str, load: LoadPlan, measure: Duration) -> Self {
        Self {
            name: name.to_owned(),
            parameters: BTreeMap::new(),
            repeat: 0,
            load,
            warmup: Duration::ZERO,
            measure,
            segments: Vec::new(),
            drain: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            seed: 0,
            runtime: RuntimeKind::Shared,
            threads: available_threads(),
            process: WorkerShare::ALONE,
            waiting: WaitStrategy::Sleep,
            stop_rules: Vec::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Parameter>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// The rate curve over warm-up and measured part, for an open loop.
    pub(crate) fn curve(&self) -> Option<RateCurve> {
        match self.load {
            LoadPlan::Open { rate_per_s, .. } => {
                RateCurve::constant(rate_per_s, self.warmup + self.measure).ok()
            }
            LoadPlan::Closed { .. } => None,
        }
    }
}

/// Processors that this process may use.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
