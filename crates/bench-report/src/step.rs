//! One setting held for a while, and all that was measured in it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Histogram;

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

/// When a step ran, on the host's monotonic clock, in nanoseconds.
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

/// How the gaps between arrivals are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Evenly.
    #[default]
    Constant,
    /// Exponentially: independent users.
    Poisson,
}

/// What the generator was told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Load {
    /// Arrivals come when due, whatever the answers do.
    Open {
        /// Mean rate planned over the measured part.
        rate_per_s: f64,
        /// How gaps are drawn.
        pacing: Pacing,
        /// Most arrivals in flight at once.
        in_flight_cap: u64,
        /// Arrivals that waited at the cap.
        delayed_at_cap: u64,
    },
    /// Users who each wait for their answer.
    Closed {
        /// How many.
        users: u64,
        /// Pause of each user between answer and next request.
        think_time_ns: u64,
    },
}

/// What became of the arrivals of one operation that were due in the measured part.
///
/// Each phase has its own distribution and they add up: response = pacing lag + backlog + call,
/// call = checkout + service. A phase that does not exist here is absent: response, backlog and
/// pacing lag in a closed loop, checkout where there is no pool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// Arrivals, whatever became of them.
    pub attempted: u64,
    /// Those that did what they should.
    pub succeeded: u64,
    /// Those that failed, by kind.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Those still under way when the drain ended, or never started.
    #[serde(default)]
    pub censored: u64,
    /// Extra attempts that succeeded or failed arrivals took.
    #[serde(default)]
    pub retries: u64,
    /// Successes that were done in the measured part, whenever they were due, per second of it:
    /// what an overloaded target answers afterwards it has not carried.
    pub throughput_per_s: f64,
    /// Due to done, of successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Histogram>,
    /// Started to done, of successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Histogram>,
    /// Acquired to done (started to done without a pool), of successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Histogram>,
    /// Started to acquired, of successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<Histogram>,
    /// Released to started, of successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Histogram>,
    /// Due to released, of all arrivals that were released: ours alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing_lag: Option<Histogram>,
    /// Due (started, in a closed loop) to done, of failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Histogram>,
    /// Age of the censored when the drain ended: lower bounds of their response times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Histogram>,
}

impl Operation {
    /// Failures of every kind.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    /// What did not succeed ÷ all arrivals; `None` without any. Who waited until the drain ended
    /// and got no answer was failed as well.
    pub fn error_ratio(&self) -> Option<f64> {
        unsuccessful_ratio(self.succeeded, self.attempted)
    }

    /// What a user felt: response time where there is one, call time otherwise.
    pub fn latency(&self) -> Option<&Histogram> {
        self.response.as_ref().or(self.call.as_ref())
    }
}

/// One failure out of a bounded sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureSample {
    /// When it was over, on the monotonic clock.
    pub at_ns: u64,
    /// The operation that failed.
    pub operation: String,
    /// The phase it failed in: `checkout` or `service`.
    pub phase: String,
    /// Its kind, as counted in `errors`.
    pub kind: String,
    /// What the driver said, secrets redacted.
    pub message: String,
}

/// A pool as sampled during the measured part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PoolUsage {
    /// Most connections it may hold.
    pub max_size: u64,
    /// Connections it held, on average.
    pub size_mean: f64,
    /// Connections checked out, on average.
    pub in_use_mean: f64,
    /// Most connections seen checked out.
    pub in_use_max: u64,
    /// Tasks waiting for a connection, on average; absent where the pool does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_mean: Option<f64>,
    /// Most tasks seen waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_max: Option<u64>,
    /// Number of samples behind these figures.
    pub samples: u64,
}

/// One line of a table in the evidence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceRow {
    /// What it is about, as in `statement = SELECT … WHERE id = $1`; never anybody's data.
    pub labels: BTreeMap<String, String>,
    /// Figures by name, units in the names.
    pub figures: BTreeMap<String, f64>,
}

impl EvidenceRow {
    /// A line about what `labels` name; a figure that is not finite was not measured.
    pub fn new<const L: usize, const F: usize>(
        labels: [(&str, String); L],
        figures: [(&str, f64); F],
    ) -> Self {
        let finite = figures.into_iter().filter(|(_, value)| value.is_finite());
        Self {
            labels: labels.map(|(name, label)| (name.to_owned(), label)).into(),
            figures: finite
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }
}

/// What the server said of the step: deltas from before to after, and samples taken meanwhile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServerEvidence {
    /// Figures by name, units in the names.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Figures that belong to something with a name, by table: `statements`, `blocking` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Vec<EvidenceRow>>,
    /// What could not be read, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unavailable: BTreeMap<String, String>,
}

impl ServerEvidence {
    /// Evidence of which nothing could be read.
    pub fn unavailable(what: &str, reason: impl Into<String>) -> Self {
        let unavailable = BTreeMap::from([(what.to_owned(), reason.into())]);
        Self {
            unavailable,
            ..Self::default()
        }
    }

    /// Adds a figure; one that is not finite was not measured and stays absent.
    pub fn figure(&mut self, name: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.figures.insert(name.into(), value);
        }
    }
}

/// What the generator cost and how well it kept its plan, over the measured part.
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
    /// CPU time per attempted arrival, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_operation_ns: Option<f64>,
    /// Longest time by which the generator's own 10 ms heartbeat came late.
    pub worst_stall_ns: u64,
}

impl Generator {
    /// Share of their time from which threads that were at work may have been the limit themselves.
    pub const SATURATED_RATIO: f64 = 0.9;

    /// Whether all threads together were at work for the share `bound` of their time, or more.
    pub fn is_saturated(&self, bound: f64) -> bool {
        self.cpu_ratio >= bound
    }

    /// The share of its time for which the busiest thread was at work, where it was `bound` or more:
    /// one full thread among idle ones, as where all users share a connection that one task drives.
    pub fn full_thread(&self, bound: f64) -> Option<f64> {
        self.busiest_thread_ratio.filter(|ratio| *ratio >= bound)
    }
}

/// How a step ended.
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
        /// What broke it, with the figure.
        reason: String,
    },
    /// A signal ended it.
    Interrupted,
    /// It could not begin or go on.
    Failed {
        /// Why.
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
    /// When it ran.
    pub window: Window,
    /// What the generator was told to do.
    pub load: Load,
    /// What came out, by operation.
    pub operations: BTreeMap<String, Operation>,
    /// What came out by part of an operation, as by statement of a transaction. Each is a share
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
    /// Further figures of this step, units in their names, as in `hit_ratio`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// How it ended.
    #[serde(default)]
    pub end: StepEnd,
}

impl Step {
    /// Successes per second over all operations.
    pub fn throughput_per_s(&self) -> f64 {
        self.operations.values().map(|o| o.throughput_per_s).sum()
    }

    /// A setting as a number, where it is one.
    pub fn parameter(&self, name: &str) -> Option<f64> {
        self.parameters.get(name)?.as_f64()
    }

    /// Whether each of `settings` has the value named, as it is shown.
    pub fn is_with(&self, settings: &[(&str, &str)]) -> bool {
        let is = |(name, value): &(&str, &str)| {
            let parameter = self.parameters.get(*name);
            parameter.is_some_and(|parameter| parameter.to_string() == *value)
        };
        settings.iter().all(is)
    }

    /// What did not succeed ÷ all arrivals, over all operations; `None` without any.
    pub fn error_ratio(&self) -> Option<f64> {
        let attempted = self.operations.values().map(|o| o.attempted).sum();
        let succeeded = self.operations.values().map(|o| o.succeeded).sum();
        unsuccessful_ratio(succeeded, attempted)
    }
}

fn unsuccessful_ratio(succeeded: u64, attempted: u64) -> Option<f64> {
    (attempted > 0).then(|| attempted.saturating_sub(succeeded) as f64 / attempted as f64)
}
