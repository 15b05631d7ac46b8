//! Where a connection gets its orders, and where it leaves word when it is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use load_engine::Failure;
use tokio::sync::{Notify, mpsc};

use crate::flight::{Arrival, Flight};
use crate::level::Level;

/// Held while an order is carried out; once nobody holds it, all have.
pub(crate) type Token = mpsc::Sender<()>;

/// What a connection is told to do.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Talk until the level is over.
    Talk {
        level: Arc<Level>,
        turn: Turn,
        token: Token,
    },
    /// One round trip, to see whether it is alive.
    Check { level: Arc<Level>, token: Token },
    /// Close.
    Leave { token: Token },
}

/// When a connection sends its messages.
#[derive(Debug)]
pub(crate) enum Turn {
    /// A pause after each answer; the first message `offset` after the start.
    Thinking {
        think_time: Duration,
        offset: Duration,
    },
    /// When an arrival comes.
    Called(Inbox),
}

/// Arrivals that wait for one connection. What is still in it when it is dropped was never taken
/// up, and is recorded as censored.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: mpsc::UnboundedReceiver<Arrival>,
    level: Arc<Level>,
}

impl Inbox {
    /// An inbox and the way into it.
    pub(crate) fn new(level: &Arc<Level>) -> (mpsc::UnboundedSender<Arrival>, Self) {
        let (sender, queue) = mpsc::unbounded_channel();
        let inbox = Self {
            queue,
            level: Arc::clone(level),
        };
        (sender, inbox)
    }

    /// The next arrival; `None` once no more can come.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.queue.recv().await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.queue.close();
        while let Ok(arrival) = self.queue.try_recv() {
            drop(forgo(&self.level, arrival));
        }
    }
}

/// An arrival that nobody takes up.
pub(crate) fn forgo(level: &Level, arrival: Arrival) -> Flight<'_> {
    Flight::never_started(level, arrival)
}

#[derive(Debug, Default)]
struct Slot {
    errand: Option<Errand>,
    ended: Option<Arc<Failure>>,
}

/// One open connection as its worker sees it. Small: there are as many as connections.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    slot: Mutex<Slot>,
    bell: Notify,
}

impl Seat {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the connection something to do.
    ///
    /// # Errors
    /// Fails with what it was lost by, if it is not there any more.
    pub(crate) fn give(&self, errand: Errand) -> Result<(), Arc<Failure>> {
        let mut slot = self.slot();
        if let Some(failure) = &slot.ended {
            return Err(Arc::clone(failure));
        }
        slot.errand = Some(errand);
        drop(slot);
        self.bell.notify_one();
        Ok(())
    }

    /// Waits for something to do.
    pub(crate) async fn errand(&self) -> Errand {
        loop {
            if let Some(errand) = self.slot().errand.take() {
                return errand;
            }
            self.bell.notified().await;
        }
    }

    /// The connection is over; returns what it was to do and has not begun.
    pub(crate) fn end(&self, failure: Failure) -> Option<Errand> {
        let mut slot = self.slot();
        slot.ended = Some(Arc::new(failure));
        slot.errand.take()
    }

    /// Returns true if the connection is open.
    pub(crate) fn is_open(&self) -> bool {
        self.slot().ended.is_none()
    }
}
