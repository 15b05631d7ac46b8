//! Drivers that are compared: each executes the same requests on the server with the same
//! configuration.
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

/// Time-out for opening one connection of a pool before the load begins, 30 s; the checkout
/// time-out does not apply.
const OPENING_BOUND: Duration = Duration::from_secs(30);

/// Settings with which a driver under test connects and executes requests.
#[derive(Debug, Clone)]
pub(crate) struct DriverSetup {
    /// Address of the server.
    pub(crate) address: Address,
    /// Application name under which the server shows the connections.
    pub(crate) application: String,
    /// Number of connections of the pool, over all worker threads; not used by drivers without a
    /// pool.
    pub(crate) pool_size: u64,
    /// Options of the pool; not used by drivers without a pool.
    pub(crate) pool: PoolOptions,
    /// Longest wait for a connection of the pool, after which a request fails.
    pub(crate) checkout_timeout: Duration,
    /// Workload that the requests execute.
    pub(crate) workload: Arc<SqlWorkload>,
    /// Seed of the random choices in requests; equal seeds give equal requests.
    pub(crate) seed: u64,
    /// Time for which the application holds a connection after the server's last answer to a
    /// request.
    pub(crate) hold: ThinkTime,
    /// Number of connections that the pools have opened so far; clones of these settings share the
    /// count.
    pub(crate) opened: Arc<AtomicU64>,
}

impl DriverSetup {
    fn user(&self, user: UserId) -> User {
        User::new(&self.workload, self.seed, user)
    }

    /// Returns the connection settings for all drivers except sqlx, with the workload's search
    /// path.
    fn config(&self) -> Config {
        let mut config = self.address.config(&self.application);
        self.set_search_path(&mut config);
        config
    }

    /// Opens one tokio-postgres connection with these settings, without a pool.
    async fn connect(&self) -> Result<Client, ConnectError> {
        let connected = self.address.connect_with(&self.application, |config| {
            self.set_search_path(config);
        });
        connected.await
    }

    /// Adds the search path of the workload's scripts, if they have one, to the options of
    /// `config`.
    fn set_search_path(&self, config: &mut Config) {
        if let Some(path) = &self.workload.search_path {
            let theirs = config.get_options().unwrap_or_default();
            let options = format!("{theirs} -c search_path={path}");
            config.options(options.trim_start());
        }
    }

    /// Returns the connection settings for sqlx, with the workload's search path.
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
