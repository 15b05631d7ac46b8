//! WebSocket messages over a byte stream, polled without the wakers of a compatibility layer.
//!
//! The protocol is tungstenite's. A call lends it the stream together with the context of the task,
//! so that a stream that is not ready registers the task itself.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, WebSocketContext,
};
use tokio_tungstenite::tungstenite::{Message, Result};

use crate::connection::client_stream::ClientStream;
use crate::connection::close_frame;

/// Byte stream that can tell, without being read, that nothing has come.
pub(crate) trait ReadReady {
    /// Polls until there may be something to read. A stream that cannot tell is always ready.
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl ReadReady for TcpStream {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_read_ready(self, context)
    }
}

impl ReadReady for ClientStream {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_read_ready(context),
            // TLS may hold bytes that it has read before.
            Self::Tls(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Open WebSocket over the byte stream `S`, as a client.
#[derive(Debug)]
pub(crate) struct MessageStream<S> {
    stream: S,
    protocol: WebSocketContext,
    /// Number of bytes that were read and may belong to messages that were not taken yet; never too
    /// few.
    unparsed: usize,
    /// True if the protocol can do nothing until more bytes come. It is then not called before.
    is_drained: bool,
}

impl<S: AsyncRead + AsyncWrite + ReadReady + Unpin> MessageStream<S> {
    /// Creates the WebSocket on a stream whose upgrade is complete. `received` has the bytes that
    /// came after the answer to the upgrade.
    pub(crate) fn new(stream: S, received: Vec<u8>, config: WebSocketConfig) -> Self {
        Self {
            stream,
            unparsed: received.len(),
            is_drained: false,
            protocol: WebSocketContext::from_partially_read(received, Role::Client, Some(config)),
        }
    }

    /// Adds a message to those that [`poll_flush`](Self::poll_flush) sends.
    ///
    /// # Errors
    /// Fails if the connection is closing or closed.
    pub(crate) fn queue(&mut self, message: Message) -> Result<()> {
        // Without a context nothing is written yet: the message stays in the buffer.
        match self
            .protocol
            .write(&mut Lent::unready(&mut self.stream), message)
        {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            queued => queued,
        }
    }

    /// Sends the queued messages, and answers to pings.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready(
            self.protocol
                .flush(&mut Lent::new(&mut self.stream, context)),
        )
    }

    /// Polls for the next message, and answers pings and the close frame meanwhile.
    ///
    /// # Errors
    /// Fails if the connection has ended, or the server breaks the protocol.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Message>> {
        if self.is_drained && self.stream.poll_read_ready(context).is_pending() {
            return Poll::Pending;
        }
        let mut lent = Lent::new(&mut self.stream, context);
        let read = self.protocol.read(&mut lent);
        let next = ready(match (read, lent.close.take()) {
            // The library replaces a code that it does not know by another one.
            (Ok(Message::Close(Some(_))), Some(close)) => Ok(Message::Close(Some(close))),
            (read, _) => read,
        });
        self.unparsed += lent.read_bytes;
        // Answers to pings and to a close frame are sent by the next call.
        let owes_nothing = !lent.blocks_writing;
        self.is_drained = match &next {
            Poll::Pending => owes_nothing,
            Poll::Ready(Ok(message @ (Message::Binary(_) | Message::Text(_)))) => {
                self.unparsed = self
                    .unparsed
                    .saturating_sub(least_frame_bytes(message.len()));
                owes_nothing && self.unparsed == 0
            }
            Poll::Ready(_) => false,
        };
        next
    }

    /// Sends a close frame after what is queued.
    ///
    /// # Errors
    /// Fails if the connection has ended.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready(
            self.protocol
                .close(&mut Lent::new(&mut self.stream, context), None),
        )
    }
}

/// Returns the size of the smallest frame around this payload, in bytes, as a server sends it.
fn least_frame_bytes(payload: usize) -> usize {
    let header = match payload {
        ..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    header + payload
}

fn ready<T>(result: Result<T>) -> Poll<Result<T>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// Stream that is lent to the protocol for one call. It would block where the stream is not ready.
struct Lent<'a, 'b, S> {
    stream: &'a mut S,
    /// Context of the task that is woken when the stream is ready; `None` if it is never ready.
    context: Option<&'a mut Context<'b>>,
    /// Number of bytes that were read in this call.
    read_bytes: usize,
    /// True if the stream took no more bytes in this call.
    blocks_writing: bool,
    /// Close frame that the last read took, and nothing else; `None` if it took anything else.
    close: Option<CloseFrame>,
}

impl<'a, 'b, S> Lent<'a, 'b, S> {
    fn new(stream: &'a mut S, context: &'a mut Context<'b>) -> Self {
        Self::with(stream, Some(context))
    }

    fn unready(stream: &'a mut S) -> Self {
        Self::with(stream, None)
    }

    fn with(stream: &'a mut S, context: Option<&'a mut Context<'b>>) -> Self {
        Self {
            stream,
            context,
            read_bytes: 0,
            blocks_writing: false,
            close: None,
        }
    }
}

fn now<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> Read for Lent<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let context = self.context.as_mut().ok_or(io::ErrorKind::WouldBlock)?;
        let mut buffer = ReadBuf::new(buffer);
        now(Pin::new(&mut *self.stream).poll_read(context, &mut buffer))?;
        self.close = close_frame::parse(buffer.filled());
        let read = buffer.filled().len();
        self.read_bytes += read;
        Ok(read)
    }
}

impl<S: AsyncWrite + Unpin> Write for Lent<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let context = self.context.as_mut().ok_or(io::ErrorKind::WouldBlock)?;
        let written = Pin::new(&mut *self.stream).poll_write(context, bytes);
        self.blocks_writing = written.is_pending();
        now(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let context = self.context.as_mut().ok_or(io::ErrorKind::WouldBlock)?;
        now(Pin::new(&mut *self.stream).poll_flush(context))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;
    use crate::connection::socket;

    impl ReadReady for DuplexStream {
        fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn open(buffered: usize) -> (MessageStream<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(buffered);
        (
            MessageStream::new(ours, Vec::new(), socket::load_config(20)),
            theirs,
        )
    }

    /// Reads one frame of a client with a short payload, and returns its first byte and the
    /// unmasked payload.
    async fn read_frame(peer: &mut DuplexStream) -> (u8, Vec<u8>) {
        let mut head = [0; 6];
        peer.read_exact(&mut head).await.unwrap();
        assert_eq!(head[1] & 0x80, 0x80, "frames of a client are masked");
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        peer.read_exact(&mut payload).await.unwrap();
        let mask = head[2..].iter().cycle();
        let plain = payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
        (head[0], plain.collect())
    }

    #[tokio::test]
    async fn queued_messages_leave_together_and_masked_when_they_are_flushed() {
        let (mut stream, mut peer) = open(1_024);
        for text in ["one", "two"] {
            stream.queue(Message::text(text)).unwrap();
        }
        poll_fn(|context| stream.poll_flush(context)).await.unwrap();
        assert_eq!(read_frame(&mut peer).await, (0x81, b"one".to_vec()));
        assert_eq!(read_frame(&mut peer).await, (0x81, b"two".to_vec()));
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_blocks_flushing_and_not_receiving() {
        let (mut stream, mut peer) = open(64);
        stream.queue(Message::binary(vec![7; 1_000])).unwrap();
        let flushed = poll_fn(|context| Poll::Ready(stream.poll_flush(context))).await;
        assert!(flushed.is_pending());
        peer.write_all(b"\x81\x02hi").await.unwrap();
        let next = poll_fn(|context| stream.poll_next(context)).await.unwrap();
        assert_eq!(next, Message::text("hi"));
        let mut sent = vec![0; 1_008];
        let both = tokio::join!(
            poll_fn(|context| stream.poll_flush(context)),
            peer.read_exact(&mut sent)
        );
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(sent[..4], [0x82, 0xfe, 0x03, 0xe8]);
    }

    #[tokio::test]
    async fn messages_that_came_with_the_upgrade_or_in_pieces_are_whole() {
        let (ours, mut peer) = duplex(64);
        let mut stream =
            MessageStream::new(ours, b"\x82\x01a\x82".to_vec(), socket::load_config(20));
        let first = poll_fn(|context| stream.poll_next(context)).await.unwrap();
        assert_eq!(first, Message::binary(&b"a"[..]));
        let cut = poll_fn(|context| Poll::Ready(stream.poll_next(context))).await;
        assert!(cut.is_pending());
        peer.write_all(b"\x01b").await.unwrap();
        let second = poll_fn(|context| stream.poll_next(context)).await.unwrap();
        assert_eq!(second, Message::binary(&b"b"[..]));
    }

    #[tokio::test]
    async fn a_ping_is_answered_while_messages_are_awaited() {
        let (mut stream, mut peer) = open(64);
        peer.write_all(b"\x89\x02hi\x81\x02ok").await.unwrap();
        for wanted in [Message::Ping("hi".into()), Message::text("ok")] {
            let next = poll_fn(|context| stream.poll_next(context)).await.unwrap();
            assert_eq!(next, wanted);
        }
        assert_eq!(read_frame(&mut peer).await, (0x8a, b"hi".to_vec()));
    }

    /// Connection by TCP, which can tell that nothing has come, and its peer.
    async fn open_tcp() -> (MessageStream<TcpStream>, TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, theirs) = tokio::join!(
            TcpStream::connect(listener.local_addr().unwrap()),
            listener.accept()
        );
        let config = socket::load_config(20);
        (
            MessageStream::new(ours.unwrap(), Vec::new(), config),
            theirs.unwrap().0,
        )
    }

    #[tokio::test]
    async fn no_message_waits_in_a_buffer_for_the_next_bytes() {
        let (mut stream, mut peer) = open_tcp().await;
        // Two messages at once, one in three fragments, one behind a ping, one in pieces.
        let parts: [&[u8]; 6] = [
            b"\x82\x01a\x82\x01b",
            b"\x02\x01c\x00\x01d\x80\x01e\x82\x01f",
            b"\x89\x00\x82\x01g",
            b"\x82",
            b"\x01",
            b"h",
        ];
        let send = async {
            for part in parts {
                peer.write_all(part).await.unwrap();
                peer.flush().await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            peer
        };
        let receive = async {
            let mut seen = Vec::new();
            while seen.len() < 6 {
                let next = poll_fn(|context| stream.poll_next(context)).await.unwrap();
                if next.is_binary() {
                    seen.push(String::from_utf8(next.into_data().to_vec()).unwrap());
                }
            }
            seen
        };
        let (_peer, seen) = tokio::join!(send, receive);
        assert_eq!(seen, ["a", "b", "cde", "f", "g", "h"]);
    }

    #[tokio::test]
    async fn a_ping_alone_is_answered_at_once() {
        let (mut stream, mut peer) = open_tcp().await;
        peer.write_all(b"\x89\x02hi").await.unwrap();
        let reads = poll_fn(|context| {
            while stream.poll_next(context).is_ready() {}
            Poll::<()>::Pending
        });
        let mut pong = [0; 8];
        tokio::select! {
            biased;
            () = reads => {}
            read = peer.read_exact(&mut pong) => drop(read.unwrap()),
        }
        assert_eq!(pong[..2], [0x8a, 0x82]);
    }
}
