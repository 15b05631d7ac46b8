//! Direct access to a driver's pool, for tasks that hold a connection, take a second one, or never
//! return one. The requests of the load use the drivers' sessions instead.

use std::time::Duration;

use load_engine::Failure;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Postgres};

use super::PoolOptions;
use crate::failure::{from_pool, from_postgres, from_sqlx};
use pg_evidence::fingerprint;

/// Target of the load that gives other tasks access to its pool.
pub(crate) trait HasPool {
    /// Returns a handle to the pool of this target, for tasks other than the load.
    fn pool_handle(&self) -> PoolHandle;
}

/// Handle to the pool of one of the two pooled drivers. Clones refer to the same pool.
#[derive(Debug, Clone)]
pub(crate) enum PoolHandle {
    /// Pool of deadpool-postgres
    Deadpool(deadpool_postgres::Pool),
    /// Pool of sqlx
    Sqlx(PgPool),
}

impl PoolHandle {
    /// Takes a connection out of the pool, waiting at most for the pool's checkout time-out.
    /// Dropping the lease returns it to the pool.
    ///
    /// # Errors
    /// Fails with the kind of failure to which the driver's error corresponds, such as a time-out.
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

    /// Closes idle connections that are older than `max_lifetime` or unused for longer than
    /// `idle_timeout`. Does nothing for sqlx, whose pool does it itself.
    pub(crate) fn reap(&self, options: &PoolOptions) {
        let Self::Deadpool(pool) = self else { return };
        let young = |bound: Option<Duration>, age: Duration| bound.is_none_or(|bound| age < bound);
        pool.retain(|_, metrics| {
            young(options.idle_timeout, metrics.last_used())
                && young(options.max_lifetime, metrics.age())
        });
    }
}

/// Connection that was taken out of a pool. Dropping it returns it to the pool.
#[derive(Debug)]
pub(crate) enum Lease {
    /// Connection of deadpool-postgres
    Deadpool(deadpool_postgres::Object),
    /// Connection of sqlx
    Sqlx(sqlx::pool::PoolConnection<Postgres>),
}

impl Lease {
    /// Closes the connection instead of returning it to the pool; failures are ignored.
    pub(crate) async fn end(self) {
        match self {
            Self::Deadpool(client) => drop(deadpool_postgres::Object::take(client)),
            // A broken connection is closed even if this fails.
            Self::Sqlx(connection) => drop(connection.close().await),
        }
    }

    /// Executes `sql`, one or several statements, and discards the rows.
    ///
    /// # Errors
    /// Fails with the kind of failure to which the driver's error corresponds, and the fingerprint
    /// of `sql`.
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
