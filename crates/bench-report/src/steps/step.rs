//! Step: a load under one setting for a while, with everything that was measured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::steps::operation::unsuccessful_ratio;
use crate::{
    FailureSample, Operation, PoolUsage, ServerEvidence, SessionUse, StepCurve, StepSegment,
};

/// Value of a step's setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Parameter {
    /// Setting that is on or off.
    Flag(bool),
    /// Count or size.
    Integer(u64),
    /// Any other number.
    Number(f64),
    /// Name.
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

/// Instants of a step on the host's monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Start of the warm-up.
    pub start_ns: u64,
    /// Start of the measured part. Results count arrivals that were due from here on.
    pub measure_start_ns: u64,
    /// End of the measured part. Arrivals due later do not count.
    pub measure_end_ns: u64,
    /// End of the drain.
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
    /// Equal times.
    #[default]
    Constant,
    /// Exponentially distributed times, as of independent users.
    Poisson,
}

/// Load that the generator was told to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Load {
    /// Open loop: arrivals are made when due, whether or not earlier ones were answered.
    Open {
        /// Mean planned rate over the measured part, in arrivals per second.
        rate_per_s: f64,
        /// Distribution of the times between arrivals.
        pacing: Pacing,
        /// Largest number of arrivals that may be in flight at the same time.
        in_flight_cap: u64,
        /// Number of arrivals that waited because that number was reached.
        delayed_at_cap: u64,
    },
    /// Closed loop: users who each wait for their answer before the next request.
    Closed {
        /// Number of users; the largest at the same time where users come and leave.
        users: u64,
        /// Mean pause of a user between an answer and the next request, in nanoseconds.
        think_time_ns: u64,
    },
}

/// Cost of the generator, and precision of its pacing, over the measured part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Number of threads that made the load.
    pub threads: u64,
    /// CPU time of the whole process, in nanoseconds.
    pub cpu_ns: u64,
    /// `cpu_ns` ÷ (elapsed time × `threads`).
    pub cpu_ratio: f64,
    /// CPU time ÷ elapsed time of the busiest load thread. One full thread can be the limit while
    /// others are idle. Absent where the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busiest_thread_ratio: Option<f64>,
    /// Time that load threads, all together, were ready to run but had no CPU, in nanoseconds.
    /// Absent where the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ns: Option<u64>,
    /// CPU time per arrival, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_operation_ns: Option<f64>,
    /// Longest delay with which the controller's 10 ms timer woke, in nanoseconds.
    pub worst_stall_ns: u64,
    /// CPU time of the parent of worker processes, in nanoseconds. The parent makes no load, and
    /// its time is not part of `cpu_ns`. Absent where one process makes the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_cpu_ns: Option<u64>,
}

impl Generator {
    /// Share of CPU time from which threads may have been the limit.
    pub const SATURATED_RATIO: f64 = 0.9;

    /// Returns true if all threads together used the share `bound` of their time, or more.
    pub fn is_saturated(&self, bound: f64) -> bool {
        self.cpu_ratio >= bound
    }

    /// Returns the share of its time that the busiest thread used, if that is `bound` or more. A
    /// single full thread may limit the load while others are idle, for example if one task drives
    /// the connection of all users.
    pub fn full_thread(&self, bound: f64) -> Option<f64> {
        self.busiest_thread_ratio.filter(|ratio| *ratio >= bound)
    }

    /// Returns the share of time in which the threads ran or waited for a CPU, if that is `bound`
    /// or more. A generator whose CPUs are used by other programs is as late as one that uses them
    /// fully itself.
    pub fn starved(&self, bound: f64) -> Option<f64> {
        let ready_ns = self.ready_ns.filter(|_| self.cpu_ns > 0)?;
        let wanted = self.cpu_ratio * (1.0 + ready_ns as f64 / self.cpu_ns as f64);
        (wanted >= bound).then_some(wanted.min(1.0))
    }
}

/// Way in which a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum StepEnd {
    /// The step lasted as long as planned.
    #[default]
    Completed,
    /// A stop rule ended the step.
    Stopped {
        /// Rule as the user would write it.
        rule: String,
        /// Observation that broke the rule, with the figure.
        reason: String,
    },
    /// A signal ended the step.
    Interrupted,
    /// The step could not begin or continue.
    Failed {
        /// Error that ended the step.
        reason: String,
    },
}

/// Load under one setting for a while: warm-up, measured part, drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Name for people, such as `deadpool, pool of 8`.
    pub name: String,
    /// Settings that distinguish the step from others.
    pub parameters: BTreeMap<String, Parameter>,
    /// Number of the repeat with these settings, from 0.
    pub repeat: u64,
    /// Instants of the step.
    pub window: Window,
    /// Load that the generator was told to make.
    pub load: Load,
    /// Results by operation.
    pub operations: BTreeMap<String, Operation>,
    /// Results by part of an operation, such as a statement of a transaction. Parts are not counted
    /// as operations, and add nothing to throughput.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Operation>,
    /// Bounded sample of failures.
    #[serde(default)]
    pub failures: Vec<FailureSample>,
    /// Connection pool of the client; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolUsage>,
    /// Evidence of the server; absent where none was collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerEvidence>,
    /// Figures of the generator.
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
    /// Further figures of the step; names contain the units, such as `hit_ratio`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// Way in which the step ended.
    #[serde(default)]
    pub end: StepEnd,
}

impl Step {
    /// Returns the successes per second over all operations.
    pub fn throughput_per_s(&self) -> f64 {
        let each = self.operations.values().map(|o| o.throughput_per_s);
        // Adds zero because the sum of no floats is -0.
        each.sum::<f64>() + 0.0
    }

    /// Returns the setting `name` as a number; `None` if it is absent or not a number.
    pub fn parameter(&self, name: &str) -> Option<f64> {
        self.parameters.get(name)?.as_f64()
    }

    /// Returns true if each of `settings` has the given value, in its text form.
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

    /// Returns the number of arrivals that never finished, over all operations.
    pub fn censored(&self) -> u64 {
        self.operations.values().map(|o| o.censored).sum()
    }

    /// Returns the share of arrivals that did not succeed, over all operations; `None` without
    /// arrivals.
    pub fn error_ratio(&self) -> Option<f64> {
        let attempted = self.operations.values().map(|o| o.attempted).sum();
        let succeeded = self.operations.values().map(|o| o.succeeded).sum();
        unsuccessful_ratio(succeeded, attempted)
    }
}
