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
    /// What a checkout consisted of; absent where the pool does not let it be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutParts>,
}

/// What checkouts of the measured part consisted of. The three means add up to the mean checkout.
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
