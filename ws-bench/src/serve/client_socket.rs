//! WebSocket of one client, without the wakers of a compatibility layer.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{Error, Result};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketContext};

use super::client_stream::ClientStream;
use crate::connection::socket;

/// Open WebSocket of one client.
#[derive(Debug)]
pub(crate) struct ClientSocket {
    stream: ClientStream,
    protocol: WebSocketContext,
}

/// Stream that is lent to the protocol for a call, with the task to wake once it is ready.
struct LentStream<'a, 'c> {
    stream: &'a mut ClientStream,
    task: &'a mut Context<'c>,
}

impl ClientSocket {
    /// Creates the WebSocket on a stream whose upgrade is complete.
    pub(crate) fn new(stream: ClientStream) -> Self {
        Self {
            stream,
            protocol: WebSocketContext::new(Role::Server, Some(socket::config())),
        }
    }

    pub(crate) fn stream(&mut self) -> &mut ClientStream {
        &mut self.stream
    }

    /// Receives the next message. Pings and close frames are answered by receiving on. No message is
    /// lost if the future is dropped before its end.
    ///
    /// # Errors
    /// Fails if the connection has ended or the client violates the protocol.
    pub(crate) async fn next(&mut self) -> Result<Message> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next message, as [`Self::next`] does.
    ///
    /// # Errors
    /// Fails if the connection has ended or the client violates the protocol.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message>> {
        let (protocol, mut stream) = self.lend(cx);
        unless_blocked(protocol.read(&mut stream))
    }

    /// Sends a message. It is sent whole at some time even if the future is dropped before its end.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) async fn send(&mut self, message: Message) -> Result<()> {
        let mut unqueued = Some(message);
        poll_fn(|cx| {
            if let Some(message) = unqueued.take()
                && let Err(error) = self.queue(cx, message)
            {
                return Poll::Ready(Err(error));
            }
            self.poll_flush(cx)
        })
        .await
    }

    /// Adds a message to those that [`Self::poll_flush`] sends.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) fn queue(&mut self, cx: &mut Context<'_>, message: Message) -> Result<()> {
        let (protocol, mut stream) = self.lend(cx);
        match unless_blocked(protocol.write(&mut stream, message)) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Sends the queued messages.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let (protocol, mut stream) = self.lend(cx);
        unless_blocked(protocol.flush(&mut stream))
    }

    /// Sends a close frame, which is empty for `None`.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) async fn close(&mut self, frame: Option<CloseFrame>) -> Result<()> {
        self.send(Message::Close(frame)).await
    }

    fn lend<'a, 'c>(
        &'a mut self,
        task: &'a mut Context<'c>,
    ) -> (&'a mut WebSocketContext, LentStream<'a, 'c>) {
        let stream = &mut self.stream;
        (&mut self.protocol, LentStream { stream, task })
    }
}

/// Returns the result of a call of the protocol, unless the stream was not ready.
fn unless_blocked<T>(result: Result<T>) -> Poll<Result<T>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn or_blocked<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for LentStream<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        or_blocked(Pin::new(&mut *self.stream).poll_read(self.task, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl Write for LentStream<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_blocked(Pin::new(&mut *self.stream).poll_write(self.task, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        or_blocked(Pin::new(&mut *self.stream).poll_flush(self.task))
    }
}
