//! The arms of a comparison: the same requests through each driver, set up alike.
//!
//! Statements are prepared on every connection, all connections are open before the load begins
//! unless told otherwise, and a checkout may take equally long everywhere. What a library does by
//! default beyond that (a ping before each checkout, say) stays on unless told otherwise, and is
//! recorded in the report.

mod deadpool;
mod direct;
mod options;
pub mod round_trips;
mod sqlx;
mod statements;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use load_engine::UserId;

pub use deadpool::Deadpool;
pub use direct::Direct;
pub use options::{PoolOptions, Recycle};
pub use sqlx::Sqlx;
pub use wire::Wire;

use crate::address::Address;
use crate::workloads::{Requests, Tables, Workload};

/// A way to reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Driver {
    /// The bare protocol, a socket for each user: the server's ceiling as this client sees it
    Wire,
    /// tokio-postgres without a pool, a connection for each user
    Direct,
    /// deadpool-postgres
    Deadpool,
    /// sqlx
    Sqlx,
}

impl Driver {
    /// Its name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Direct => "direct",
            Self::Deadpool => "deadpool",
            Self::Sqlx => "sqlx",
        }
    }

    /// Whether users share its connections.
    pub fn is_pooled(self) -> bool {
        matches!(self, Self::Deadpool | Self::Sqlx)
    }

    /// The parameter that a sweep varies.
    pub fn swept(self) -> &'static str {
        if self.is_pooled() {
            "pool_size"
        } else {
            "users"
        }
    }
}

/// What all drivers are set up with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where the server is.
    pub address: Address,
    /// The name that connections give themselves.
    pub application: String,
    /// Connections of the pool; of no use without one.
    pub pool_size: u64,
    /// How the pool is kept; of no use without one.
    pub pool: PoolOptions,
    /// How long a checkout may take.
    pub checkout_timeout: Duration,
    /// What is asked.
    pub workload: Workload,
    /// Of which tables.
    pub tables: Arc<Tables>,
    /// Seed of the requests.
    pub seed: u64,
}

impl Setup {
    fn requests(&self, user: UserId) -> Requests {
        Requests::new(self.workload, self.tables.rows, self.seed, user)
    }
}
