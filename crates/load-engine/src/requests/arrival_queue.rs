//! Arrivals that were released and not yet taken up.

use crossbeam_queue::ArrayQueue;
use tokio::sync::Semaphore;

use crate::record::in_flight_request::Arrival;

/// Arrivals that may wait; a step in which more wait has lost its target and is stopped.
pub(crate) const ARRIVAL_QUEUE_CAPACITY: usize = 1 << 18;

/// A bounded queue that sessions wait at in the order in which they came. Neither side
/// allocates: the ring is made once, and a waiter's place lies in its own future.
#[derive(Debug)]
pub(crate) struct ArrivalQueue {
    ring: ArrayQueue<Arrival>,
    waiting: Semaphore,
}

impl ArrivalQueue {
    pub(crate) fn new() -> Self {
        Self {
            ring: ArrayQueue::new(ARRIVAL_QUEUE_CAPACITY),
            waiting: Semaphore::new(0),
        }
    }

    /// Lets an arrival go; `false` when the bound is reached and it was not taken in.
    pub(crate) fn push(&self, arrival: Arrival) -> bool {
        let taken_in = self.ring.push(arrival).is_ok();
        if taken_in {
            self.waiting.add_permits(1);
        }
        taken_in
    }

    /// The next arrival, and whether it had to wait because no session was free when it was
    /// released; `None` once the pacer has ended and nothing waits any more.
    pub(crate) async fn next(&self) -> Option<(Arrival, bool)> {
        // A free permit is one that no session waited for.
        let (permit, waited) = match self.waiting.try_acquire() {
            Ok(permit) => (permit, true),
            Err(_) => (self.waiting.acquire().await.ok()?, false),
        };
        permit.forget();
        Some((self.ring.pop()?, waited))
    }

    /// Takes what waits without waiting, for the count of what was never taken up.
    pub(crate) fn try_next(&self) -> Option<Arrival> {
        self.ring.pop()
    }

    /// Nothing more will be released: each of `sessions` sessions finds the end once.
    pub(crate) fn close(&self, sessions: usize) {
        self.waiting.add_permits(sessions);
    }
}
