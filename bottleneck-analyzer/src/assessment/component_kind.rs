//! Kinds of components.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Component that was loaded, or the machine that all of them run on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Component")]
pub(crate) enum ComponentKind {
    /// PostgreSQL behind a connection pool, or without one.
    Postgres,
    /// Redis, or a compatible server such as Valkey.
    Redis,
    /// A WebSocket server.
    Websocket,
    /// Machine that the other components run on.
    Machine,
}

impl ComponentKind {
    /// Returns the name shown to people, as in `PostgreSQL`.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Websocket => "WebSocket",
            Self::Machine => "Machine",
        }
    }

    /// Returns the name used in files and in the ids of findings, as in `postgres`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Websocket => "websocket",
            Self::Machine => "machine",
        }
    }
}
