//! Step of a run: a load under one setting for a while, with everything that was measured.

use std::collections::BTreeMap;
use std::fmt::Display;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{FigureFamily, FigureName, Place, reads};
use crate::steps::operation::unsuccessful_ratio;
use crate::{
    FailureSample, Operation, PoolUsage, ServerEvidence, SessionUse, StepCurve, StepSegment,
};

/// Value of a setting that distinguishes steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Parameter {
    /// Setting that is on or off.
    Flag(bool),
    /// Count or size.
    Integer(u64),
    /// Number that is not a count or size.
    Number(f64),
    /// Name, such as that of a driver.
    Text(String),
}

impl Parameter {
    /// Returns the value as a number; `None` for a flag or a name.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(n) => Some(*n as f64),
            Self::Number(n) => Some(*n),
            Self::Flag(_) | Self::Text(_) => None,
        }
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Parameter {
    fn from(n: u64) -> Self {
        Self::Integer(n)
    }
}

impl From<f64> for Parameter {
    fn from(n: f64) -> Self {
        Self::Number(n)
    }
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Instants of a step, in nanoseconds on the host's monotonic clock (`CLOCK_MONOTONIC`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Start of the step, which begins with the warm-up, in nanoseconds on the monotonic clock.
    pub start_ns: u64,
    /// Start of the measured part, in nanoseconds on the monotonic clock. Results count arrivals
    /// that were due from this instant on.
    pub measure_start_ns: u64,
    /// End of the measured part, in nanoseconds on the monotonic clock. Arrivals due from this
    /// instant on do not count.
    pub measure_end_ns: u64,
    /// End of the drain, in which open requests could still finish, and of the step, in
    /// nanoseconds on the monotonic clock.
    pub end_ns: u64,
}

impl Window {
    /// Returns the length of the measured part in seconds.
    pub fn measured_s(&self) -> f64 {
        self.measure_end_ns.saturating_sub(self.measure_start_ns) as f64 / 1e9
    }
}

/// Distribution of the times between arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Equal times between arrivals.
    #[default]
    Constant,
    /// Exponentially distributed times between arrivals, as of independent users. Distributions
    /// that this version does not know are read as this one.
    #[serde(other)]
    Poisson,
}

/// Load that the generator was to make in a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Load {
    /// Open loop: arrivals are made when they are due, whether or not earlier ones were answered.
    Open {
        /// Planned rate in arrivals per second, as a mean over the measured part.
        rate_per_s: f64,
        /// Distribution of the times between arrivals.
        pacing: Pacing,
        /// Largest number of requests that may be in flight at the same time.
        in_flight_cap: u64,
        /// Number of arrivals that waited because `in_flight_cap` requests were in flight.
        delayed_at_cap: u64,
    },
    /// Closed loop: users who each wait for the answer before their next request.
    Closed {
        /// Number of users; if users come and leave, the largest number at the same time.
        users: u64,
        /// Mean pause of a user between an answer and the next request, in nanoseconds.
        think_time_ns: u64,
    },
    /// Kind of load that this version does not know. It is never written by a measuring program.
    #[serde(other)]
    Unknown,
}

/// Cost of the load generator, and precision of its pacing, over the measured part of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Number of threads that made the load.
    pub threads: u64,
    /// CPU time of the whole process, or of all worker processes, in nanoseconds.
    pub cpu_ns: u64,
    /// CPU use as a fraction of the time of all load threads: `cpu_ns` ÷ (elapsed time ×
    /// `threads`).
    pub cpu_ratio: f64,
    /// CPU time ÷ elapsed time of the busiest load thread, from 0 to 1. One full thread can be the
    /// limit while others are idle. Absent where the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busiest_thread_ratio: Option<f64>,
    /// Time that load threads were ready to run but had no CPU, in nanoseconds, summed over the
    /// threads. Absent where the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ns: Option<u64>,
    /// CPU time of the generator per arrival, in nanoseconds; absent if there were no arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_operation_ns: Option<f64>,
    /// Longest delay with which the controller's timer, which is due every 10 ms, woke, in
    /// nanoseconds.
    pub worst_stall_ns: u64,
    /// CPU time of the parent of worker processes, in nanoseconds. The parent makes no load, and
    /// its time is not part of `cpu_ns`. Absent where one process makes the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_cpu_ns: Option<u64>,
}

impl Generator {
    /// Share of their time from which load threads that use the CPU may have been the limit.
    pub const SATURATED_RATIO: f64 = 0.9;

    /// Returns true if all load threads together used the CPU for the share `bound` of their time,
    /// or more.
    pub fn is_saturated(&self, bound: f64) -> bool {
        self.cpu_ratio >= bound
    }

    /// Returns the share of its time in which the busiest load thread used the CPU; `None` if that
    /// is below `bound` or unknown. A single full thread may limit the load while others are idle,
    /// for example if one task drives the connection of all users.
    pub fn full_thread(&self, bound: f64) -> Option<f64> {
        self.busiest_thread_ratio.filter(|ratio| *ratio >= bound)
    }

    /// Returns the share of time, at most 1, in which the load threads ran or waited for a CPU, as
    /// a mean over the threads; `None` if that is below `bound` or unknown. A generator whose CPUs
    /// are used by other programs is as late as one that uses them fully itself.
    pub fn starved(&self, bound: f64) -> Option<f64> {
        let ready_ns = self.ready_ns.filter(|_| self.cpu_ns > 0)?;
        let wanted = self.cpu_ratio * (1.0 + ready_ns as f64 / self.cpu_ns as f64);
        (wanted >= bound).then_some(wanted.min(1.0))
    }
}

/// Way in which a step of a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum StepEnd {
    /// The step lasted as long as planned.
    #[default]
    Completed,
    /// A stop rule that the user set ended the step.
    Stopped {
        /// Stop rule, as the user would write it.
        rule: String,
        /// Observation that broke the stop rule, with the figure.
        reason: String,
    },
    /// A signal ended the step.
    Interrupted,
    /// The step could not begin, or could not go on.
    Failed {
        /// Error that ended the step.
        reason: String,
    },
    /// The step ended in a way that this version does not know. It is never written by a measuring
    /// program.
    #[serde(other)]
    Unknown,
}

/// Load under one setting for a while: warm-up, measured part, drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Name of the step for people, such as `deadpool, pool of 8`.
    pub name: String,
    /// Settings that distinguish the step from other steps of the run, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Number of earlier steps with the same settings: 0 for the first repeat.
    pub repeat: u64,
    /// Start of the step, start and end of its measured part, and end of the step, on the monotonic
    /// clock.
    pub window: Window,
    /// Load that the generator was to make.
    pub load: Load,
    /// Results by name of the operation.
    pub operations: BTreeMap<String, Operation>,
    /// Results by name of a part of an operation, such as a statement of a transaction. Parts are
    /// not counted as operations, and add nothing to throughput.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Operation>,
    /// Samples of the step's failures, of a limited number.
    #[serde(default)]
    pub failures: Vec<FailureSample>,
    /// Use of the client's connection pool; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolUsage>,
    /// Evidence about the server; absent where none was collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerEvidence>,
    /// Cost of the load generator, and precision of its pacing.
    pub generator: Generator,
    /// Curve that the load was planned to follow; absent where the load is constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<StepCurve>,
    /// Results by segment of the curve; empty where the load is constant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<StepSegment>,
    /// Sessions that opened during the step; absent where all were open before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionUse>,
    /// Figures of the step that have no field of their own, by name; each name contains the unit,
    /// such as `hit_ratio`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// Way in which the step ended.
    #[serde(default)]
    pub end: StepEnd,
}

impl Step {
    /// Returns the successes per second in the measured part, summed over all operations.
    pub fn throughput_per_s(&self) -> f64 {
        let each = self.operations.values().map(|o| o.throughput_per_s);
        // Adds zero because the sum of no floats is -0.
        each.sum::<f64>() + 0.0
    }

    /// Adds a figure, or replaces the one with this name. One that is not finite is left out.
    pub fn figure(&mut self, name: FigureName, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.to_string(), value);
        }
    }

    /// Adds the figure of `member` of a family, or replaces it. One that is not finite is left out.
    pub fn member(&mut self, family: FigureFamily, member: impl Display, value: f64) {
        if value.is_finite() {
            self.figures.insert(family.of(member), value);
        }
    }

    /// Returns the figure `name`; `None` if it was not measured.
    pub fn value(&self, name: FigureName) -> Option<f64> {
        reads::note(Place::Step, name.as_str());
        self.figures.get(name.as_str()).copied()
    }

    /// Returns the figure of `member` of a family; `None` if it was not measured.
    pub fn value_of(&self, family: FigureFamily, member: &str) -> Option<f64> {
        let name = family.of(member);
        reads::note(Place::Step, &name);
        self.figures.get(&name).copied()
    }

    /// Returns the setting `name` as a number; `None` if the step lacks it or it is no number.
    pub fn parameter(&self, name: &str) -> Option<f64> {
        self.parameters.get(name)?.as_f64()
    }

    /// Returns true if each of `settings`, pairs of a name and a value as text, is a setting of
    /// the step with that value.
    pub fn is_with(&self, settings: &[(&str, &str)]) -> bool {
        let is = |(name, value): &(&str, &str)| {
            let parameter = self.parameters.get(*name);
            parameter.is_some_and(|parameter| parameter.to_string() == *value)
        };
        settings.iter().all(is)
    }

    /// Returns the throughput of an open loop divided by the offered load: successes that finished
    /// in the measured part ÷ arrivals due in it. It may exceed 1, because arrivals due in the
    /// warm-up may finish in the measured part. `None` for a closed loop, whose users offer only as
    /// much as is answered.
    pub fn carried_ratio(&self) -> Option<f64> {
        let open = matches!(self.load, Load::Open { .. });
        // Operations that were not due at a planned instant, such as connecting, have no pacing
        // lag.
        let due = |operation: &&Operation| open && operation.pacing_lag.is_some();
        let due = self.operations.values().filter(due);
        let offered: u64 = due.clone().map(|o| o.attempted).sum();
        let carried: f64 = due.map(|o| o.throughput_per_s).sum();
        (offered > 0).then(|| carried * self.window.measured_s() / offered as f64)
    }

    /// Returns the number of arrivals that had not finished when the drain ended, summed over all
    /// operations.
    pub fn censored(&self) -> u64 {
        self.operations.values().map(|o| o.censored).sum()
    }

    /// Returns the share of arrivals that did not succeed, as a fraction from 0 to 1, over all
    /// operations; `None` without arrivals. Unanswered arrivals count as failed.
    pub fn error_ratio(&self) -> Option<f64> {
        let attempted = self.operations.values().map(|o| o.attempted).sum();
        let succeeded = self.operations.values().map(|o| o.succeeded).sum();
        unsuccessful_ratio(succeeded, attempted)
    }
}
