//! The plan of one step.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_report::{Load, Pacing, Parameter};

use crate::{RateCurve, StopRule, WaitStrategy};

/// Kind of runtime that the load is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuntimeKind {
    /// One multi-thread runtime: what applications have.
    #[default]
    Shared,
    /// A single-thread runtime per core: the cheapest.
    PerCore,
}

/// Load that is to be made on the target.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadPlan {
    /// Arrivals come when due, whatever the answers do.
    Open {
        /// Arrivals per second during the measured part; the warm-up holds its first rate.
        rate_per_s: f64,
        /// Distribution of the gaps.
        pacing: Pacing,
        /// Most arrivals in flight; far above any pool under test, or the pool's wait would
        /// hide in the backlog.
        in_flight_cap: u64,
    },
    /// Users who each wait for their answer.
    Closed {
        /// Number of them.
        users: u64,
        /// Each user's pause between answer and next request.
        think_time: Duration,
    },
}

impl LoadPlan {
    /// Sessions it takes.
    pub fn sessions(&self) -> u64 {
        match self {
            Self::Open { in_flight_cap, .. } => *in_flight_cap,
            Self::Closed { users, .. } => *users,
        }
    }

    pub(crate) fn reported(&self, delayed_at_cap: u64) -> Load {
        match *self {
            Self::Open {
                rate_per_s,
                pacing,
                in_flight_cap,
            } => Load::Open {
                rate_per_s,
                pacing,
                in_flight_cap,
                delayed_at_cap,
            },
            Self::Closed { users, think_time } => Load::Closed {
                users,
                think_time_ns: think_time.as_nanos() as u64,
            },
        }
    }
}

/// One setting, to be held for a while.
#[derive(Debug, Clone, PartialEq)]
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
    /// Bound on the wait for answers after the last arrival.
    pub drain: Duration,
    /// Bound on the opening of all sessions.
    pub connect_timeout: Duration,
    /// Seed of everything random in the step.
    pub seed: u64,
    /// Kind of runtime.
    pub runtime: RuntimeKind,
    /// Threads that make the load.
    pub threads: usize,
    /// Way in which the pacer waits.
    pub waiting: WaitStrategy,
    /// Rules that end the step early.
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
            drain: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            seed: 0,
            runtime: RuntimeKind::Shared,
            threads: available_threads(),
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

/// Phase of a run, for progress and for people who interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Flags are read, outputs claimed, servers found or started.
    Start,
    /// Sessions are opened.
    Connect,
    /// Schema and data are made.
    Prepare,
    /// Load that is not measured.
    WarmUp,
    /// Load that is measured.
    Measure,
    /// Answers are waited for.
    Drain,
    /// The report is written and what was made is removed.
    Save,
}

impl Phase {
    /// Its name, as shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Connect => "connect",
            Self::Prepare => "prepare",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::Drain => "drain",
            Self::Save => "save",
        }
    }
}
