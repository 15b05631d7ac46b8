//! Outcomes and latencies of the arrivals of one operation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Histogram;
use crate::histogram::Percentiles;

/// Outcomes and latencies of the arrivals of one operation that were due in the measured part.
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
    /// Those of the censored that no session ever took up; where a target has several operations,
    /// they count for the first, as nobody knows which they would have become.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub never_started: u64,
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
    /// Percentiles of [`Operation::latency`] that take the censored into account; absent where
    /// nothing was censored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_censored: Option<CensoredPercentiles>,
    /// Durations of the phases that the operation itself names, of successes, as in `tcp`, `tls`;
    /// absent where it names none. Each begins where the one before it ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<String, Histogram>,
}

/// Percentiles over finished and censored arrivals together, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CensoredPercentiles {
    /// The Kaplan–Meier estimate, or the guaranteed lower bound where `at_least` names it.
    pub percentiles_ns: Percentiles,
    /// Names of the percentiles that fall among the censored, as in `p99`: each is a lower bound.
    #[serde(default)]
    pub at_least: Vec<String>,
}

impl Operation {
    /// Failures of every kind.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Arrivals that did not succeed ÷ all arrivals; `None` without any. Those that still waited when
    /// the drain ended count as failed.
    pub fn error_ratio(&self) -> Option<f64> {
        unsuccessful_ratio(self.succeeded, self.attempted)
    }

    /// Latency of successful arrivals: response time where there is one, call time otherwise.
    pub fn latency(&self) -> Option<&Histogram> {
        self.response.as_ref().or(self.call.as_ref())
    }

    /// Percentiles of latency as the report has them: over successful and censored arrivals where any
    /// were censored, else over the successful ones. `None` where there are neither.
    pub fn percentiles(&self) -> Option<CensoredPercentiles> {
        let of_all = || self.with_censored.clone();
        of_all().or_else(|| {
            self.latency().map(|latency| CensoredPercentiles {
                percentiles_ns: latency.percentiles_ns,
                at_least: Vec::new(),
            })
        })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As serde calls it.
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Arrivals that did not succeed ÷ all arrivals; `None` without any.
pub(crate) fn unsuccessful_ratio(succeeded: u64, attempted: u64) -> Option<f64> {
    (attempted > 0).then(|| attempted.saturating_sub(succeeded) as f64 / attempted as f64)
}
