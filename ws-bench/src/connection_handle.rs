//! Handle of one open connection: its worker thread sends commands through it, and its task stores
//! the failure by which the connection ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use load_engine::{Failure, Pauses};
use tokio::sync::{Notify, mpsc};

use crate::connection_step::ConnectionStep;
use crate::in_flight::{InFlightMessage, MessageArrival};

/// Sender that is dropped when a command has been carried out: the receiver's end of the channel
/// closes once all clones are gone.
pub(crate) type CompletionToken = mpsc::Sender<()>;

/// Command to one connection.
#[derive(Debug)]
pub(crate) enum ConnectionCommand {
    /// Exchange messages until the step is over.
    Talk {
        step: Arc<ConnectionStep>,
        schedule: TalkSchedule,
        token: CompletionToken,
    },
    /// Make one round trip, which shows that the connection is alive.
    Check {
        step: Arc<ConnectionStep>,
        token: CompletionToken,
    },
    /// Close the connection.
    Close { token: CompletionToken },
}

/// Schedule of the messages of one connection.
#[derive(Debug)]
pub(crate) enum TalkSchedule {
    /// A pause after each answer; the first message `offset` after the start.
    Paused { pauses: Pauses, offset: Duration },
    /// A message for each arrival in the queue.
    Arrivals(TalkerQueue),
}

/// Queue of arrivals that wait for one connection. Arrivals left in it when it is dropped are
/// recorded as censored.
#[derive(Debug)]
pub(crate) struct TalkerQueue {
    arrivals: mpsc::UnboundedReceiver<MessageArrival>,
    step: Arc<ConnectionStep>,
}

impl TalkerQueue {
    /// Creates an empty queue and its sender.
    pub(crate) fn new(step: &Arc<ConnectionStep>) -> (mpsc::UnboundedSender<MessageArrival>, Self) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let queue = Self {
            arrivals,
            step: Arc::clone(step),
        };
        (sender, queue)
    }

    /// Waits for the next arrival; `None` once no more can come.
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

/// Handle of one open connection. Small: there is one for each of up to 100,000 connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionHandle {
    state: Mutex<HandleState>,
    wake: Notify,
}

impl ConnectionHandle {
    fn state(&self) -> MutexGuard<'_, HandleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `command` to the connection.
    ///
    /// # Errors
    /// Returns the failure by which the connection ended, if it is not open any more.
    pub(crate) fn send(&self, command: ConnectionCommand) -> Result<(), Arc<Failure>> {
        let mut state = self.state();
        if let Some(failure) = &state.closed {
            return Err(Arc::clone(failure));
        }
        state.command = Some(command);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for the next command.
    pub(crate) async fn next_command(&self) -> ConnectionCommand {
        loop {
            if let Some(command) = self.state().command.take() {
                return command;
            }
            self.wake.notified().await;
        }
    }

    /// Stores the failure by which the connection ended; returns the command that it had not begun.
    pub(crate) fn mark_closed(&self, failure: Failure) -> Option<ConnectionCommand> {
        let mut state = self.state();
        state.closed = Some(Arc::new(failure));
        state.command.take()
    }

    /// Returns true if the connection is open.
    pub(crate) fn is_open(&self) -> bool {
        self.state().closed.is_none()
    }
}
