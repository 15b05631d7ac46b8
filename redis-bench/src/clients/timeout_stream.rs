//! Stream with a time-out for answers.
//!
//! The driver would start a timer for each request. Answers arrive in the order of the requests, so
//! a single timer for the connection has the same effect, and costs a request nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Stream whose reads fail with a time-out if no byte is received for the time `timeout` after one
/// was sent.
#[derive(Debug)]
pub(super) struct TimeoutStream<S> {
    stream: S,
    timeout: Duration,
    /// Instant of the first byte that was sent after the last byte was received; `None` if nothing
    /// was sent since.
    waiting_since: Option<Instant>,
    /// Timer that expires at or before the instant of the time-out.
    alarm: Pin<Box<Sleep>>,
}

impl<S> TimeoutStream<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            waiting_since: None,
            alarm: Box::pin(tokio::time::sleep(timeout)),
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let end = self.waiting_since.unwrap_or(now) + self.timeout;
            if now >= end {
                let why = format!("no answer for {:?}", self.timeout);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
            self.alarm.as_mut().reset(end);
        }
        Poll::Pending
    }

    fn sent(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimeoutStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, into) {
            Poll::Pending => self.poll_alarm(cx),
            read @ Poll::Ready(_) => {
                if into.filled().len() > before {
                    self.waiting_since = None;
                }
                read
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimeoutStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(50);

    #[test]
    fn a_request_without_an_answer_times_out_and_an_idle_stream_does_not() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let mut ours = TimeoutStream::new(ours, TIMEOUT);
            let mut answer = [0; 4];
            for _ in 0..3 {
                let idle = tokio::time::timeout(TIMEOUT * 2, ours.read(&mut answer)).await;
                assert!(idle.is_err(), "nothing was asked: {idle:?}");
                ours.write_all(b"ping").await.unwrap();
                theirs.write_all(b"pong").await.unwrap();
                ours.read_exact(&mut answer).await.unwrap();
            }
            ours.write_all(b"ping").await.unwrap();
            let asked = Instant::now();
            let error = ours.read(&mut answer).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(asked.elapsed() >= TIMEOUT);
        });
    }
}
