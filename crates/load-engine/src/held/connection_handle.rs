//! Handle of one open connection. Its worker sends commands through the handle, and the
//! connection's task stores in it the failure with which the connection ended.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;

use super::held_step::HeldStep;
use super::talk_schedule::TalkSchedule;
use crate::record::failure::Failure;

/// Token that a command carries until it has been carried out, and then drops. The receiver of this
/// channel sees the channel end once all clones are dropped.
pub(crate) type CompletionToken = mpsc::Sender<()>;

/// Command from a worker to the task of one connection.
#[derive(Debug)]
pub(crate) enum ConnectionCommand {
    /// Exchange messages by the schedule until the step ends. The schedule is boxed because most
    /// connections never exchange messages.
    Talk {
        step: Arc<HeldStep>,
        schedule: Box<TalkSchedule>,
        token: CompletionToken,
    },
    /// Exchange one message, as proof that the connection is alive, and record it as a check of
    /// `step`.
    Check {
        step: Arc<HeldStep>,
        token: CompletionToken,
    },
    /// Close the connection by its protocol.
    Close { token: CompletionToken },
}

#[derive(Debug, Default)]
struct HandleState {
    command: Option<ConnectionCommand>,
    closed: Option<Arc<Failure>>,
}

/// Handle of one open connection, shared by its worker and its task. It must be small, because
/// there may be 100,000 connections.
#[derive(Debug, Default)]
pub(crate) struct ConnectionHandle {
    state: Mutex<HandleState>,
    /// True if the connection's task is to abandon the command that it carries out.
    ceased: AtomicBool,
    /// Waker of the connection's task. It is atomic, because each message registers it and a lock
    /// would be too slow.
    task: AtomicWaker,
}

impl ConnectionHandle {
    fn state(&self) -> MutexGuard<'_, HandleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `command` to the connection's task, in place of a command that it has not begun.
    ///
    /// # Errors
    /// Returns the failure with which the connection ended, if it is no longer open.
    pub(crate) fn send(&self, command: ConnectionCommand) -> Result<(), Arc<Failure>> {
        let mut state = self.state();
        if let Some(failure) = &state.closed {
            return Err(Arc::clone(failure));
        }
        self.ceased.store(false, Ordering::Relaxed);
        state.command = Some(command);
        drop(state);
        self.task.wake();
        Ok(())
    }

    /// Waits for the next command. Only the connection's task calls this.
    pub(crate) async fn next_command(&self) -> ConnectionCommand {
        poll_fn(|context| {
            self.task.register(context.waker());
            let command = self.state().command.take();
            command.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Makes the connection's task abandon its current command; the connection stays open. A
    /// message that waits for an answer is recorded as censored.
    pub(crate) fn cease(&self) {
        self.ceased.store(true, Ordering::Relaxed);
        self.task.wake();
    }

    /// Polls for the end of the current command, which is then to be abandoned. Only the
    /// connection's task calls this.
    pub(crate) fn poll_ceased(&self, context: &mut Context<'_>) -> Poll<()> {
        self.task.register(context.waker());
        if self.ceased.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Marks the connection as ended with `failure`, so that no further command is accepted.
    /// Returns a command that was sent but not begun; `None` if there is none.
    pub(crate) fn mark_closed(&self, failure: Failure) -> Option<ConnectionCommand> {
        let mut state = self.state();
        state.closed = Some(Arc::new(failure));
        state.command.take()
    }

    /// Returns the failure with which the connection ended; `None` while it is open.
    pub(crate) fn failure(&self) -> Option<Arc<Failure>> {
        self.state().closed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_handles_are_small() {
        assert!(size_of::<ConnectionHandle>() <= 128);
    }
}
