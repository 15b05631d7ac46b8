//! Drivers under comparison: the same requests through each of them, configured alike.
//!
//! Statements are prepared on every connection, all connections are open before the load begins
//! unless told otherwise, and the checkout time-out is the same everywhere. Further defaults of a
//! library (a ping before each checkout, say) stay on unless told otherwise, and are recorded in
//! the report.

mod client_calls;
mod deadpool;
mod direct;
mod options;
mod pool_handle;
mod pooled;
pub mod round_trips;
mod sqlx;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ::sqlx::postgres::PgConnectOptions;
use clap::ValueEnum;
use load_engine::{Failure, ThinkTime, UserId};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Config};

pub use deadpool::Deadpool;
pub use direct::Direct;
pub use options::{PoolOptions, Recycle};
pub(crate) use pool_handle::{HasPool, PoolHandle};
pub use sqlx::Sqlx;
pub use wire::Wire;

use crate::conditions::HoldTimer;
use crate::workloads::{SqlWorkload, User};
use pg_connect::Address;
use pg_connect::ConnectError;

/// Driver by which the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Returns the name as written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::Direct => "direct",
            Self::Deadpool => "deadpool",
            Self::Sqlx => "sqlx",
        }
    }

    /// Returns true if users share its connections.
    pub(crate) fn is_pooled(self) -> bool {
        matches!(self, Self::Deadpool | Self::Sqlx)
    }

    /// Returns the parameter that a sweep varies.
    pub(crate) fn swept(self) -> &'static str {
        if self.is_pooled() {
            "pool_size"
        } else {
            "users"
        }
    }
}

/// Time-out of opening a pool's connections, whatever the checkout time-out.
const OPENING_BOUND: Duration = Duration::from_secs(30);

/// Settings of a driver under test.
#[derive(Debug, Clone)]
pub struct DriverSetup {
    /// Address of the server.
    pub address: Address,
    /// Application name of the connections.
    pub application: String,
    /// Connections of the pool; unused without one.
    pub pool_size: u64,
    /// Options of the pool; unused without one.
    pub pool: PoolOptions,
    /// Time-out of a checkout.
    pub checkout_timeout: Duration,
    /// Workload of the requests.
    pub workload: Arc<SqlWorkload>,
    /// Seed of the requests.
    pub seed: u64,
    /// Time for which the application holds the connection after the answer.
    pub hold: ThinkTime,
    /// Number of connections that the pool has opened so far.
    pub opened: Arc<AtomicU64>,
}

impl DriverSetup {
    fn user(&self, user: UserId) -> User {
        User::new(&self.workload, self.seed, user)
    }

    /// Returns the connection settings for all drivers but sqlx.
    fn config(&self) -> Config {
        let mut config = self.address.config(&self.application);
        self.set_search_path(&mut config);
        config
    }

    /// Opens a connection of tokio-postgres without a pool.
    async fn connect(&self) -> Result<Client, ConnectError> {
        let connected = self.address.connect_with(&self.application, |config| {
            self.set_search_path(config);
        });
        connected.await
    }

    /// Adds the search path of scripts to the options of `config`.
    fn set_search_path(&self, config: &mut Config) {
        if let Some(path) = &self.workload.search_path {
            let theirs = config.get_options().unwrap_or_default();
            let options = format!("{theirs} -c search_path={path}");
            config.options(options.trim_start());
        }
    }

    /// Returns the connection settings for sqlx.
    fn sqlx(&self) -> PgConnectOptions {
        let options = self.address.sqlx(&self.application);
        match &self.workload.search_path {
            Some(path) => options.options([("search_path", path)]),
            None => options,
        }
    }

    fn hold_timer(&self, user: UserId) -> Result<HoldTimer, Failure> {
        HoldTimer::new(self.hold, self.seed, user)
    }
}
