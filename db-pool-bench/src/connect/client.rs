//! The connection for our own questions and our own set-up. Each question is answered whole before
//! the next one and leaves nothing behind on the session: no named statement, no setting. So a
//! pooler in transaction mode may answer each on another session, and hands all of them back as
//! they were.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Error, Row, SimpleQueryMessage};

use pg_connect::{Address, ConnectError, RustlsConnector};

use crate::wire::{Link, WireError};

/// Lifts what would end our own work before it is done; nothing of it outlives the transaction.
/// `transaction_timeout` exists from version 17 on.
pub(super) const LIFT: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT /* plimsoll */ set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'";
/// The time-out that is about to be lifted may strike before that, if it is very short.
pub(super) const LIFTING_TRIES: usize = 10;

/// A value of a question, which knows the type as which it is sent.
pub trait Value: ToSql + Sync {
    /// That type.
    fn sent_as(&self) -> Type;
}

/// Says as what values of these types are sent.
macro_rules! values {
    ($($value:ty => $sent_as:ident),*) => {$(
        impl Value for $value {
            fn sent_as(&self) -> Type {
                Type::$sent_as
            }
        }
    )*};
}

values!(
    &str => TEXT, String => TEXT, Option<&str> => TEXT, Vec<&str> => TEXT_ARRAY,
    i32 => INT4, i64 => INT8, &[i64] => INT8_ARRAY, Vec<i64> => INT8_ARRAY,
    Vec<i32> => INT4_ARRAY, Vec<String> => TEXT_ARRAY
);

/// A connection for our own questions.
#[derive(Debug)]
pub struct Client {
    inner: tokio_postgres::Client,
    /// By what way it came about, for another one.
    way: (Config, RustlsConnector),
    /// True if the role's statements are timed, so that ours have to be freed of that.
    timed: bool,
    /// True if a transaction was begun whose end was not seen.
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
        Ok(Self::over(inner, settings).await?)
    }

    /// Takes over a connection on which nothing was asked yet.
    async fn over(
        inner: tokio_postgres::Client,
        way: (Config, RustlsConnector),
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
            way,
            timed,
            open: AtomicBool::new(false),
        })
    }

    /// Another connection by the same way, without any driver around it.
    pub(super) async fn bare(&self) -> Result<Link, WireError> {
        let (config, tls) = &self.way;
        Link::connect(config, tls).await
    }

    /// Returns true if the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Asks `sql` in one round trip; a time-out of the role's statements does not strike it.
    ///
    /// # Errors
    /// Fails with what the server said.
    pub async fn query(&self, sql: &str, values: &[&dyn Value]) -> Result<Vec<Row>, Error> {
        let typed: Vec<(&(dyn ToSql + Sync), Type)> = values
            .iter()
            .map(|value| (*value as &(dyn ToSql + Sync), value.sent_as()))
            .collect();
        if !self.timed {
            return self.inner.query_typed(sql, &typed).await;
        }
        self.begin("").await?;
        let asked = self.inner.query_typed(sql, &typed).await;
        self.end(asked).await
    }

    /// The first row that `sql` gives; it must give one.
    ///
    /// # Errors
    /// Fails with what the server said.
    pub async fn query_one(&self, sql: &str, values: &[&dyn Value]) -> Result<Row, Error> {
        match self.query_opt(sql, values).await? {
            Some(row) => Ok(row),
            // The driver makes the error that says so.
            None => self.inner.query_typed_one("SELECT WHERE false", &[]).await,
        }
    }

    /// The first row that `sql` gives, if it gives one.
    ///
    /// # Errors
    /// Fails with what the server said.
    pub async fn query_opt(&self, sql: &str, values: &[&dyn Value]) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Runs `sql` as it is, in one message.
    ///
    /// # Errors
    /// Fails with what the server said.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), Error> {
        self.inner.batch_execute(sql).await
    }

    /// Runs the statements of `sql` in a transaction of their own, without any time-out but those
    /// that `settings` set again. They are all done, or none of them.
    ///
    /// # Errors
    /// Fails with what the server said.
    pub async fn in_transaction(&self, settings: &str, sql: &str) -> Result<(), Error> {
        self.begin(settings).await?;
        let done = self.inner.batch_execute(sql).await;
        self.end(done).await
    }

    /// Begins a transaction without any time-out but those that `settings` set again.
    async fn begin(&self, settings: &str) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            // One that was given up halfway is still open.
            if self.open.swap(true, Ordering::Relaxed) {
                self.inner.batch_execute("ROLLBACK").await?;
            }
            match self.inner.batch_execute(LIFT).await {
                Err(error)
                    if error.code() == Some(&SqlState::QUERY_CANCELED) && tries < LIFTING_TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
                Ok(()) if settings.is_empty() => return Ok(()),
                Ok(()) => return self.inner.batch_execute(settings).await,
            }
        }
    }

    /// Ends the transaction that [`Client::begin`] began: commits where `done` went well, and fails as
    /// `done` did where it did not.
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
