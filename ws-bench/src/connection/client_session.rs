//! Session of a client on an open WebSocket: its messages, and the failure with which it ends.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use load_engine::Failure;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::connection::failure;
use crate::connection::message_stream::{MessageStream, ReadReady};

/// Longest wait for the server's end of the TCP connection after its close frame.
const END_TIMEOUT: Duration = Duration::from_millis(200);

/// Session over the byte stream `S`.
#[derive(Debug)]
pub(crate) struct ClientSession<S> {
    stream: MessageStream<S>,
    /// True if all queued messages have been handed to the operating system.
    is_flushed: bool,
    /// Close frame of the server; boxed, because most of many connections have none.
    closing: Option<Box<Closing>>,
}

/// Close frame that a server has sent, while the end of its TCP connection is awaited.
#[derive(Debug)]
struct Closing {
    failure: Failure,
    timer: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite + ReadReady + Unpin> ClientSession<S> {
    /// Creates the session on a stream whose upgrade is complete. `received` has the bytes that came
    /// after the answer to the upgrade.
    pub(crate) fn new(stream: S, received: Vec<u8>, config: WebSocketConfig) -> Self {
        Self {
            stream: MessageStream::new(stream, received, config),
            is_flushed: true,
            closing: None,
        }
    }

    /// Adds a message to those that [`poll_flush`](Self::poll_flush) sends.
    ///
    /// # Errors
    /// Fails if the connection is closing or closed.
    pub(crate) fn queue(&mut self, message: Message) -> Result<(), Failure> {
        if let Some(closing) = &self.closing {
            return Err(closing.failure.clone());
        }
        self.is_flushed = false;
        let queued = self.stream.queue(message);
        queued.map_err(|error| failure::from_session(&error))
    }

    /// Sends the queued messages, and answers to pings.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let flushed = self.stream.poll_flush(context);
        self.is_flushed |= flushed.is_ready();
        flushed.map_err(|error| failure::from_session(&error))
    }

    /// Polls for the next message that is no close frame, and answers pings and the close frame
    /// meanwhile. After a close frame the server ends the TCP connection; what it sends before that
    /// breaks the protocol.
    ///
    /// # Errors
    /// Fails if the connection has ended, or the server breaks the protocol.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Message, Failure>> {
        if self.closing.is_none() {
            match self.stream.poll_next(context) {
                Poll::Ready(Ok(Message::Close(frame))) => {
                    self.closing = Some(Box::new(Closing {
                        failure: failure::from_close(frame.as_ref()),
                        timer: Box::pin(sleep(END_TIMEOUT)),
                    }));
                }
                next => return next.map_err(|error| failure::from_session(&error)),
            }
        }
        self.poll_end(context).map(Err)
    }

    /// Sends the answer to the close frame, and waits for the end of the TCP connection.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Failure> {
        let next = self.stream.poll_next(context);
        let Some(closing) = &mut self.closing else {
            return Poll::Ready(failure::from_end());
        };
        match next {
            Poll::Ready(Err(error @ Error::Protocol(ProtocolError::ReceivedAfterClosing))) => {
                Poll::Ready(failure::from_session(&error))
            }
            Poll::Ready(_) => Poll::Ready(closing.failure.clone()),
            Poll::Pending => {
                let ended = closing.timer.as_mut().poll(context);
                ended.map(|()| closing.failure.clone())
            }
        }
    }

    /// Returns the reason why a message got no answer within `bound`, if the session has one: the
    /// server closes the connection, or does not read. `None` otherwise.
    pub(crate) fn reason_for_silence(&self, bound: Duration) -> Option<Failure> {
        match &self.closing {
            Some(closing) => Some(closing.failure.clone()),
            None => (!self.is_flushed).then(|| failure::not_sent(bound)),
        }
    }

    /// Closes the connection as RFC 6455 describes, and waits until the server has ended the TCP
    /// connection, so that the port on this side is free again at once. It has no time-out of its
    /// own.
    pub(crate) async fn close(mut self) {
        let stream = &mut self.stream;
        if poll_fn(|context| stream.poll_close(context)).await.is_ok() {
            while poll_fn(|context| stream.poll_next(context)).await.is_ok() {}
        }
    }
}
