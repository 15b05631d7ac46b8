//! Exchange of messages on one connection in one step.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::time::Sleep;

use super::connection_factory::{HeldConnection, Incoming};
use super::connection_handle::ConnectionHandle;
use super::lazy_timer::LazyTimer;
use super::message_window::MessageWindow;
use super::talk_schedule::TalkProgress;
use super::traffic_meter::TrafficMeter;
use crate::record::failure::Failure;

/// Largest number of incoming messages that one poll takes, so that a connection to a peer that
/// never pauses does not keep its thread from the others.
const MOST_PER_POLL: usize = 64;

/// Exchange of messages on one connection, by a schedule, until that has ended and every message
/// has ended too.
pub(super) struct Talk<'a, C> {
    connection: &'a mut C,
    handle: &'a ConnectionHandle,
    /// Number of messages that were queued on the connection so far, in all steps.
    queued: &'a mut u64,
    timeout: Duration,
    window: MessageWindow<'a>,
    progress: TalkProgress<'a>,
    /// Meter of the traffic; `None` where it does not count.
    meter: Option<TrafficMeter<'a>>,
    timer: LazyTimer<'a>,
    is_flushed: bool,
    /// Failure of the last message that got no answer, or a wrong one.
    unanswered: Option<Failure>,
}

impl<'a, C: HeldConnection> Talk<'a, C> {
    /// Creates a talk that has not begun. `sleep` serves as its timer.
    pub(super) fn new(
        connection: &'a mut C,
        handle: &'a ConnectionHandle,
        queued: &'a mut u64,
        timeout: Duration,
        window: MessageWindow<'a>,
        progress: TalkProgress<'a>,
        meter: Option<TrafficMeter<'a>>,
        sleep: Pin<&'a mut Sleep>,
    ) -> Self {
        Self {
            connection,
            handle,
            queued,
            timeout,
            window,
            progress,
            meter,
            timer: LazyTimer::new(sleep),
            is_flushed: true,
            unanswered: None,
        }
    }

    /// Polls the talk to its end: `None`, or the failure of the last message that got no right
    /// answer. Also ends when the command is to be abandoned.
    ///
    /// # Errors
    /// Fails if the connection is lost. The messages that waited are then recorded as failed.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Failure>, Failure>> {
        let ended = if self.handle.poll_ceased(context).is_ready() {
            Ok(None)
        } else {
            match self.advance(context) {
                Ok(false) => return Poll::Pending,
                Ok(true) => Ok(self.unanswered.take()),
                Err(lost) => {
                    self.window.all_lost(&lost, monotonic_ns());
                    Err(lost)
                }
            }
        };
        if let Some(meter) = &mut self.meter {
            meter.end(self.connection.traffic());
        }
        Poll::Ready(ended)
    }

    /// Takes what has arrived, ends the messages whose time is over, and sends the next ones. The
    /// clock is read once for each incoming message; the next message begins at the same instant.
    /// Returns true when the talk is over.
    fn advance(&mut self, context: &mut Context<'_>) -> Result<bool, Failure> {
        let mut now_ns = self.receive(context)?;
        if self.timer.has_rung() {
            now_ns = Some(self.expire());
        }
        let now_ns = now_ns.unwrap_or_else(monotonic_ns);
        if let Some(meter) = &mut self.meter {
            meter.pass(now_ns, || self.connection.traffic());
        }
        self.send(context, now_ns)?;
        if self.window.is_empty() && self.progress.has_ended() {
            return Ok(true);
        }
        let deadline_ns = self.window.deadline_ns();
        let wake_ns = deadline_ns.into_iter().chain(self.progress.next_ns()).min();
        if let Some(wake_ns) = wake_ns {
            self.timer.wake_by(wake_ns, context);
        }
        Ok(false)
    }

    /// Takes the messages that have arrived. Returns the instant of the last one; `None` if there is
    /// none.
    fn receive(&mut self, context: &mut Context<'_>) -> Result<Option<u64>, Failure> {
        let mut last_ns = None;
        for _ in 0..MOST_PER_POLL {
            let Poll::Ready(received) = self.connection.poll_receive(context) else {
                return Ok(last_ns);
            };
            let (incoming, now_ns) = (received?, monotonic_ns());
            last_ns = Some(now_ns);
            self.take(incoming, now_ns);
        }
        context.waker().wake_by_ref();
        Ok(last_ns)
    }

    fn take(&mut self, incoming: Incoming, now_ns: u64) {
        let was_full = !self.window.has_room();
        let ended = match incoming {
            Incoming::Answer(number) => self.window.answered(number, now_ns),
            Incoming::Wrong(failure) => {
                let ended = self.window.oldest_failed(&failure, now_ns);
                self.unanswered = Some(failure);
                ended
            }
            Incoming::Unmatched => {
                self.window.count_unmatched(now_ns);
                false
            }
            Incoming::Other => false,
        };
        if ended {
            self.progress.message_ended(now_ns, was_full);
        }
    }

    /// Ends the messages whose time is over, and returns the present instant.
    fn expire(&mut self) -> u64 {
        let now_ns = monotonic_ns();
        loop {
            let was_full = !self.window.has_room();
            let (connection, timeout) = (&self.connection, self.timeout);
            let failure = &mut self.unanswered;
            let expired = self.window.oldest_expired(now_ns, || {
                let unanswered = connection.unanswered(timeout);
                failure.insert(unanswered).clone()
            });
            if !expired {
                return now_ns;
            }
            self.progress.message_ended(now_ns, was_full);
        }
    }

    /// Queues the messages that are due while there is room for them, and flushes them together.
    fn send(&mut self, context: &mut Context<'_>, now_ns: u64) -> Result<(), Failure> {
        while self.window.has_room() {
            let Some(start) = self.progress.next(context, now_ns) else {
                break;
            };
            *self.queued += 1;
            self.window.add(*self.queued, start);
            self.connection.queue()?;
            self.is_flushed = false;
        }
        if !self.is_flushed
            && let Poll::Ready(flushed) = self.connection.poll_flush(context)
        {
            flushed?;
            self.is_flushed = true;
        }
        Ok(())
    }
}
