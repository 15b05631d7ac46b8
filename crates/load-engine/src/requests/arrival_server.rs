//! Tasks that serve an open loop's arrivals. Each takes an arrival from the queue, makes its
//! request, waits for the answer, and takes the next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::arrival_queue::ArrivalQueue;
use super::open_session::OpenSession;
use super::target::{Session, Target, UserId};
use crate::load::opening_order::OpeningOrder;
use crate::load::step_state::StepState;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::in_flight_request::{Arrival, InFlightRequest};
use crate::record::operation_table::OperationId;
use crate::record::outcome::Outcome;

/// Serves the queue's arrivals with one session, which is opened before the step and closed after
/// it. Returns when the queue is closed.
///
/// # Errors
/// Returns the failure to open the session.
pub(super) async fn serve<T: Target>(
    target: Arc<T>,
    user: UserId,
    place: OpeningOrder,
    queue: Arc<ArrivalQueue>,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    let mut session = place.open(target.open(user)).await?;
    shared.count_opened_and_wait().await;
    while let Some(arrival) = next(&queue, &shared).await {
        let mut request = InFlightRequest::for_arrival(&shared.step, arrival);
        let outcome = session.request(&mut request.timestamps).await;
        request.finish(&outcome, session.parts());
        let _ = session.between_requests();
    }
    shared.released().await;
    session.close().await;
    Ok(())
}

/// Serves the queue's arrivals, each with an idle session of the worker, or a new one if none is
/// idle. If a session cannot be opened, the arrival's request is recorded as failed. Never returns
/// an error.
pub(super) async fn serve_when_due<T: Target>(
    target: Arc<T>,
    idle: Arc<IdleSessions<T::Session>>,
    queue: Arc<ArrivalQueue>,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    while let Some(arrival) = next(&queue, &shared).await {
        let mut request = InFlightRequest::for_arrival(&shared.step, arrival);
        let mut opened = match idle.take_or_open(&*target, &shared).await {
            Ok(opened) => opened,
            Err(failure) => {
                request.finish(&Outcome::failed(OperationId::FIRST, failure), &[]);
                continue;
            }
        };
        let outcome = opened.session.request(&mut request.timestamps).await;
        request.finish(&outcome, opened.session.parts());
        let _ = opened.session.between_requests();
        idle.put(opened);
    }
    Ok(())
}

/// Waits for the next arrival, and counts it as delayed if it waited because no session was free;
/// `None` once the queue is closed and empty.
async fn next(queue: &ArrivalQueue, shared: &StepState) -> Option<Arrival> {
    let (arrival, waited) = queue.next().await?;
    if waited {
        shared.count_delayed(arrival.due_ns);
    }
    Some(arrival)
}

/// Idle sessions of one worker. The session that was used last is used next, so that no more
/// sessions are opened than are needed at the same time.
pub(super) struct IdleSessions<S> {
    worker: WorkerShare,
    idle: Mutex<Vec<OpenSession<S>>>,
    opened: AtomicU64,
}

impl<S: Session> IdleSessions<S> {
    /// Creates an empty list for `worker`, with room for `most` sessions.
    pub(super) fn new(worker: WorkerShare, most: u64) -> Self {
        Self {
            worker,
            idle: Mutex::new(Vec::with_capacity(most as usize)),
            opened: AtomicU64::new(0),
        }
    }

    async fn take_or_open<T: Target<Session = S>>(
        &self,
        target: &T,
        shared: &Arc<StepState>,
    ) -> Result<OpenSession<S>, Failure> {
        let idle = self.lock().pop();
        if let Some(session) = idle {
            return Ok(session);
        }
        let index = self.opened.fetch_add(1, Ordering::Relaxed);
        let user = UserId(index * self.worker.count + self.worker.index);
        OpenSession::open(target, user, shared).await
    }

    fn put(&self, session: OpenSession<S>) {
        self.lock().push(session);
    }

    /// Removes all idle sessions and closes them one after the other.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.lock());
        for session in idle {
            session.close().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OpenSession<S>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
