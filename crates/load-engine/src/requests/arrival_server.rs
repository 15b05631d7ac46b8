//! Servers of an open loop's arrivals. Each takes up an arrival, makes its request, waits for the
//! answer, and takes up the next.

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

/// Serves arrivals with one session, which is opened before the step.
///
/// # Errors
/// Fails if the session cannot be opened.
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
    }
    shared.released().await;
    session.close().await;
    Ok(())
}

/// Serves arrivals with idle sessions of the worker. Opens a new session if none is idle; if that
/// fails, its arrival has failed.
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
        idle.put(opened);
    }
    Ok(())
}

/// Waits for the next arrival, and counts it as delayed if it had to wait because no session was
/// free.
async fn next(queue: &ArrivalQueue, shared: &StepState) -> Option<Arrival> {
    let (arrival, waited) = queue.next().await?;
    if waited {
        shared.count_delayed(arrival.due_ns);
    }
    Some(arrival)
}

/// Idle sessions of one worker. The session that was used last is used next, so that no more
/// sessions open than are needed at the same time.
pub(super) struct IdleSessions<S> {
    worker: WorkerShare,
    idle: Mutex<Vec<OpenSession<S>>>,
    opened: AtomicU64,
}

impl<S: Session> IdleSessions<S> {
    /// Creates the empty list of a worker that opens at most `most` sessions.
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

    /// Closes all idle sessions.
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
