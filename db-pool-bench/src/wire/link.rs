//! A connection with its two buffers: one write and one answer for each round trip.

use std::io;
use std::mem;

use bytes::{Buf as _, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{
    DATA_ROW_TAG, ERROR_RESPONSE_TAG, Message, READY_FOR_QUERY_TAG,
};
use postgres_protocol::message::frontend::{self, BindError};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use super::error::{ServerError, WireError};
use super::login;
use super::message::Received;
use super::socket::Socket;
use pg_connect::RustlsConnector;
use pgbench_script::{BoundValue, ParameterType, StatementResult};

/// Room for reading: more than any answer of a workload takes.
const READ_BYTES: usize = 8 * 1024;
/// Below this much room the buffer is moved to its beginning, or grows.
const LEAST_ROOM_BYTES: usize = 1024;
const BINARY: i16 = 1;
const UNLIMITED: i32 = 0;

/// What came back of one round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer {
    /// Rows.
    pub rows: u64,
    /// The first column of the last row, where that is an `int4`.
    pub value: Option<i32>,
}

/// A connection that one user has to itself.
#[derive(Debug)]
pub struct Link {
    socket: Socket,
    outgoing: BytesMut,
    incoming: BytesMut,
    /// True if the server waits for a request: not so halfway through an answer, nor ever again
    /// once the connection broke.
    settled: bool,
}

impl Link {
    /// Connects and logs in, by `tls` where `config` asks for it.
    ///
    /// # Errors
    /// Fails with what the system or the server said, or what the settings lack.
    pub async fn connect(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        let opening = Self::open(config, tls);
        let Some(patience) = config.get_connect_timeout() else {
            return opening.await;
        };
        let opened = timeout(*patience, opening).await;
        opened.unwrap_or_else(|_| Err(WireError::Connect(io::ErrorKind::TimedOut.into())))
    }

    async fn open(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        let mut link = Self {
            socket: Socket::open(config, tls).await?,
            outgoing: BytesMut::with_capacity(LEAST_ROOM_BYTES),
            incoming: BytesMut::with_capacity(READ_BYTES),
            settled: false,
        };
        login::log_in(&mut link, config).await?;
        link.settled = true;
        Ok(link)
    }

    /// Returns true if it can still be used.
    pub fn is_usable(&self) -> bool {
        self.settled
    }

    /// Prepares `sql`, which takes parameters of `kinds`, as `name`.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn prepare(
        &mut self,
        name: &str,
        sql: &str,
        kinds: impl IntoIterator<Item = ParameterType>,
    ) -> Result<(), WireError> {
        let types = kinds.into_iter().map(ParameterType::oid);
        frontend::parse(name, sql, types, &mut self.outgoing)?;
        frontend::sync(&mut self.outgoing);
        self.round_trip(None).await.map(drop)
    }

    /// The numbers of the types that the parameters of `sql` have, which is not executed.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn describe(&mut self, sql: &str) -> Result<Vec<u32>, WireError> {
        frontend::parse("", sql, [], &mut self.outgoing)?;
        frontend::describe(b'S', "", &mut self.outgoing)?;
        frontend::sync(&mut self.outgoing);
        self.settled = false;
        self.send().await?;
        let (mut types, mut refusal) = (Vec::new(), None);
        loop {
            match self.message().await? {
                Message::ParameterDescription(body) => types = body.parameters().collect()?,
                Message::ErrorResponse(body) => refusal = Some(Box::new(ServerError::of(&body)?)),
                Message::ReadyForQuery(_) => {
                    self.settled = true;
                    return refusal.map_or(Ok(types), |error| Err(WireError::Server(error)));
                }
                _ => {}
            }
        }
    }

    /// Binds `values` to the statement prepared as `name` and executes it, in one write.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn execute(
        &mut self,
        name: &str,
        values: &[BoundValue],
    ) -> Result<Answer, WireError> {
        self.bind(name, values)?;
        self.round_trip(None).await
    }

    /// Returns the same with `sql`, which is parsed for this once, in the same write.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn execute_once(
        &mut self,
        sql: &str,
        values: &[BoundValue],
    ) -> Result<Answer, WireError> {
        let types = values.iter().map(|value| value.parameter_type().oid());
        frontend::parse("", sql, types, &mut self.outgoing)?;
        self.bind("", values)?;
        self.round_trip(None).await
    }

    /// Writes what binds `values` to `name`, executes it and ends the round trip.
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
            &mut self.outgoing,
        );
        bound.map_err(|error| match error {
            BindError::Serialization(error) => error,
            BindError::Conversion(error) => io::Error::other(error),
        })?;
        frontend::execute("", UNLIMITED, &mut self.outgoing)?;
        frontend::sync(&mut self.outgoing);
        Ok(())
    }

    /// Runs `sql` as it is.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn command(&mut self, sql: &str) -> Result<Answer, WireError> {
        frontend::query(sql, &mut self.outgoing)?;
        self.round_trip(None).await
    }

    /// Returns the same, adding what each of its statements gives to `given`.
    ///
    /// # Errors
    /// Fails with what the server or the system said.
    pub async fn gather(
        &mut self,
        sql: &str,
        given: &mut Vec<StatementResult>,
    ) -> Result<(), WireError> {
        frontend::query(sql, &mut self.outgoing)?;
        self.round_trip(Some(given)).await.map(drop)
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.outgoing.clear();
        frontend::terminate(&mut self.outgoing);
        // A server that is gone has closed already.
        let _ = self.send().await;
    }

    /// Sends what was written, and reads until the server waits for more.
    /// Adds what each statement gives to `given`, where that is wanted.
    async fn round_trip(
        &mut self,
        mut given: Option<&mut Vec<StatementResult>>,
    ) -> Result<Answer, WireError> {
        self.settled = false;
        self.send().await?;
        let mut answer = Answer::default();
        let mut refusal = None;
        let mut giving = StatementResult::default();
        // How much of what has come is dealt with.
        let mut behind = 0;
        loop {
            let Some(message) = Received::first(&self.incoming[behind..])? else {
                self.forget(mem::take(&mut behind));
                match self.receive().await {
                    Ok(()) => continue,
                    // What a server says before it hangs up tells more than that it did.
                    Err(broken) => return Err(refusal.map_or(broken.into(), WireError::Server)),
                }
            };
            behind += message.whole.len();
            if let Some(given) = &mut given {
                message.add_to(&mut giving, given)?;
            }
            match message.tag {
                DATA_ROW_TAG => {
                    answer.rows += 1;
                    answer.value = message.first_int4();
                }
                ERROR_RESPONSE_TAG => refusal = Some(Box::new(ServerError::read(message.whole)?)),
                READY_FOR_QUERY_TAG => {
                    self.forget(behind);
                    self.settled = true;
                    return refusal.map_or(Ok(answer), |error| Err(WireError::Server(error)));
                }
                _ => {}
            }
        }
    }

    /// Returns where a message is written before [`Link::send`].
    pub(super) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.outgoing
    }

    pub(super) async fn send(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.outgoing).await;
        self.outgoing.clear();
        sent
    }

    /// Returns what a login can be bound to; `None` without TLS.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        self.socket.end_point()
    }

    /// The next message whole; for where allocating does not matter.
    pub(super) async fn message(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = Message::parse(&mut self.incoming)? {
                return Ok(message);
            }
            self.receive().await?;
        }
    }

    /// Reads more.
    async fn receive(&mut self) -> io::Result<()> {
        if self.incoming.capacity() - self.incoming.len() < LEAST_ROOM_BYTES {
            self.incoming.reserve(READ_BYTES);
        }
        self.socket.read_into(&mut self.incoming).await
    }

    /// Drops the first `length` bytes that have come. Where these are all, the next answer lies
    /// where they lay, and not further on in the buffer.
    fn forget(&mut self, length: usize) {
        if length == self.incoming.len() {
            self.incoming.clear();
        } else {
            self.incoming.advance(length);
        }
    }
}
