//! Connection of the bare protocol, without a client library: one write and one answer for each
//! round trip.

use std::io;
use std::mem;

use pg_connect::RustlsConnector;
use pgbench_script::{BoundValue, ParameterType, StatementResult};
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{
    DATA_ROW_TAG, ERROR_RESPONSE_TAG, Message, READY_FOR_QUERY_TAG,
};
use postgres_protocol::message::frontend::{self, BindError};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::authentication;
use super::channel::MessageChannel;
use super::error::{ServerError, WireError};
use super::message::RawMessage;

/// Format code in the protocol for values in binary.
const BINARY: i16 = 1;
/// Row limit in the protocol that stands for no limit.
const UNLIMITED: i32 = 0;

/// Result of one round trip, over all of its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ExecutionResult {
    /// Number of rows that the server returned.
    pub(crate) rows: u64,
    /// First column of the last row as an integer, if it has four bytes, as an `int4` has; `None`
    /// for any other value and without rows.
    pub(crate) value: Option<i32>,
}

/// Connection to the server that one user at a time uses, without pipelining.
#[derive(Debug)]
pub(crate) struct BareConnection {
    channel: MessageChannel,
    /// True if the server waits for a request. False while an answer is being read, and for good
    /// once the connection is broken or a round trip was abandoned.
    idle: bool,
}

impl BareConnection {
    /// Connects and logs in with the settings of `config`, with TLS if it requests that. The
    /// connect time-out of `config`, if set, applies to all of this together.
    ///
    /// # Errors
    /// Fails with the error of the operating system or the server, after the time-out, or if
    /// `config` lacks a setting.
    pub(crate) async fn connect(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        let opening = Self::open(config, tls);
        let Some(bound) = config.get_connect_timeout() else {
            return opening.await;
        };
        let opened = timeout(*bound, opening).await;
        opened.unwrap_or_else(|_| Err(WireError::Connect(io::ErrorKind::TimedOut.into())))
    }

    async fn open(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        let mut channel = MessageChannel::open(config, tls).await?;
        authentication::log_in(&mut channel, config).await?;
        Ok(Self {
            channel,
            idle: true,
        })
    }

    /// Returns true if the connection can execute another request; false once it is broken or a
    /// round trip was abandoned.
    pub(crate) fn is_usable(&self) -> bool {
        self.idle
    }

    /// Prepares `sql` on the server as a statement called `name`. `types` are the types of its
    /// parameters, in order.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system.
    pub(crate) async fn prepare(
        &mut self,
        name: &str,
        sql: &str,
        types: impl IntoIterator<Item = ParameterType>,
    ) -> Result<(), WireError> {
        let oids = types.into_iter().map(ParameterType::oid);
        frontend::parse(name, sql, oids, &mut self.channel.outgoing)?;
        frontend::sync(&mut self.channel.outgoing);
        self.round_trip(None).await.map(drop)
    }

    /// Returns the type OIDs that the server infers for the parameters of `sql`, in order, without
    /// executing it.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system. The connection stays usable if
    /// the server refuses `sql`.
    pub(crate) async fn describe_parameters(&mut self, sql: &str) -> Result<Vec<u32>, WireError> {
        frontend::parse("", sql, [], &mut self.channel.outgoing)?;
        frontend::describe(b'S', "", &mut self.channel.outgoing)?;
        frontend::sync(&mut self.channel.outgoing);
        self.idle = false;
        self.channel.send().await?;
        let (mut types, mut refusal) = (Vec::new(), None);
        loop {
            match self.channel.next_message().await? {
                Message::ParameterDescription(body) => types = body.parameters().collect()?,
                Message::ErrorResponse(body) => {
                    refusal = Some(Box::new(ServerError::from_body(&body)?));
                }
                Message::ReadyForQuery(_) => {
                    self.idle = true;
                    return refusal.map_or(Ok(types), |error| Err(WireError::Server(error)));
                }
                _ => {}
            }
        }
    }

    /// Binds `values` to the prepared statement `name` and executes it, in one write; returns once
    /// the whole answer was read.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system.
    pub(crate) async fn execute(
        &mut self,
        name: &str,
        values: &[BoundValue],
    ) -> Result<ExecutionResult, WireError> {
        self.bind(name, values)?;
        self.round_trip(None).await
    }

    /// Parses `sql` as the unnamed statement, binds `values` and executes it, in one write; returns
    /// once the whole answer was read.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system.
    pub(crate) async fn execute_once(
        &mut self,
        sql: &str,
        values: &[BoundValue],
    ) -> Result<ExecutionResult, WireError> {
        let types = values.iter().map(|value| value.parameter_type().oid());
        frontend::parse("", sql, types, &mut self.channel.outgoing)?;
        self.bind("", values)?;
        self.round_trip(None).await
    }

    /// Appends to the outgoing messages those that bind `values` to the statement `name`, execute
    /// it and end the round trip.
    fn bind(&mut self, name: &str, values: &[BoundValue]) -> io::Result<()> {
        let bound = frontend::bind(
            "",
            name,
            [BINARY],
            values,
            |value, buffer| {
                Ok(if value.write(buffer) {
                    IsNull::No
                } else {
                    IsNull::Yes
                })
            },
            [BINARY],
            &mut self.channel.outgoing,
        );
        bound.map_err(|error| match error {
            BindError::Serialization(error) => error,
            BindError::Conversion(error) => io::Error::other(error),
        })?;
        frontend::execute("", UNLIMITED, &mut self.channel.outgoing)?;
        frontend::sync(&mut self.channel.outgoing);
        Ok(())
    }

    /// Executes `sql`, one or several statements, by the simple query protocol, and discards their
    /// rows.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system.
    pub(crate) async fn simple_query(&mut self, sql: &str) -> Result<ExecutionResult, WireError> {
        frontend::query(sql, &mut self.channel.outgoing)?;
        self.round_trip(None).await
    }

    /// Executes `sql` by the simple query protocol. Appends the result of each of its statements to
    /// `results`, with the values as text.
    ///
    /// # Errors
    /// Fails with the error of the server or the operating system.
    pub(crate) async fn simple_query_results(
        &mut self,
        sql: &str,
        results: &mut Vec<StatementResult>,
    ) -> Result<(), WireError> {
        frontend::query(sql, &mut self.channel.outgoing)?;
        self.round_trip(Some(results)).await.map(drop)
    }

    /// Informs the server that the connection ends, and closes it. Failures are ignored.
    pub(crate) async fn close(mut self) {
        self.channel.outgoing.clear();
        frontend::terminate(&mut self.channel.outgoing);
        // Fails if the server has already closed the connection, which does not matter here.
        let _ = self.channel.send().await;
    }

    /// Sends the outgoing messages, and reads until the server waits for the next request. Appends
    /// the result of each statement to `results`, if given; otherwise it allocates nothing unless
    /// the server reports an error.
    async fn round_trip(
        &mut self,
        mut results: Option<&mut Vec<StatementResult>>,
    ) -> Result<ExecutionResult, WireError> {
        self.idle = false;
        self.channel.send().await?;
        let mut executed = ExecutionResult::default();
        let mut refusal = None;
        let mut result = StatementResult::default();
        // Number of received bytes that were processed.
        let mut done = 0;
        loop {
            let Some(message) = RawMessage::parse_first(&self.channel.received()[done..])? else {
                self.channel.discard(mem::take(&mut done));
                match self.channel.receive().await {
                    Ok(()) => continue,
                    // If the server sent an error message before it closed the connection, that message is
                    // returned.
                    Err(broken) => return Err(refusal.map_or(broken.into(), WireError::Server)),
                }
            };
            done += message.whole.len();
            if let Some(results) = &mut results {
                message.add_to(&mut result, results)?;
            }
            match message.tag {
                DATA_ROW_TAG => {
                    executed.rows += 1;
                    executed.value = message.first_int4();
                }
                ERROR_RESPONSE_TAG => refusal = Some(Box::new(ServerError::parse(message.whole)?)),
                READY_FOR_QUERY_TAG => {
                    self.channel.discard(done);
                    self.idle = true;
                    return refusal.map_or(Ok(executed), |error| Err(WireError::Server(error)));
                }
                _ => {}
            }
        }
    }
}
