//! The client's connection pool during a step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pool as sampled during the measured part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PoolUsage {
    /// Most connections it may hold.
    pub max_size: u64,
    /// Connections it held, on average.
    pub size_mean: f64,
    /// Connections checked out, on average.
    pub in_use_mean: f64,
    /// Most connections seen checked out; at most that many where several pools made the load, as their
    /// maxima are added.
    pub in_use_max: u64,
    /// Tasks waiting for a connection, on average; absent where the pool does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_mean: Option<f64>,
    /// Most tasks seen waiting; at most that many where several pools made the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_max: Option<u64>,
    /// Number of samples behind these figures.
    pub samples: u64,
    /// Parts of a checkout; absent where the pool does not expose them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutParts>,
}

/// Parts of the checkouts in the measured part. The three means add up to the mean checkout.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CheckoutParts {
    /// Checkouts behind these figures.
    pub count: u64,
    /// Checkouts that found no free place and had to wait for one.
    pub waited: u64,
    /// Checkouts that opened a connection.
    pub opened: u64,
    /// Mean time of a checkout spent waiting for a place in the pool, in nanoseconds.
    pub wait_mean_ns: f64,
    /// Mean time of a checkout spent on the driver's check of a kept connection, in nanoseconds.
    pub check_mean_ns: f64,
    /// Mean time of a checkout spent opening a connection, in nanoseconds.
    pub connect_mean_ns: f64,
}

impl CheckoutParts {
    /// Mean time of a checkout, in nanoseconds.
    pub fn mean_ns(&self) -> f64 {
        self.wait_mean_ns + self.check_mean_ns + self.connect_mean_ns
    }

    /// Several steps taken together; `None` without a checkout.
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
