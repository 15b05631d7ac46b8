//! Messages to and from a server over a socket, with a buffer for each direction.

use std::io;

use bytes::{Buf as _, BytesMut};
use pg_connect::RustlsConnector;
use postgres_protocol::message::backend::Message;
use tokio_postgres::Config;

use super::error::WireError;
use super::socket::Socket;

/// Room for reading: more than any answer of a workload takes.
const READ_BYTES: usize = 8 * 1024;
/// Room below which the read buffer is moved to its beginning, or grows.
const LEAST_ROOM_BYTES: usize = 1024;

/// Sends and receives messages.
#[derive(Debug)]
pub(super) struct MessageChannel {
    socket: Socket,
    /// Messages that [`MessageChannel::send`] sends next.
    pub(super) outgoing: BytesMut,
    incoming: BytesMut,
}

impl MessageChannel {
    /// Connects to the first host of `config` that answers, with TLS where `config` asks for it.
    ///
    /// # Errors
    /// Fails with the error of the last host.
    pub(super) async fn open(config: &Config, tls: &RustlsConnector) -> Result<Self, WireError> {
        Ok(Self {
            socket: Socket::open(config, tls).await?,
            outgoing: BytesMut::with_capacity(LEAST_ROOM_BYTES),
            incoming: BytesMut::with_capacity(READ_BYTES),
        })
    }

    /// Returns the hash of the server's certificate, which a login is bound to; `None` without TLS.
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        self.socket.server_end_point()
    }

    /// Sends what stands in `outgoing`, in one write, and empties it.
    pub(super) async fn send(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.outgoing).await;
        self.outgoing.clear();
        sent
    }

    /// Receives the next message as a whole. Allocates; for use outside of measured requests.
    pub(super) async fn next_message(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = Message::parse(&mut self.incoming)? {
                return Ok(message);
            }
            self.receive().await?;
        }
    }

    /// Returns the bytes that have been received and not been discarded.
    pub(super) fn received(&self) -> &[u8] {
        &self.incoming
    }

    /// Waits for more bytes and adds them to the received ones.
    pub(super) async fn receive(&mut self) -> io::Result<()> {
        if self.incoming.capacity() - self.incoming.len() < LEAST_ROOM_BYTES {
            self.incoming.reserve(READ_BYTES);
        }
        self.socket.read_into(&mut self.incoming).await
    }

    /// Discards the first `length` received bytes. Where these are all, the next answer reuses
    /// their memory instead of the memory behind them.
    pub(super) fn discard(&mut self, length: usize) {
        if length == self.incoming.len() {
            self.incoming.clear();
        } else {
            self.incoming.advance(length);
        }
    }
}
