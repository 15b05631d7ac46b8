//! A driver's pool for direct use: by tasks that hold a connection, take a second one, or never
//! give one back. The load itself goes through the drivers' sessions.

use std::time::Duration;

use load_engine::Failure;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Postgres};

use super::PoolOptions;
use crate::failure::{from_pool, from_postgres, from_sqlx};
use pg_evidence::fingerprint;

/// Target with a pool that other tasks may use.
pub(crate) trait HasPool {
    /// Returns the pool.
    fn pool_handle(&self) -> PoolHandle;
}

/// Pool of either driver.
#[derive(Debug, Clone)]
pub(crate) enum PoolHandle {
    /// deadpool-postgres
    Deadpool(deadpool_postgres::Pool),
    /// sqlx
    Sqlx(PgPool),
}

impl PoolHandle {
    /// Takes a connection out of the pool; it returns when it is dropped.
    ///
    /// # Errors
    /// Fails with the driver's error, by kind.
    pub(crate) async fn checkout(&self) -> Result<Lease, Failure> {
        match self {
            Self::Deadpool(pool) => {
                let client = pool.get().await.map_err(|error| from_pool(&error))?;
                Ok(Lease::Deadpool(client))
            }
            Self::Sqlx(pool) => {
                let connection = pool.acquire().await.map_err(|error| from_sqlx(&error))?;
                Ok(Lease::Sqlx(connection))
            }
        }
    }

    /// Closes connections that are idle for too long or too old, where the pool does not do so
    /// itself: deadpool leaves that to the application.
    pub(crate) fn reap(&self, options: &PoolOptions) {
        let Self::Deadpool(pool) = self else { return };
        let young = |bound: Option<Duration>, age: Duration| bound.is_none_or(|bound| age < bound);
        pool.retain(|_, metrics| {
            young(options.idle_timeout, metrics.last_used())
                && young(options.max_lifetime, metrics.age())
        });
    }
}

/// Connection taken out of the pool.
#[derive(Debug)]
pub(crate) enum Lease {
    /// Connection of deadpool-postgres
    Deadpool(deadpool_postgres::Object),
    /// Connection of sqlx
    Sqlx(sqlx::pool::PoolConnection<Postgres>),
}

impl Lease {
    /// Closes the connection instead of returning it.
    pub(crate) async fn end(self) {
        match self {
            Self::Deadpool(client) => drop(deadpool_postgres::Object::take(client)),
            // A broken connection is closed in any case.
            Self::Sqlx(connection) => drop(connection.close().await),
        }
    }

    /// Runs `sql` and drops its rows.
    ///
    /// # Errors
    /// Fails with the driver's error, by kind.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), Failure> {
        let ran = self.execute(sql).await;
        ran.map_err(|failure| failure.with_statement(fingerprint::fingerprint(sql)))
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        match self {
            Self::Deadpool(client) => {
                let done = client.batch_execute(sql).await;
                done.map_err(|error| from_postgres(&error))
            }
            Self::Sqlx(connection) => {
                let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
                let done = query.execute(&mut **connection).await;
                done.map(drop).map_err(|error| from_sqlx(&error))
            }
        }
    }
}
