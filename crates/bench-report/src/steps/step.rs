//! One setting held for a while, and all that was measured in it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::steps::operation::unsuccessful_ratio;
use crate::{
    FailureSample, Operation, PoolUsage, ServerEvidence, SessionUse, StepCurve, StepSegment,
};

/// A setting of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Parameter {
    /// On or off.
    Flag(bool),
    /// A count or a size.
    Integer(u64),
    /// Any other number.
    Number(f64),
    /// A name.
    Text(String),
}

impl Parameter {
    /// The value as a number, where it is one.
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

/// Times of a step, on the host's monotonic clock, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// The first arrival of the warm-up was due.
    pub start_ns: u64,
    /// Measuring began; figures cover arrivals that were due from here on.
    pub measure_start_ns: u64,
    /// Measuring ended; what was due later is not counted.
    pub measure_end_ns: u64,
    /// The drain ended.
    pub end_ns: u64,
}

impl Window {
    /// Length of the measured part, in seconds.
    pub fn measured_s(&self) -> f64 {
        self.measure_end_ns.saturating_sub(self.measure_start_ns) as f64 / 1e9
    }
}

/// Distribution of the gaps between arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Evenly.
    #[default]
    Constant,
    /// Exponentially: independent users.
    Poisson,
}

/// Load that the generator was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Load {
    /// Arrivals come when due, whatever the answers do.
    Open {
        /// Mean rate planned over the measured part.
        rate_per_s: f64,
        /// Distribution of the gaps.
        pacing: Pacing,
        /// Most arrivals in flight at once.
        in_flight_cap: u64,
        /// Arrivals that waited at the cap.
        delayed_at_cap: u64,
    },
    /// Users who each wait for their answer.
    Closed {
        /// Number of connections; the most at once, where users come and go.
        users: u64,
        /// Pause of each user between answer and next request.
        think_time_ns: u64,
    },
}

/// Cost of the generator and accuracy of its pacing, over the measured part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// Threads that made the load.
    pub threads: u64,
    /// CPU time of the whole process, in nanoseconds.
    pub cpu_ns: u64,
    /// `cpu_ns` ÷ (elapsed time × `threads`).
    pub cpu_ratio: f64,
    /// CPU time ÷ elapsed time of the load thread that was busiest: one full thread can be the
    /// limit among idle ones. Absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busiest_thread_ratio: Option<f64>,
    /// Time for which load threads were ready to run and had no CPU, all of them together, in
    /// nanoseconds. Absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ns: Option<u64>,
    /// CPU time per attempted arrival, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_operation_ns: Option<f64>,
    /// Longest time by which the generator's own 10 ms heartbeat came late.
    pub worst_stall_ns: u64,
    /// CPU time of the process that leads the worker processes, which makes no load itself and is not
    /// in `cpu_ns`, in nanoseconds. Absent where one process makes the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_cpu_ns: Option<u64>,
}

impl Generator {
    /// Share of their time from which threads that were at work may have been the limit themselves.
    pub const SATURATED_RATIO: f64 = 0.9;

    /// Returns true if all threads together were at work for the share `bound` of their time, or more.
    pub fn is_saturated(&self, bound: f64) -> bool {
        self.cpu_ratio >= bound
    }

    /// The share of its time for which the busiest thread was at work, where it was `bound` or more:
    /// one full thread among idle ones, as where all users share a connection that one task drives.
    pub fn full_thread(&self, bound: f64) -> Option<f64> {
        self.busiest_thread_ratio.filter(|ratio| *ratio >= bound)
    }

    /// Returns the share of their time for which the threads were at work or waited for a CPU, where it
    /// was `bound` or more: a generator whose CPUs others take is as late as one that needs them itself.
    pub fn starved(&self, bound: f64) -> Option<f64> {
        let ready_ns = self.ready_ns.filter(|_| self.cpu_ns > 0)?;
        let wanted = self.cpu_ratio * (1.0 + ready_ns as f64 / self.cpu_ns as f64);
        (wanted >= bound).then_some(wanted.min(1.0))
    }
}

/// End of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum StepEnd {
    /// It lasted as long as planned.
    #[default]
    Completed,
    /// A guard or stop rule ended it.
    Stopped {
        /// The rule as the user would write it.
        rule: String,
        /// The broken rule, with the figure.
        reason: String,
    },
    /// A signal ended it.
    Interrupted,
    /// It could not begin or go on.
    Failed {
        /// Error that ended it.
        reason: String,
    },
}

/// One setting held for a while: warm-up, measure, drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// For people, as in `deadpool, pool of 8`.
    pub name: String,
    /// The settings that tell it from other steps.
    pub parameters: BTreeMap<String, Parameter>,
    /// 0 for the first time with these settings, 1 for the second …
    pub repeat: u64,
    /// Its times.
    pub window: Window,
    /// Load that the generator was asked for.
    pub load: Load,
    /// Results by operation.
    pub operations: BTreeMap<String, Operation>,
    /// Results by part of an operation, as by statement of a transaction. Each is a share
    /// of an operation: parts add nothing to its counts or to throughput.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Operation>,
    /// A bounded sample of failures.
    #[serde(default)]
    pub failures: Vec<FailureSample>,
    /// The client's pool, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolUsage>,
    /// The server's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerEvidence>,
    /// Our side.
    pub generator: Generator,
    /// Curve that the load was to follow; absent where it did not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<StepCurve>,
    /// Results by segment of the curve; empty where the load did not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<StepSegment>,
    /// Sessions that opened during the step; absent where all were open before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionUse>,
    /// Further figures of this step, units in their names, as in `hit_ratio`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// Its end.
    #[serde(default)]
    pub end: StepEnd,
}

impl Step {
    /// Successes per second over all operations.
    pub fn throughput_per_s(&self) -> f64 {
        let each = self.operations.values().map(|o| o.throughput_per_s);
        // The sum of no floats is -0.
        each.sum::<f64>() + 0.0
    }

    /// A setting as a number, where it is one.
    pub fn parameter(&self, name: &str) -> Option<f64> {
        self.parameters.get(name)?.as_f64()
    }

    /// Returns true if each of `settings` has the value named, as it is shown.
    pub fn is_with(&self, settings: &[(&str, &str)]) -> bool {
        let is = |(name, value): &(&str, &str)| {
            let parameter = self.parameters.get(*name);
            parameter.is_some_and(|parameter| parameter.to_string() == *value)
        };
        settings.iter().all(is)
    }

    /// Throughput of an open loop ÷ the load offered to it: successes done in the measured part ÷
    /// arrivals due in it; `None` for a closed loop, whose users offer no more than they get.
    /// Arrivals due in the warm-up and done later count as carried, so that it may exceed 1.
    pub fn carried_ratio(&self) -> Option<f64> {
        let open = matches!(self.load, Load::Open { .. });
        // What nothing called for when it was due (opening connections, say) has no lag.
        let due = |operation: &&Operation| open && operation.pacing_lag.is_some();
        let due = self.operations.values().filter(due);
        let offered: u64 = due.clone().map(|o| o.attempted).sum();
        let carried: f64 = due.map(|o| o.throughput_per_s).sum();
        (offered > 0).then(|| carried * self.window.measured_s() / offered as f64)
    }

    /// Arrivals that never finished, over all operations.
    pub fn censored(&self) -> u64 {
        self.operations.values().map(|o| o.censored).sum()
    }

    /// Arrivals that did not succeed ÷ all arrivals, over all operations; `None` without any.
    pub fn error_ratio(&self) -> Option<f64> {
        let attempted = self.operations.values().map(|o| o.attempted).sum();
        let succeeded = self.operations.values().map(|o| o.succeeded).sum();
        unsuccessful_ratio(succeeded, attempted)
    }
}
