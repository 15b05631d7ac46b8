//! Drivers that are compared: each executes the same requests with the same configuration.
//!
//! Statements are prepared on every connection, the checkout time-out is the same everywhere, and all
//! connections are open before the load begins unless the user sets another number. Other defaults of a
//! library stay as they are (such as a ping before each checkout) unless the user changes them, and are
//! recorded in the report.

mod client_calls;
mod deadpool;
mod direct;
mod driver;
mod options;
mod pool_handle;
mod pooled;
pub(crate) mod round_trips;
mod sqlx;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ::sqlx::postgres::PgConnectOptions;
use load_engine::{Failure, ThinkTime, UserId};
use tokio_postgres::{Client, Config};

pub(crate) use deadpool::Deadpool;
pub(crate) use direct::Direct;
pub(crate) use driver::Driver;
pub(crate) use options::{PoolOptions, Recycle};
pub(crate) use pool_handle::{HasPool, PoolHandle};
pub(crate) use sqlx::Sqlx;
pub(crate) use wire::Wire;

use crate::conditions::HoldTimer;
use crate::workloads::{SqlWorkload, User};
use pg_connect::Address;
use pg_connect::ConnectError;

/// Time-out for opening the connections of a pool; the checkout time-out does not apply.
const OPENING_BOUND: Duration = Duration::from_secs(30);

/// Settings of a driver that is tested.
#[derive(Debug, Clone)]
pub(crate) struct DriverSetup {
    /// Address of the server.
    pub(crate) address: Address,
    /// Application name under which the server shows the connections.
    pub(crate) application: String,
    /// Number of connections of the pool; not used by drivers without one.
    pub(crate) pool_size: u64,
    /// Options of the pool; not used by drivers without one.
    pub(crate) pool: PoolOptions,
    /// Time-out of a checkout.
    pub(crate) checkout_timeout: Duration,
    /// Workload that the requests execute.
    pub(crate) workload: Arc<SqlWorkload>,
    /// Seed of the random choices in requests.
    pub(crate) seed: u64,
    /// Time for which the application holds the connection after the answer.
    pub(crate) hold: ThinkTime,
    /// Number of connections that the pool has opened so far.
    pub(crate) opened: Arc<AtomicU64>,
}

impl DriverSetup {
    fn user(&self, user: UserId) -> User {
        User::new(&self.workload, self.seed, user)
    }

    /// Returns the connection settings for all drivers except sqlx.
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
