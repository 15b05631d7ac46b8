//! WebSocket servers, loaded by `ws-bench`.

use super::definition::{ComponentDefinition, LatencyObjective, TimeDivision};
use crate::assessment::ResourceKind;
use crate::requirement::GateFigure;

pub(super) static WEBSOCKET: ComponentDefinition = ComponentDefinition {
    title: "WebSocket",
    name: "websocket",
    tool: "ws-bench",
    servers: &[],
    tool_serves: true,
    holds_connections: true,
    latency: Some(LatencyObjective {
        percentile: "p95",
        bound_ms: |objectives| objectives.websocket_p95_ms,
        critical_ms: Some(|bands| bands.websocket_p95_critical_ms),
    }),
    own_figures: &[GateFigure::Connected],
    time_division: Some(TimeDivision::ConnectionPhases),
    own_resources: &[ResourceKind::AcceptQueue],
};
