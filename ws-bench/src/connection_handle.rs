//! Where a connection gets its orders, and where it leaves word when it is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use load_engine::{Failure, Pauses};
use tokio::sync::{Notify, mpsc};

use crate::connection_step::ConnectionStep;
use crate::in_flight::{InFlightMessage, MessageArrival};

/// Held while an order is carried out; once nobody holds it, all have.
pub(crate) type CompletionToken = mpsc::Sender<()>;

/// What a connection is told to do.
#[derive(Debug)]
pub(crate) enum ConnectionCommand {
    /// Talk until the step is over.
    Talk {
        step: Arc<ConnectionStep>,
        schedule: TalkSchedule,
        token: CompletionToken,
    },
    /// One round trip, to see whether it is alive.
    Check {
        step: Arc<ConnectionStep>,
        token: CompletionToken,
    },
    /// Close.
    Close { token: CompletionToken },
}

/// When a connection sends its messages.
#[derive(Debug)]
pub(crate) enum TalkSchedule {
    /// A pause after each answer; the first message `offset` after the start.
    Paused { pauses: Pauses, offset: Duration },
    /// When an arrival comes.
    Arrivals(TalkerQueue),
}

/// Arrivals that wait for one connection. What is still in it when it is dropped was never taken
/// up, and is recorded as censored.
#[derive(Debug)]
pub(crate) struct TalkerQueue {
    arrivals: mpsc::UnboundedReceiver<MessageArrival>,
    step: Arc<ConnectionStep>,
}

impl TalkerQueue {
    /// An inbox and the way into it.
    pub(crate) fn new(step: &Arc<ConnectionStep>) -> (mpsc::UnboundedSender<MessageArrival>, Self) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let queue = Self {
            arrivals,
            step: Arc::clone(step),
        };
        (sender, queue)
    }

    /// The next arrival; `None` once no more can come.
    pub(crate) async fn next(&mut self) -> Option<MessageArrival> {
        self.arrivals.recv().await
    }
}

impl Drop for TalkerQueue {
    fn drop(&mut self) {
        self.arrivals.close();
        while let Ok(arrival) = self.arrivals.try_recv() {
            drop(InFlightMessage::never_started(&self.step, arrival));
        }
    }
}

#[derive(Debug, Default)]
struct HandleState {
    command: Option<ConnectionCommand>,
    closed: Option<Arc<Failure>>,
}

/// One open connection as its worker sees it. Small: there are as many as connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionHandle {
    slot: Mutex<HandleState>,
    wake: Notify,
}

impl ConnectionHandle {
    fn slot(&self) -> MutexGuard<'_, HandleState> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the connection something to do.
    ///
    /// # Errors
    /// Fails with what it was lost by, if it is not there any more.
    pub(crate) fn send(&self, command: ConnectionCommand) -> Result<(), Arc<Failure>> {
        let mut slot = self.slot();
        if let Some(failure) = &slot.closed {
            return Err(Arc::clone(failure));
        }
        slot.command = Some(command);
        drop(slot);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for something to do.
    pub(crate) async fn next_command(&self) -> ConnectionCommand {
        loop {
            if let Some(command) = self.slot().command.take() {
                return command;
            }
            self.wake.notified().await;
        }
    }

    /// The connection is over; returns what it was to do and has not begun.
    pub(crate) fn mark_closed(&self, failure: Failure) -> Option<ConnectionCommand> {
        let mut slot = self.slot();
        slot.closed = Some(Arc::new(failure));
        slot.command.take()
    }

    /// Returns true if the connection is open.
    pub(crate) fn is_open(&self) -> bool {
        self.slot().closed.is_none()
    }
}
