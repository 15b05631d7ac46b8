//! Use of the client's connection pool during a step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Use of the client's connection pool, from samples during the measured part of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PoolUsage {
    /// Largest number of connections that the pool may hold, as configured.
    pub max_size: u64,
    /// Number of connections in the pool, as a mean over the samples.
    pub size_mean: f64,
    /// Number of connections that were checked out, as a mean over the samples.
    pub in_use_mean: f64,
    /// Largest number of connections that were checked out in any sample. An upper bound if several
    /// pools made the load, because their maxima are added.
    pub in_use_max: u64,
    /// Number of tasks that waited for a connection, as a mean over the samples; absent where the
    /// pool does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_mean: Option<f64>,
    /// Largest number of tasks that waited for a connection in any sample. An upper bound if
    /// several pools made the load, because their maxima are added. Absent where the pool does not
    /// report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_max: Option<u64>,
    /// Number of samples of the pool's state; with several pools, that of the pool with the most.
    pub samples: u64,
    /// Mean times of the parts of a checkout; absent where the pool does not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutParts>,
}

/// Parts of the checkouts of successful requests: waiting, check, connecting. The three means add
/// up to the mean time of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CheckoutParts {
    /// Number of checkouts over which the means are taken.
    pub count: u64,
    /// Number of checkouts that found no free place in the pool and had to wait.
    pub waited: u64,
    /// Number of checkouts that opened a new connection.
    pub opened: u64,
    /// Time that a checkout waits for a place in the pool, in nanoseconds, as a mean over all
    /// checkouts.
    pub wait_mean_ns: f64,
    /// Time of the driver's check of a pooled connection, in nanoseconds, as a mean over all
    /// checkouts.
    pub check_mean_ns: f64,
    /// Time of opening a connection, in nanoseconds, as a mean over all checkouts.
    pub connect_mean_ns: f64,
}

impl CheckoutParts {
    /// Returns the mean time of a checkout, in nanoseconds: the sum of the three parts.
    pub fn mean_ns(&self) -> f64 {
        self.wait_mean_ns + self.check_mean_ns + self.connect_mean_ns
    }

    /// Merges the checkouts of several steps or pools, with means weighted by the number of
    /// checkouts; `None` if there were none.
    pub fn merged<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut sum = Self::default();
        for parts in all {
            let count = parts.count as f64;
            sum.count += parts.count;
            sum.waited += parts.waited;
            sum.opened += parts.opened;
            sum.wait_mean_ns += parts.wait_mean_ns * count;
            sum.check_mean_ns += parts.check_mean_ns * count;
            sum.connect_mean_ns += parts.connect_mean_ns * count;
        }
        let count = sum.count as f64;
        (sum.count > 0).then(|| Self {
            wait_mean_ns: sum.wait_mean_ns / count,
            check_mean_ns: sum.check_mean_ns / count,
            connect_mean_ns: sum.connect_mean_ns / count,
            ..sum
        })
    }
}
