//! Kinds of resources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Resource that a load may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResourceKind {
    /// CPU of the machine.
    Cpu,
    /// Memory of the machine.
    Memory,
    /// Busiest disk of the machine.
    Disk,
    /// Network of the machine.
    Network,
    /// Client's pool of connections.
    Pool,
    /// Connections of the database server.
    Connections,
    /// Locks of the database server.
    Locks,
    /// Main thread of Redis.
    RedisThread,
    /// Queue of connections that the WebSocket server has not accepted yet.
    AcceptQueue,
    /// Threads of the load generator.
    Generator,
}

impl ResourceKind {
    /// Returns the name shown to people, as in `accept queue`.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Network => "network",
            Self::Pool => "pool",
            Self::Connections => "server's connections",
            Self::Locks => "locks",
            Self::RedisThread => "Redis's main thread",
            Self::AcceptQueue => "accept queue",
            Self::Generator => "generator's threads",
        }
    }
}
