//! Sections of the thresholds file that hold plain numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! sections {
    ($($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $field:ident : $kind:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[allow(
            missing_docs,
            clippy::struct_field_names,
            reason = "thresholds.toml documents the values, whose names end in their unit"
        )]
        pub(crate) struct $name { $($(#[$of])* pub $field: $kind),* }
    )*};
}

sections! {
    /// Objectives of production readiness, which the gates judge.
    Objectives {
        postgres_p90_ms: f64, redis_p90_ms: f64, websocket_p95_ms: f64,
        websocket_connect_p95_ms: f64, error_ratio: f64, cache_hit_ratio: f64,
        websocket_success_ratio: f64, memory_used_ratio: f64,
    }
    /// Bounds of bands beyond those that the objectives and the sections of resources set.
    #[derive(Default)]
    BandBounds {
        websocket_p95_critical_ms: f64, error_warning_ratio: f64, error_critical_ratio: f64,
        websocket_success_critical_ratio: f64,
    }
    /// Margins and minimum load of recommended promises.
    Sla {
        throughput_headroom_ratio: f64, latency_margin_ratio: f64, budget_days: u64,
        #[serde(default)]
        least_load_s: f64,
    }
    /// Thresholds of CPU use, as ratios from 0 to 1.
    Cpu {
        warning_ratio: f64, critical_ratio: f64, others_ratio: f64, steal_ratio: f64,
        generator_ratio: f64,
    }
    /// Thresholds of memory and swap.
    Memory {
        warning_ratio: f64, pressure_ratio: f64, swap_in_bytes_per_s: f64,
    }
    /// Thresholds of connection pools.
    Pool {
        checkout_share_ratio: f64, checkout_cost_ratio: f64, too_large_p99_ratio: f64,
        connections_warning_ratio: f64, connections_critical_ratio: f64,
        #[serde(default)]
        use_warning_ratio: f64,
        #[serde(default)]
        use_critical_ratio: f64,
    }
    /// Thresholds of waits inside PostgreSQL.
    Waits {
        lock_share_ratio: f64, lwlock_share_ratio: f64, io_share_ratio: f64, slow_commit_ms: f64,
    }
    /// Thresholds of evictions in a Redis that is used as a cache.
    Cache { evicted_per_write_ratio: f64, least_evictions: u64 }
    /// Thresholds for the noise and the number of samples of a measurement.
    Measurement { noise_ratio: f64, least_samples: u64 }
}
