//! Messages to and from a server over a socket, with a buffer for each direction.

use std::io;

use bytes::{Buf as _, BytesMut};
use pg_connect::RustlsConnector;
use postgres_protocol::message::backend::Message;
use tokio_postgres::Config;

use super::error::WireError;
use super::socket::Socket;

/// Initial size of the read buffer, in bytes: more than an answer of any workload takes.
const READ_BYTES: usize = 8 * 1024;
/// Smallest free space in the read buffer before a read, in bytes. If less is left, the received
/// bytes are moved to the beginning, or the buffer grows.
const LEAST_ROOM_BYTES: usize = 1024;

/// Socket to a PostgreSQL server, with buffers for the messages in each direction.
#[derive(Debug)]
pub(super) struct MessageChannel {
    socket: Socket,
    /// Bytes of the messages that the next call of [`MessageChannel::send`] sends.
    pub(super) outgoing: BytesMut,
    incoming: BytesMut,
}

impl MessageChannel {
    /// Connects to the first host of `config` that answers, with TLS if `config` requests it,
    /// without logging in.
    ///
    /// # Errors
    /// Fails with the error of the last host if none can be used.
    pub(super) async fn open(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        Ok(Self {
            socket: Socket::open(config, tls).await?,
            outgoing: BytesMut::with_capacity(LEAST_ROOM_BYTES),
            incoming: BytesMut::with_capacity(READ_BYTES),
        })
    }

    /// Returns the hash of the server's certificate, to which a login can be bound; `None` without
    /// TLS, or for a certificate whose signature defines no hash.
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        self.socket.server_end_point()
    }

    /// Sends the messages in `outgoing` in one write, and empties it, also after a failure.
    pub(super) async fn send(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.outgoing).await;
        self.outgoing.clear();
        sent
    }

    /// Waits for the next complete message and returns it, removed from the buffer. It allocates,
    /// so it is used only outside of measured requests. Fails if the server closes the connection.
    pub(super) async fn next_message(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = Message::parse(&mut self.incoming)? {
                return Ok(message);
            }
            self.receive().await?;
        }
    }

    /// Returns the bytes that were received and not yet discarded, in order; empty if there are
    /// none.
    pub(super) fn received(&self) -> &[u8] {
        &self.incoming
    }

    /// Waits until at least one more byte arrives, and appends what has arrived to the received
    /// bytes. Fails with [`io::ErrorKind::UnexpectedEof`] if the server closes the connection.
    pub(super) async fn receive(&mut self) -> io::Result<()> {
        if self.incoming.capacity() - self.incoming.len() < LEAST_ROOM_BYTES {
            self.incoming.reserve(READ_BYTES);
        }
        self.socket.read_into(&mut self.incoming).await
    }

    /// Discards the first `length` received bytes. If these are all, the next answer reuses their
    /// memory. Panics if fewer were received.
    pub(super) fn discard(&mut self, length: usize) {
        if length == self.incoming.len() {
            self.incoming.clear();
        } else {
            self.incoming.advance(length);
        }
    }
}
