//! Connection for queries and set-up beside the load. Each query is complete before the next one and
//! leaves nothing behind on the session: no named statement, no setting. A pooler in transaction
//! mode may therefore run each on another session.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Error, Row, SimpleQueryMessage};

use pg_connect::{Address, ConnectError, RustlsConnector};

/// Begins a transaction and disables all time-outs within it. `transaction_timeout` exists from
/// version 17 on.
pub const BEGIN_WITHOUT_TIMEOUTS: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT /* plimsoll */ set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'";
/// Number of tries: a very short time-out may strike before it is disabled.
pub const BEGIN_TRIES: usize = 10;

/// Query of version and cipher of the connection's TLS.
const TLS_IN_USE: &str = "SELECT /* plimsoll */ version || ' ' || cipher FROM pg_stat_ssl
    WHERE pid = pg_backend_pid() AND ssl";

/// Value of a query, with the type as which it is sent.
pub trait QueryValue: ToSql + Sync {
    /// Returns the type as which it is sent.
    fn postgres_type(&self) -> Type;
}

/// Assigns a PostgreSQL type to each Rust type.
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

/// Connection for queries beside the load.
#[derive(Debug)]
pub struct Client {
    inner: tokio_postgres::Client,
    /// Settings for a second connection to the same server.
    settings: (Config, RustlsConnector),
    /// True if the role has a statement time-out, which must not strike them.
    timed: bool,
    /// True if a transaction was begun and its end was not seen.
    open: AtomicBool,
}

impl Client {
    /// Connects to `address` as `application`.
    ///
    /// # Errors
    /// Fails with the error of the last server that was tried, or of a pooler that has no session
    /// to give.
    pub async fn open(address: &Address, application: &str) -> Result<Self, ConnectError> {
        let inner = address.connect(application).await?;
        let settings = (address.config(application), address.tls());
        Ok(Self::wrap(inner, settings).await?)
    }

    /// Wraps a connection on which nothing was asked yet.
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

    /// Returns the settings for a second connection to the same server.
    pub fn settings(&self) -> (&Config, &RustlsConnector) {
        (&self.settings.0, &self.settings.1)
    }

    /// Returns version and cipher of the TLS on this connection, or `none`. Behind a pooler this is
    /// the pooler's own connection to the server.
    ///
    /// # Errors
    /// Fails with the server's error.
    pub async fn tls_in_use(&self) -> Result<String, Error> {
        let row = self.query_opt(TLS_IN_USE, &[]).await?;
        row.map_or(Ok("none".to_owned()), |row| row.try_get(0))
    }

    /// Returns true if the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Executes the query `sql`; a statement time-out of the role does not strike it.
    ///
    /// # Errors
    /// Fails with the server's error.
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

    /// Returns the first row of the query `sql`, which must give one.
    ///
    /// # Errors
    /// Fails with the server's error.
    pub async fn query_one(&self, sql: &str, values: &[&dyn QueryValue]) -> Result<Row, Error> {
        match self.query_opt(sql, values).await? {
            Some(row) => Ok(row),
            // The driver creates the error of a missing row.
            None => self.inner.query_typed_one("SELECT WHERE false", &[]).await,
        }
    }

    /// Returns the first row of the query `sql`, if it gives one.
    ///
    /// # Errors
    /// Fails with the server's error.
    pub async fn query_opt(
        &self,
        sql: &str,
        values: &[&dyn QueryValue],
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Runs `sql` by the simple query protocol.
    ///
    /// # Errors
    /// Fails with the server's error.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.inner.batch_execute(sql).await
    }

    /// Runs the statements of `sql` in a transaction, without any time-outs but those that the
    /// statements `settings` set.
    ///
    /// # Errors
    /// Fails with the server's error.
    pub async fn in_transaction(&self, settings: &str, sql: &str) -> Result<(), Error> {
        self.begin(settings).await?;
        let done = self.inner.batch_execute(sql).await;
        self.end(done).await
    }

    /// Begins a transaction without any time-outs but those that the statements `settings` set.
    async fn begin(&self, settings: &str) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            // A transaction that was abandoned halfway is still open.
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

    /// Ends the transaction that [`Client::begin`] began: commits if `done` is a success, else rolls
    /// back and returns its error.
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
