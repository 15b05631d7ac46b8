//! The components that a run loads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Confidence, EvidenceItem, OperatingPoint, TimeModel};

/// A component that was loaded, or the machine under all of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Component")]
pub enum ComponentKind {
    /// PostgreSQL behind a connection pool, or without one.
    Postgres,
    /// Redis.
    Redis,
    /// A WebSocket server.
    Websocket,
    /// The machine under all of them.
    Machine,
}

impl ComponentKind {
    /// The name people know it by.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Websocket => "WebSocket",
            Self::Machine => "Machine",
        }
    }

    /// The name it has in files and in finding ids.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Websocket => "websocket",
            Self::Machine => "machine",
        }
    }
}

/// One component under one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentAssessment {
    /// Component that was loaded.
    pub component: ComponentKind,
    /// Scenario of the load.
    pub scenario: String,
    /// The report it comes from.
    pub file: String,
    /// Operating point; absent for the machine, and where no step was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
    /// Limit that holds it there.
    pub limiting_factor: LimitingFactor,
    /// Division of the time of a call at the operating point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_model: Option<TimeModel>,
}

/// Limit that holds a component at its knee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitingFactor {
    /// A name for scripts, as in `machine_cpu.server`; `inconclusive` where it cannot be told.
    pub factor: String,
    /// One line with the figures.
    pub title: String,
    /// Way in which it was told from the others.
    pub reason: String,
    /// Confidence in it.
    pub confidence: Confidence,
    /// Evidence that it rests on.
    pub evidence: Vec<EvidenceItem>,
    /// The measurement that would tell, where it is not sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_tell: Option<String>,
}
