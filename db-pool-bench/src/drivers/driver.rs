//! Drivers under test, with which the bench connects to the server.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Driver with which the bench connects to the server and executes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Driver {
    /// The bare protocol, a socket for each user: the server's ceiling as this client sees it
    Wire,
    /// tokio-postgres without a pool, a connection for each user
    Direct,
    /// deadpool-postgres: a pool of tokio-postgres connections
    Deadpool,
    /// sqlx with its own pool
    Sqlx,
}

impl Driver {
    /// Returns the name of the driver as written on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Direct => "direct",
            Self::Deadpool => "deadpool",
            Self::Sqlx => "sqlx",
        }
    }

    /// Returns true if the driver has a pool, whose connections the users share; false if each user
    /// has a connection.
    pub(crate) fn is_pooled(self) -> bool {
        matches!(self, Self::Deadpool | Self::Sqlx)
    }

    /// Returns the name of the parameter that a sweep of this driver varies: `pool_size`, or
    /// `users` without a pool.
    pub(crate) fn swept(self) -> &'static str {
        if self.is_pooled() {
            "pool_size"
        } else {
            "users"
        }
    }
}
