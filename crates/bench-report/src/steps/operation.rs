//! Outcomes and latencies of the arrivals of one operation in a step.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Histogram;
use crate::histogram::Percentiles;

/// Outcomes and latencies of the arrivals of one operation that were due in the measured part.
///
/// Each phase has its own distribution. Phases add up: response = pacing lag + backlog + call, and
/// call = checkout + service. A phase that does not exist is absent: response, backlog and pacing
/// lag in a closed loop, checkout where there is no pool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// Number of arrivals, whether they succeeded or not.
    pub attempted: u64,
    /// Number of successful arrivals.
    pub succeeded: u64,
    /// Number of failed arrivals, by kind of failure.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Number of arrivals that had not finished when the drain ended, those that never started
    /// included.
    #[serde(default)]
    pub censored: u64,
    /// Number of censored arrivals that no session took up, so that they never started. If a
    /// target has several operations, these count for the first one, because their operation is
    /// unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub never_started: u64,
    /// Number of attempts after the first one, summed over finished arrivals.
    #[serde(default)]
    pub retries: u64,
    /// Successes per second that finished in the measured part, even if they were due before it.
    /// Answers after the measured part do not count, because an overloaded target did not deliver
    /// them in time.
    pub throughput_per_s: f64,
    /// Response times, from due to done, of successes; absent in a closed loop and without
    /// successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Histogram>,
    /// Call times, from started to done, of successes; absent without successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Histogram>,
    /// Service times, from the instant at which the connection was acquired (without a pool, from
    /// started) to done, of successes; absent without successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Histogram>,
    /// Checkout times, from started to the instant at which the connection was acquired from its
    /// pool, of successes; absent where there is no pool, and without successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<Histogram>,
    /// Backlog times, from released by the generator to started, of successes. A request waits
    /// that long for a free session. Absent in a closed loop and without successes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Histogram>,
    /// Pacing lag, from due to released by the generator, of all released arrivals: the
    /// generator's own lateness. Absent in a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing_lag: Option<Histogram>,
    /// Durations of failures, from due (in a closed loop, from started) to done; absent if none
    /// failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Histogram>,
    /// Ages of censored arrivals when the drain ended, which are lower bounds of their response
    /// times; absent if none were censored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Histogram>,
    /// Percentiles of latency, as [`Operation::latency`] chooses it, with censored arrivals
    /// included; absent if none were censored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_censored: Option<CensoredPercentiles>,
    /// Durations of the phases that the operation itself names, such as `tcp`, `tls`, by name, of
    /// successes. Each phase begins at the end of the one before. Empty if the operation names
    /// none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<String, Histogram>,
}

/// Percentiles of latency over finished and censored arrivals together, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CensoredPercentiles {
    /// Values of the percentiles: Kaplan–Meier estimates, or guaranteed lower bounds for those in
    /// `at_least`.
    pub percentiles_ns: Percentiles,
    /// Names of the percentiles that fall among censored arrivals, such as `p99`: each value is a
    /// lower bound.
    #[serde(default)]
    pub at_least: Vec<String>,
}

impl Operation {
    /// Returns the number of failed arrivals, summed over all kinds of failure; censored arrivals
    /// are not included.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Returns the share of arrivals that did not succeed, as a fraction from 0 to 1; `None`
    /// without arrivals. Censored arrivals count as failed.
    pub fn error_ratio(&self) -> Option<f64> {
        unsuccessful_ratio(self.succeeded, self.attempted)
    }

    /// Returns the histogram of the latency of successful arrivals: response time if there is one
    /// (open loop), else call time. `None` if no arrival succeeded.
    pub fn latency(&self) -> Option<&Histogram> {
        self.response.as_ref().or(self.call.as_ref())
    }

    /// Returns the percentiles of latency: over successful and censored arrivals if any were
    /// censored, else over the successful ones. `None` if there are neither.
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

/// Returns the share of `attempted` arrivals that did not succeed, as a fraction from 0 to 1;
/// `None` without arrivals.
pub(crate) fn unsuccessful_ratio(succeeded: u64, attempted: u64) -> Option<f64> {
    (attempted > 0).then(|| attempted.saturating_sub(succeeded) as f64 / attempted as f64)
}
