//! Byte stream of one client: plain or TLS, read slowly on request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;

/// WebSocket of one client.
pub(crate) type ClientSocket = WebSocketStream<ClientStream>;

/// Number of reads per second with which a slow reader spreads its bytes.
const READS_PER_S: u64 = 50;
/// Largest number of bytes of one read of a slow reader.
const LARGEST_READ_BYTES: u64 = 4 * 1024;

/// Byte stream of one client. Reads are watched and slowed down only once [`Self::control_reads`]
/// was called, and cost nothing more until then.
#[derive(Debug)]
pub(crate) struct ClientStream {
    transport: Transport,
    control: Option<Box<ReadControl>>,
}

#[derive(Debug)]
enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

#[derive(Debug)]
struct ReadControl {
    pace: Option<ReadPace>,
    activity: Arc<Activity>,
}

/// Instant of the last byte from the client.
#[derive(Debug)]
pub(crate) struct Activity {
    begin: Instant,
    /// Time of the last byte from `begin` in nanoseconds.
    last_ns: AtomicU64,
}

/// Pace of a slow reader: after each read it waits for as long as that many bytes take.
#[derive(Debug)]
struct ReadPace {
    bytes_per_s: u64,
    next: Instant,
    waiting: Pin<Box<Sleep>>,
}

impl From<TcpStream> for ClientStream {
    fn from(stream: TcpStream) -> Self {
        Self {
            transport: Transport::Tcp(stream),
            control: None,
        }
    }
}

impl From<TlsStream<TcpStream>> for ClientStream {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self {
            transport: Transport::Tls(Box::new(stream)),
            control: None,
        }
    }
}

impl ClientStream {
    /// Returns true if the end of the stream must be announced to the client (`close_notify`).
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// Reads at most `slow_read` bytes per second from now on, as much as there is without that.
    /// Returns the instant of the last byte from the client, which every read updates.
    pub(crate) fn control_reads(&mut self, slow_read: Option<u64>) -> Arc<Activity> {
        let activity = Arc::new(Activity {
            begin: Instant::now(),
            last_ns: AtomicU64::new(0),
        });
        self.control = Some(Box::new(ReadControl {
            pace: slow_read.map(ReadPace::new),
            activity: Arc::clone(&activity),
        }));
        activity
    }
}

impl Activity {
    /// Waits until no byte has come from the client for `timeout`.
    pub(crate) async fn idle(&self, timeout: Duration) {
        loop {
            let last_ns = self.last_ns.load(Ordering::Relaxed);
            sleep_until(self.begin + Duration::from_nanos(last_ns) + timeout).await;
            if self.last_ns.load(Ordering::Relaxed) == last_ns {
                return;
            }
        }
    }

    fn note(&self) {
        let elapsed_ns = self.begin.elapsed().as_nanos() as u64;
        self.last_ns.store(elapsed_ns, Ordering::Relaxed);
    }
}

impl ReadPace {
    fn new(bytes_per_s: u64) -> Self {
        let next = Instant::now();
        Self {
            bytes_per_s,
            next,
            waiting: Box::pin(sleep_until(next)),
        }
    }

    /// Returns the number of bytes that may be read now.
    fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if Instant::now() < self.next {
            ready!(self.waiting.as_mut().poll(cx));
        }
        let bytes = (self.bytes_per_s / READS_PER_S).clamp(1, LARGEST_READ_BYTES);
        Poll::Ready(bytes as usize)
    }

    fn read(&mut self, bytes: usize) {
        let taken = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64);
        self.next = self.next.max(Instant::now()) + taken;
        self.waiting.as_mut().reset(self.next);
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { transport, control } = &mut *self;
        let Some(control) = control else {
            return transport.poll_read(cx, buffer);
        };
        let filled = buffer.filled().len();
        match &mut control.pace {
            None => ready!(transport.poll_read(cx, buffer))?,
            Some(pace) => {
                let allowed = ready!(pace.poll_allowed(cx)).min(buffer.remaining());
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowed));
                ready!(transport.poll_read(cx, &mut part))?;
                let bytes = part.filled().len();
                buffer.advance(bytes);
                pace.read(bytes);
            }
        }
        if buffer.filled().len() > filled {
            control.activity.note();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl Transport {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}
