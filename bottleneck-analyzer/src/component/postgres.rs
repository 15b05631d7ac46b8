//! PostgreSQL, loaded by `db-pool-bench`.

use super::definition::{ComponentDefinition, LatencyObjective, TimeDivision};
use crate::assessment::ResourceKind;

pub(super) static POSTGRES: ComponentDefinition = ComponentDefinition {
    title: "PostgreSQL",
    name: "postgres",
    tool: "db-pool-bench",
    servers: &["postgres", "postmaster", "pgbouncer", "pgcat", "odyssey"],
    tool_serves: false,
    holds_connections: false,
    latency: Some(LatencyObjective {
        percentile: "p90",
        bound_ms: |objectives| objectives.postgres_p90_ms,
        critical_ms: None,
    }),
    own_figures: &[],
    time_division: Some(TimeDivision::SampledSessions),
    own_resources: &[ResourceKind::Connections, ResourceKind::Locks],
};
