//! Stream that gives a client the head of the answer to an upgrade, and keeps what follows it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// End of the head of an HTTP answer.
const END: &[u8] = b"\r\n\r\n";

/// Stream during an upgrade. Reading from it ends with the head of the answer, so that messages
/// which the server sends at once are not lost in the buffer of the handshake.
#[derive(Debug)]
pub(crate) struct AnswerHead<S> {
    stream: S,
    /// Bytes that were received, and the number of them that were given on.
    received: Vec<u8>,
    given: usize,
}

impl<S> AnswerHead<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            received: Vec::new(),
            given: 0,
        }
    }

    /// Returns the stream, and the bytes that were received after the head.
    pub(crate) fn into_parts(mut self) -> (S, Vec<u8>) {
        let rest = self.received.split_off(self.given);
        (self.stream, rest)
    }

    /// Returns the number of received bytes up to the end of the head, or of all if that has not
    /// come.
    fn head_length(&self) -> usize {
        let end = self
            .received
            .windows(END.len())
            .position(|bytes| bytes == END);
        end.map_or(self.received.len(), |at| at + END.len())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for AnswerHead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.head_length() {
            let mut bytes = [0; 1_024];
            let mut more = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut more))?;
            self.received.extend_from_slice(more.filled());
        }
        let (from, to) = (self.given, self.head_length());
        let to = to.min(from + buffer.remaining());
        buffer.put_slice(&self.received[from..to]);
        self.given = to;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AnswerHead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
