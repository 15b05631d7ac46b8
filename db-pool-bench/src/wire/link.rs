//! A connection with its two buffers: one write and one answer for each round trip.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{
    DATA_ROW_TAG, ERROR_RESPONSE_TAG, Header, Message, READY_FOR_QUERY_TAG,
};
use postgres_protocol::message::frontend::{self, BindError};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::types::Type;

use super::error::{ServerError, WireError};
use super::login;
use super::socket::Socket;

/// Room for reading: more than any answer of a workload takes.
const READ_BYTES: usize = 8 * 1024;
/// Below this much room the buffer is moved to its beginning, or grows.
const LEAST_ROOM_BYTES: usize = 1024;
const HEADER_BYTES: usize = 5;
const BINARY: i16 = 1;
const UNLIMITED: i32 = 0;
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// Whether the server waits for a request: not so halfway through an answer, nor ever again
    /// once the connection broke.
    settled: bool,
}

impl Link {
    /// Connects and logs in, without TLS.
    ///
    /// # Errors
    /// What the system or the server said, or what the settings lack.
    pub async fn connect(config: &Config) -> Result<Self, WireError> {
        let patience = config.get_connect_timeout().copied().unwrap_or(PATIENCE);
        let opening = timeout(patience, Self::open(config)).await;
        opening.unwrap_or_else(|_| Err(WireError::Connect(io::ErrorKind::TimedOut.into())))
    }

    async fn open(config: &Config) -> Result<Self, WireError> {
        let mut link = Self {
            socket: Socket::open(config).await.map_err(WireError::Connect)?,
            outgoing: BytesMut::with_capacity(LEAST_ROOM_BYTES),
            incoming: BytesMut::with_capacity(READ_BYTES),
            settled: false,
        };
        login::log_in(&mut link, config).await?;
        link.settled = true;
        Ok(link)
    }

    /// Whether it can still be used.
    pub fn is_usable(&self) -> bool {
        self.settled
    }

    /// Prepares `sql`, which takes so many `int4`, as `name`.
    ///
    /// # Errors
    /// What the server or the system said.
    pub async fn prepare(
        &mut self,
        name: &str,
        sql: &str,
        parameters: usize,
    ) -> Result<(), WireError> {
        let types = std::iter::repeat_n(Type::INT4.oid(), parameters);
        frontend::parse(name, sql, types, &mut self.outgoing)?;
        frontend::sync(&mut self.outgoing);
        self.round_trip().await.map(drop)
    }

    /// Binds `values` to the statement prepared as `name` and executes it, in one write.
    ///
    /// # Errors
    /// What the server or the system said.
    pub async fn execute(&mut self, name: &str, values: &[i32]) -> Result<Answer, WireError> {
        let bound = frontend::bind(
            "",
            name,
            [BINARY],
            values,
            |value, buffer| {
                buffer.put_i32(*value);
                Ok(IsNull::No)
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
        self.round_trip().await
    }

    /// Runs `sql` as it is.
    ///
    /// # Errors
    /// What the server or the system said.
    pub async fn command(&mut self, sql: &str) -> Result<Answer, WireError> {
        frontend::query(sql, &mut self.outgoing)?;
        self.round_trip().await
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.outgoing.clear();
        frontend::terminate(&mut self.outgoing);
        // A server that is gone has closed already.
        let _ = self.send().await;
    }

    /// Sends what was written, and reads until the server waits for more.
    async fn round_trip(&mut self) -> Result<Answer, WireError> {
        self.settled = false;
        self.send().await?;
        let mut answer = Answer::default();
        let mut refusal = None;
        loop {
            let header = match self.header().await {
                Ok(header) => header,
                // What a server says before it hangs up tells more than that it did.
                Err(broken) => return Err(refusal.map_or(broken.into(), WireError::Server)),
            };
            match header.tag() {
                DATA_ROW_TAG => {
                    answer.rows += 1;
                    answer.value = first_int4(self.body(header));
                }
                ERROR_RESPONSE_TAG => {
                    refusal = Some(self.refusal()?);
                    continue;
                }
                READY_FOR_QUERY_TAG => {
                    self.skip(header);
                    self.settled = true;
                    return refusal.map_or(Ok(answer), |error| Err(WireError::Server(error)));
                }
                _ => {}
            }
            self.skip(header);
        }
    }

    /// Where a message is written before [`Link::send`].
    pub(super) fn outgoing(&mut self) -> &mut BytesMut {
        &mut self.outgoing
    }

    pub(super) async fn send(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.outgoing).await;
        self.outgoing.clear();
        sent
    }

    /// The next message whole; for where allocating does not matter.
    pub(super) async fn message(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = Message::parse(&mut self.incoming)? {
                return Ok(message);
            }
            self.socket.read_into(&mut self.incoming).await?;
        }
    }

    /// The header of the next message, which has come whole by then.
    async fn header(&mut self) -> io::Result<Header> {
        loop {
            if let Some(header) = Header::parse(&self.incoming)?
                && self.incoming.len() > header.len() as usize
            {
                return Ok(header);
            }
            if self.incoming.capacity() - self.incoming.len() < LEAST_ROOM_BYTES {
                self.incoming.reserve(READ_BYTES);
            }
            self.socket.read_into(&mut self.incoming).await?;
        }
    }

    fn body(&self, header: Header) -> &[u8] {
        &self.incoming[HEADER_BYTES..=header.len() as usize]
    }

    fn skip(&mut self, header: Header) {
        self.incoming.advance(header.len() as usize + 1);
    }

    fn refusal(&mut self) -> io::Result<ServerError> {
        match Message::parse(&mut self.incoming)? {
            Some(Message::ErrorResponse(body)) => ServerError::of(&body),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The first column of a `DataRow`, where it has four bytes.
fn first_int4(body: &[u8]) -> Option<i32> {
    let [_, _, 0, 0, 0, 4, value @ ..] = body else {
        return None;
    };
    let (value, _) = value.split_first_chunk()?;
    Some(i32::from_be_bytes(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_column_is_read_where_it_is_an_int4() {
        let row = |bytes: &[u8]| first_int4(bytes);
        assert_eq!(row(&[0, 1, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(row(&[0, 2, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0]), Some(7));
        for other in [
            &[0, 0][..],
            &[0, 1, 0xff, 0xff, 0xff, 0xff],
            &[0, 1, 0, 0, 0, 1, b'x'],
            &[0, 1, 0, 0, 0, 4, 0],
        ] {
            assert_eq!(row(other), None, "{other:?}");
        }
    }
}
