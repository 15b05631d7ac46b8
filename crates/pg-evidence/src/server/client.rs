//! Connection for queries and set-up beside the load. Each query is complete before the next one,
//! and leaves nothing on the session: no named statement, no setting. A pooler in transaction mode
//! may therefore run each query on a different session.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Error, Row, SimpleQueryMessage};

use pg_connect::{Address, ConnectError, RustlsConnector};

/// Statements that begin a transaction and disable all time-outs within it. (`transaction_timeout`
/// exists since version 17 of the server.)
pub const BEGIN_WITHOUT_TIMEOUTS: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT /* plimsoll */ set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'";
/// Largest number of further attempts to begin such a transaction, because a very short time-out
/// may expire before it is disabled.
pub const BEGIN_TRIES: usize = 10;

/// Query of the connection's TLS version and cipher, which returns no row without TLS.
const TLS_IN_USE: &str = "SELECT /* plimsoll */ version || ' ' || cipher FROM pg_stat_ssl
    WHERE pid = pg_backend_pid() AND ssl";

/// Value of a query's parameter that knows the PostgreSQL type as which it is sent.
pub trait QueryValue: ToSql + Sync {
    /// Returns the PostgreSQL type as which the value is sent.
    fn postgres_type(&self) -> Type;
}

/// Implements [`QueryValue`] for Rust types, each given with the name of its PostgreSQL type.
macro_rules! values {
    ($($value:ty => $postgres_type:ident),*) => {$(
        impl QueryValue for $value {
            fn postgres_type(&self) -> Type {
                Type::$postgres_type
            }
        }
    )*};
}

values!(
    &str => TEXT, String => TEXT, Option<&str> => TEXT, Vec<&str> => TEXT_ARRAY,
    i32 => INT4, i64 => INT8, &[i64] => INT8_ARRAY, Vec<i64> => INT8_ARRAY,
    Vec<i32> => INT4_ARRAY, Vec<String> => TEXT_ARRAY
);

/// Connection to a PostgreSQL server for queries beside the load, to which no statement time-out
/// applies.
#[derive(Debug)]
pub struct Client {
    inner: tokio_postgres::Client,
    /// Settings and TLS connector for another connection to the same server.
    settings: (Config, RustlsConnector),
    /// True if a statement time-out applies to the role, which must not cancel these queries.
    timed: bool,
    /// True if a transaction was begun on the connection and its end was not confirmed.
    open: AtomicBool,
}

impl Client {
    /// Connects to the server of `address` with the application name `application`.
    ///
    /// # Errors
    /// Returns the error of the last server that was tried, or of a pooler that has no free
    /// session.
    pub async fn open(address: &Address, application: &str) -> Result<Self, ConnectError> {
        let inner = address.connect(application).await?;
        let settings = (address.config(application), address.tls());
        Ok(Self::wrap(inner, settings).await?)
    }

    /// Wraps the new connection `inner`, and reads its statement time-out. Fails with the server's
    /// error.
    async fn wrap(
        inner: tokio_postgres::Client,
        settings: (Config, RustlsConnector),
    ) -> Result<Self, Error> {
        let shown = inner.simple_query("SHOW statement_timeout").await;
        let is_zero = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("0"),
            _ => false,
        };
        let timed = match shown {
            Ok(messages) => !messages.iter().any(is_zero),
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => true,
            Err(error) => return Err(error),
        };
        Ok(Self {
            inner,
            settings,
            timed,
            open: AtomicBool::new(false),
        })
    }

    /// Returns the settings and the TLS connector for another connection to the same server.
    pub fn settings(&self) -> (&Config, &RustlsConnector) {
        (&self.settings.0, &self.settings.1)
    }

    /// Returns TLS version and cipher of this connection, separated by a space, or `none`. Behind a
    /// pooler they are those of the pooler's own connection to the server.
    ///
    /// # Errors
    /// Returns the error of the query.
    pub async fn tls_in_use(&self) -> Result<String, Error> {
        let row = self.query_opt(TLS_IN_USE, &[]).await?;
        row.map_or(Ok("none".to_owned()), |row| row.try_get(0))
    }

    /// Returns true if the connection to the server has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Executes the query `sql` with `values` for `$1`, `$2` and so on, and returns all rows. A
    /// statement time-out of the role does not apply.
    ///
    /// # Errors
    /// Returns the error of the server or of the connection.
    pub async fn query(&self, sql: &str, values: &[&dyn QueryValue]) -> Result<Vec<Row>, Error> {
        let typed: Vec<(&(dyn ToSql + Sync), Type)> = values
            .iter()
            .map(|value| (*value as &(dyn ToSql + Sync), value.postgres_type()))
            .collect();
        if !self.timed {
            return self.inner.query_typed(sql, &typed).await;
        }
        self.begin("").await?;
        let asked = self.inner.query_typed(sql, &typed).await;
        self.end(asked).await
    }

    /// Executes the query `sql` with `values` for `$1`, `$2` and so on, and returns its first row.
    ///
    /// # Errors
    /// Returns the error of the server or of the connection, also if there is no row.
    pub async fn query_one(&self, sql: &str, values: &[&dyn QueryValue]) -> Result<Row, Error> {
        match self.query_opt(sql, values).await? {
            Some(row) => Ok(row),
            // Lets the driver create the error of a missing row.
            None => self.inner.query_typed_one("SELECT WHERE false", &[]).await,
        }
    }

    /// Executes the query `sql` with `values` for `$1`, `$2` and so on, and returns its first row;
    /// `None` if there is none.
    ///
    /// # Errors
    /// Returns the error of the server or of the connection.
    pub async fn query_opt(
        &self,
        sql: &str,
        values: &[&dyn QueryValue],
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Executes the statements of `sql`, separated by semicolons, by the simple query protocol. A
    /// statement time-out of the role applies.
    ///
    /// # Errors
    /// Returns the error of the server or of the connection.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.inner.batch_execute(sql).await
    }

    /// Executes the statements of `sql` in a transaction of their own. No time-outs apply but those
    /// that the statements `settings` set.
    ///
    /// # Errors
    /// Returns the error of the server or of the connection; the transaction is then rolled back.
    pub async fn in_transaction(&self, settings: &str, sql: &str) -> Result<(), Error> {
        self.begin(settings).await?;
        let done = self.inner.batch_execute(sql).await;
        self.end(done).await
    }

    /// Begins a transaction in which no time-outs apply but those that the statements `settings`
    /// set. Rolls back one that was left open.
    async fn begin(&self, settings: &str) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            // A transaction whose future was dropped is still open.
            if self.open.swap(true, Ordering::Relaxed) {
                self.inner.batch_execute("ROLLBACK").await?;
            }
            match self.inner.batch_execute(BEGIN_WITHOUT_TIMEOUTS).await {
                Err(error)
                    if error.code() == Some(&SqlState::QUERY_CANCELED) && tries < BEGIN_TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
                Ok(()) if settings.is_empty() => return Ok(()),
                Ok(()) => return self.inner.batch_execute(settings).await,
            }
        }
    }

    /// Ends the transaction that [`Client::begin`] began and returns `done`. Commits if `done` is a
    /// success, else rolls back. Fails with the error in `done`, or that of the commit.
    async fn end<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        let how = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.inner.batch_execute(how).await;
        if ended.is_ok() {
            self.open.store(false, Ordering::Relaxed);
        }
        let done = done?;
        ended.map(|()| done)
    }
}
