//! Work inside one runtime: the pacer, the sessions, and the watch over the pool.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arrival_queue::{ARRIVAL_QUEUE_CAPACITY, ArrivalQueue};
use super::target::{Session, Target, TargetFactory, UserId};
use crate::load::opening_order::OpeningOrder;
use crate::load::pacer::Pacer;
use crate::load::step_state::{PacerError, StepState};
use crate::plan::arrivals::Arrivals;
use crate::plan::load_plan::LoadPlan;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::plan::think_time::Pauses;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::in_flight_request::Arrival;
use crate::record::in_flight_request::InFlightRequest;

const POOL_SAMPLED_EVERY: Duration = Duration::from_millis(20);
const RELEASED_AT_A_STRETCH: usize = 32;
const CLOSE_BOUND: Duration = Duration::from_millis(500);

/// Runs one worker's share of a step to its end.
///
/// # Errors
/// Fails if its target or a session cannot be opened.
pub(crate) async fn work<F: TargetFactory>(
    worker: WorkerShare,
    plan: Arc<StepPlan>,
    factory: Arc<F>,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    let target = tokio::select! {
        biased;
        () = shared.abort.cancelled() => return Ok(()),
        built = factory.build(worker) => Arc::new(built?),
    };
    let done = CancellationToken::new();
    let watch = tokio::spawn(watch_pool(
        worker,
        Arc::clone(&target),
        Arc::clone(&shared),
        done.clone(),
    ));
    let result = make_load(worker, &plan, &target, &shared).await;
    shared.mark_recorded(worker);
    done.cancel();
    let _ = watch.await;
    let _ = tokio::time::timeout(CLOSE_BOUND, target.close()).await;
    result
}

/// Opens this worker's sessions, makes its load until the step ends, and records what was never
/// taken up.
async fn make_load<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    target: &Arc<T>,
    shared: &Arc<StepState>,
) -> Result<(), Failure> {
    let sessions = worker.share_of(plan.load.sessions());
    let queue = Arc::new(ArrivalQueue::new());
    let mut tasks = JoinSet::new();
    for (index, place) in (0..).zip(OpeningOrder::places(sessions)) {
        let user = UserId(index * worker.count + worker.index);
        let (target, shared) = (Arc::clone(target), Arc::clone(shared));
        match plan.load {
            LoadPlan::Open { .. } => {
                tasks.spawn(serve_arrivals(
                    target,
                    user,
                    place,
                    Arc::clone(&queue),
                    shared,
                ));
            }
            LoadPlan::Closed { think_time, .. } => {
                let pauses = Pauses::new(think_time, plan.seed, user.0);
                tasks.spawn(run_user(target, user, place, pauses, shared));
            }
        }
    }
    let pacer = match plan.load {
        LoadPlan::Open { .. } => {
            let pacing = pace(worker, plan.clone(), Arc::clone(&queue), Arc::clone(shared));
            Some(tokio::spawn(pacing))
        }
        LoadPlan::Closed { .. } => None,
    };
    let result = finish(&mut tasks, shared).await;
    if let Some(pacer) = pacer {
        if result.is_err() {
            pacer.abort();
        }
        let _ = pacer.await;
    }
    while let Some(arrival) = queue.try_next() {
        // Released and never taken up: as censored as what was cut off.
        shared.count_delayed(arrival.due_ns);
        drop(InFlightRequest::never_started(&shared.step, arrival));
    }
    result
}

/// Waits for all sessions, or cuts them off when told to.
async fn finish(
    tasks: &mut JoinSet<Result<(), Failure>>,
    shared: &StepState,
) -> Result<(), Failure> {
    let mut first_failure = None;
    loop {
        let joined = tokio::select! {
            biased;
            joined = tasks.join_next() => joined,
            () = shared.abort.cancelled() => {
                tasks.abort_all();
                while tasks.join_next().await.is_some() {}
                None
            }
        };
        match joined {
            None => return first_failure.map_or(Ok(()), Err),
            Some(Ok(Err(failure))) if first_failure.is_none() => {
                first_failure = Some(failure);
                tasks.abort_all();
            }
            Some(_) => {}
        }
    }
}

/// Opens a session at its place in the order, counts it, and waits for the step to begin.
async fn open<'a, T: Target>(
    target: &T,
    user: UserId,
    place: OpeningOrder,
    shared: &'a StepState,
) -> Result<(T::Session, &'a Segments), Failure> {
    let session = place.open(target.open(user)).await?;
    shared.opened.fetch_add(1, Ordering::Relaxed);
    Ok((session, shared.step.segments.wait().await))
}

async fn serve_arrivals<T: Target>(
    target: Arc<T>,
    user: UserId,
    place: OpeningOrder,
    queue: Arc<ArrivalQueue>,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    let (mut session, _) = open(&*target, user, place, &shared).await?;
    while let Some((arrival, waited)) = queue.next().await {
        if waited {
            shared.count_delayed(arrival.due_ns);
        }
        let mut request = InFlightRequest::for_arrival(&shared.step, arrival);
        let outcome = session.request(&mut request.timestamps).await;
        request.finish(&outcome, session.parts());
    }
    session.close().await;
    Ok(())
}

async fn run_user<T: Target>(
    target: Arc<T>,
    user: UserId,
    place: OpeningOrder,
    mut pauses: Pauses,
    shared: Arc<StepState>,
) -> Result<(), Failure> {
    let (mut session, segments) = open(&*target, user, place, &shared).await?;
    sleep_until(segments.start_ns()).await;
    let mut now_ns = monotonic_ns();
    while now_ns < segments.measure_end_ns() && !shared.step.is_halted() {
        let mut request = InFlightRequest::for_user(&shared.step, now_ns);
        let outcome = session.request(&mut request.timestamps).await;
        now_ns = request.finish(&outcome, session.parts());
        if let Some(pause) = pauses.next_pause() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shared.halted() => {}
            }
            now_ns = monotonic_ns();
        }
    }
    session.close().await;
    Ok(())
}

async fn sleep_until(instant_ns: u64) {
    let left = instant_ns.saturating_sub(monotonic_ns());
    tokio::time::sleep(Duration::from_nanos(left)).await;
}

/// Releases each arrival when it is due, until the curve or the step ends.
async fn pace(
    worker: WorkerShare,
    plan: StepPlan,
    queue: Arc<ArrivalQueue>,
    shared: Arc<StepState>,
) {
    let segments = shared.step.segments.wait().await;
    let (Some(curve), LoadPlan::Open { pacing, .. }) = (plan.curve(), &plan.load) else {
        return;
    };
    let arrivals = Arrivals::new(curve, *pacing, worker, plan.seed);
    let mut due = arrivals.map(|offset_ns| segments.start_ns() + offset_ns);
    tokio::select! {
        biased;
        () = shared.halted() => {}
        () = release_all(&plan, segments.measure_end_ns(), &mut due, &queue, &shared) => {}
    }
    let ended_ns = monotonic_ns();
    for due_ns in due.take_while(|due_ns| *due_ns < segments.measure_end_ns().min(ended_ns)) {
        // Due, and never let go: as censored as what is cut off.
        let arrival = Arrival {
            due_ns,
            released_ns: ended_ns,
        };
        shared.step.recorder.begin(due_ns);
        drop(InFlightRequest::never_started(&shared.step, arrival));
    }
    queue.close(worker.share_of(plan.load.sessions()) as usize);
}

async fn release_all(
    plan: &StepPlan,
    end_ns: u64,
    due: &mut impl Iterator<Item = u64>,
    queue: &ArrivalQueue,
    shared: &StepState,
) {
    let mut pacer = match Pacer::new(plan.waiting) {
        Ok(pacer) => pacer,
        Err(error) => return shared.set_pacer_error(PacerError::Timer(error.to_string())),
    };
    for (n, due_ns) in due.enumerate() {
        if due_ns >= end_ns {
            return;
        }
        if let Err(error) = pacer.wait_until(due_ns).await {
            return shared.set_pacer_error(PacerError::Timer(error.to_string()));
        }
        let released_ns = monotonic_ns();
        shared.step.recorder.begin(due_ns);
        if !queue.push(Arrival {
            due_ns,
            released_ns,
        }) {
            return shared.set_pacer_error(PacerError::QueueFull {
                capacity: ARRIVAL_QUEUE_CAPACITY,
            });
        }
        if n % RELEASED_AT_A_STRETCH == 0 {
            // A pacer that catches up never has to wait, and would starve its own sessions.
            tokio::task::yield_now().await;
        }
    }
}

async fn watch_pool<T: Target>(
    worker: WorkerShare,
    target: Arc<T>,
    shared: Arc<StepState>,
    done: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = done.cancelled() => return,
            () = tokio::time::sleep(POOL_SAMPLED_EVERY) => {}
        }
        let Some(segment) = shared.step.segment_at(monotonic_ns()) else {
            continue;
        };
        let Some(sample) = target.pool() else { return };
        shared.add_pool_sample(worker, segment, sample);
    }
}
