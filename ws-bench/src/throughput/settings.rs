//! Settings of the scenario `throughput`, with all defaults filled in.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::load::{Defaults, LoadFlags};
use load_engine::RuntimeKind;
use serde_json::{Value, json};

use crate::load::load_settings::LoadSettings;

/// Defaults of this scenario for shared flags that are not given.
pub(crate) const DEFAULTS: Defaults = Defaults {
    warmup: Duration::from_secs(1),
    measure: Duration::from_secs(5),
    repeats: 1,
    runtime: RuntimeKind::PerCore,
};

/// Settings of a run.
#[derive(Debug, Clone)]
pub(crate) struct ThroughputSettings {
    /// Numbers of connections to measure, rising.
    pub(crate) connections: Vec<u64>,
    /// Largest number of messages on each connection that wait for their answers at the same time.
    pub(crate) in_flight: u64,
    /// Settings of the connections.
    pub(crate) load: LoadSettings,
    /// Flags of the load: rate, think time, durations, repeats and rules.
    pub(crate) flags: LoadFlags,
    /// Number of worker processes that hold the connections; `None` if this process holds them
    /// itself.
    pub(crate) workers: Option<u64>,
    /// Seed of the generator of random numbers.
    pub(crate) seed: u64,
}

impl ThroughputSettings {
    /// Returns the settings as entries of the report's configuration.
    pub(crate) fn config(&self) -> BTreeMap<String, Value> {
        let mut config = self.flags.config(self.seed, DEFAULTS);
        for (name, value) in [
            ("connections", json!(self.connections)),
            ("in_flight", json!(self.in_flight)),
            ("message_bytes", json!(self.load.sizes.to_string())),
            ("spawn_rate_per_s", json!(self.load.spawn_rate_per_s)),
            ("timeout_ns", json!(self.load.timeout.as_nanos() as u64)),
        ] {
            config.insert(name.to_owned(), value);
        }
        if let Some(workers) = self.workers {
            config.insert("workers".to_owned(), workers.into());
        }
        config
    }

    /// Returns the largest number of connections.
    pub(crate) fn most(&self) -> u64 {
        self.connections.iter().copied().max().unwrap_or(1)
    }
}
