//! The arms of a comparison: the same requests through each driver, set up alike.
//!
//! Statements are prepared on every connection, all connections are open before the load begins,
//! and a checkout may take equally long everywhere. What a driver does by default beyond that (a
//! ping before each checkout, say) stays on and is recorded in the report.

mod deadpool;
mod direct;
mod lender;
mod sqlx;
mod statements;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ::sqlx::postgres::PgPoolOptions;
use clap::ValueEnum;
use load_engine::{Failure, UserId};
use serde_json::{Value, json};

pub use deadpool::Deadpool;
pub use direct::Direct;
pub use lender::{Lease, Lender, Lends};
pub use sqlx::Sqlx;

use crate::address::Address;
use crate::conditions::{Hold, Holding};
use crate::workloads::{Requests, Tables, Workload};

/// A way to reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Driver {
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
            Self::Direct => "direct",
            Self::Deadpool => "deadpool",
            Self::Sqlx => "sqlx",
        }
    }

    /// Whether users share its connections.
    pub fn is_pooled(self) -> bool {
        self != Self::Direct
    }

    /// The parameter that a sweep varies.
    pub fn swept(self) -> &'static str {
        if self.is_pooled() {
            "pool_size"
        } else {
            "users"
        }
    }

    /// What it does by itself, for the report.
    pub fn config(self) -> BTreeMap<&'static str, Value> {
        match self {
            Self::Direct => BTreeMap::new(),
            Self::Deadpool => BTreeMap::from([("recycling", json!("fast"))]),
            Self::Sqlx => {
                let ping = PgPoolOptions::new().get_test_before_acquire();
                BTreeMap::from([("test_before_acquire", json!(ping))])
            }
        }
    }
}

/// How long opening the connections of a pool may take, however short its checkouts are to be.
const OPENING_BOUND: Duration = Duration::from_secs(30);

/// What all drivers are set up with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where the server is.
    pub address: Address,
    /// The name that connections give themselves.
    pub application: String,
    /// Connections of the pool; of no use without one.
    pub pool_size: u64,
    /// How long a checkout may take.
    pub checkout_timeout: Duration,
    /// What is asked.
    pub workload: Workload,
    /// Of which tables.
    pub tables: Arc<Tables>,
    /// Seed of the requests.
    pub seed: u64,
    /// The application's own work between answer and release.
    pub hold: Hold,
    /// How long the pool keeps its connections.
    pub lifetimes: Lifetimes,
    /// Connections that the pool has opened so far.
    pub opened: Arc<AtomicU64>,
}

/// How long a pool keeps its connections. By default all are opened before the load begins, and
/// none comes or goes by its age: a step holds its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lifetimes {
    /// Connections are opened only when one is asked for.
    pub cold: bool,
    /// One that nobody has used for so long is closed.
    pub idle: Option<Duration>,
    /// One that is so old is closed once it is given back.
    pub lifetime: Option<Duration>,
}

impl Setup {
    /// The names that outcomes index.
    pub fn operations(&self) -> &'static [&'static str] {
        self.workload.operations()
    }

    fn requests(&self, user: UserId) -> Requests {
        Requests::new(self.workload, self.tables.rows, self.seed, user)
    }

    fn holding(&self, user: UserId) -> Result<Holding, Failure> {
        Holding::new(self.hold, self.seed, user)
    }
}
