//! Redis and compatible servers, loaded by `redis-bench`.

use super::definition::{ComponentDefinition, LatencyObjective, TimeDivision};
use crate::assessment::ResourceKind;
use crate::requirement::GateFigure;

pub(super) static REDIS: ComponentDefinition = ComponentDefinition {
    title: "Redis",
    name: "redis",
    tool: "redis-bench",
    servers: &["redis-server", "valkey-server", "keydb-server", "dragonfly"],
    tool_serves: false,
    holds_connections: false,
    latency: Some(LatencyObjective {
        percentile: "p90",
        bound_ms: |objectives| objectives.redis_p90_ms,
        critical_ms: None,
    }),
    own_figures: &[GateFigure::HitRatio],
    time_division: Some(TimeDivision::CommandTimes),
    own_resources: &[ResourceKind::RedisThread],
};
