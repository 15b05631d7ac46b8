//! Queue of an open loop's arrivals that the pacer has released and no session has taken yet.

use crossbeam_queue::ArrayQueue;
use tokio::sync::Semaphore;

use crate::record::in_flight_request::Arrival;

/// Largest number of arrivals in the queue. If more wait, the target cannot keep up at all, and the
/// step is stopped.
pub(crate) const ARRIVAL_QUEUE_CAPACITY: usize = 1 << 18;

/// Bounded queue of arrivals for the sessions of one worker. Sessions that wait are served in the
/// order in which they began to wait. Neither pushing nor taking allocates: the ring buffer is
/// allocated once, and a waiting session is stored in its own future.
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

    /// Adds an arrival at the end. Returns false, without adding it, if the queue is full.
    pub(crate) fn push(&self, arrival: Arrival) -> bool {
        let taken_in = self.ring.push(arrival).is_ok();
        if taken_in {
            self.waiting.add_permits(1);
        }
        taken_in
    }

    /// Waits for the next arrival. The boolean is true if the arrival had to wait in the queue
    /// because no session was free when it was released. `None` once the queue is closed and empty.
    pub(crate) async fn next(&self) -> Option<(Arrival, bool)> {
        // If a permit is free, no session waited when the arrival was pushed.
        let (permit, waited) = match self.waiting.try_acquire() {
            Ok(permit) => (permit, true),
            Err(_) => (self.waiting.acquire().await.ok()?, false),
        };
        permit.forget();
        Some((self.ring.pop()?, waited))
    }

    /// Takes the next arrival without waiting; `None` if the queue is empty. Used at the end, to
    /// count the arrivals that no session took up.
    pub(crate) fn try_next(&self) -> Option<Arrival> {
        self.ring.pop()
    }

    /// Ends the queue: nothing more is released. `sessions` is the number of sessions that call
    /// `next`, each of which then receives `None` once.
    pub(crate) fn close(&self, sessions: usize) {
        self.waiting.add_permits(sessions);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::{Pin, pin};
    use std::task::Poll;

    use super::*;

    const ARRIVAL: Arrival = Arrival {
        due_ns: 1,
        released_ns: 2,
    };

    /// Polls the session's future once and returns true if it is pending. A session that finds no
    /// arrival then waits in the queue.
    async fn starts_to_wait<F: Future>(session: &mut Pin<&mut F>) -> bool {
        poll_fn(|context| Poll::Ready(session.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn an_arrival_is_delayed_by_the_sessions_of_its_own_worker_alone() {
        let (busy, idle) = (ArrivalQueue::new(), ArrivalQueue::new());
        let mut free = pin!(idle.next());
        assert!(starts_to_wait(&mut free).await);
        assert!(busy.push(ARRIVAL) && idle.push(ARRIVAL));
        let (_, waited) = free.await.unwrap();
        assert!(!waited, "a session of its worker was free");
        let (_, waited) = busy.next().await.unwrap();
        assert!(waited, "sessions of other workers do not help");
    }

    #[tokio::test]
    async fn every_session_finds_the_end_once() {
        let queue = ArrivalQueue::new();
        queue.push(ARRIVAL);
        queue.close(2);
        assert!(queue.next().await.is_some());
        assert!(queue.next().await.is_none() && queue.next().await.is_none());
        assert!(queue.try_next().is_none());
    }
}
