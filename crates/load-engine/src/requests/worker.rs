//! Work of one worker, inside its runtime: the pacer, the sessions, and the sampling of the pool.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arrival_queue::{ARRIVAL_QUEUE_CAPACITY, ArrivalQueue};
use super::arrival_server::{self, IdleSessions};
use super::target::{Target, TargetFactory, UserId};
use super::user;
use super::user_requests::UserRequests;
use crate::load::opening_order::OpeningOrder;
use crate::load::pacer::Pacer;
use crate::load::step_state::{PacerError, StepState};
use crate::plan::load_plan::{LoadPlan, SessionOpening};
use crate::plan::step_plan::StepPlan;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::in_flight_request::{Arrival, InFlightRequest};

const POOL_SAMPLED_EVERY: Duration = Duration::from_millis(20);
const RELEASED_AT_A_STRETCH: usize = 32;
const CLOSE_BOUND: Duration = Duration::from_millis(500);

/// Work that a worker does on its target beside the load.
pub(crate) trait BesideLoad<T>: Send {
    /// Begins the work, before any session is open.
    fn begin(&mut self, target: &Arc<T>, state: &Arc<StepState>);

    /// Ends the work, within a bounded time, once all requests are recorded.
    fn end(self, target: &Arc<T>) -> impl Future<Output = ()> + Send;
}

/// Implementation for loads without such work.
impl<T: Send + Sync> BesideLoad<T> for () {
    fn begin(&mut self, _: &Arc<T>, _: &Arc<StepState>) {}

    async fn end(self, _: &Arc<T>) {}
}

/// Makes one worker's share of a step's load.
///
/// # Errors
/// Fails if the target cannot be created, or a session cannot be opened.
pub(crate) async fn work<F: TargetFactory>(
    worker: WorkerShare,
    plan: Arc<StepPlan>,
    factory: Arc<F>,
    shared: Arc<StepState>,
    mut beside: impl BesideLoad<F::Target>,
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
    beside.begin(&target, &shared);
    let result = make_load(worker, &plan, &target, &shared).await;
    shared.mark_recorded(worker);
    beside.end(&target).await;
    done.cancel();
    let _ = watch.await;
    if result.is_ok() {
        shared.released().await;
    }
    let _ = tokio::time::timeout(CLOSE_BOUND, target.close()).await;
    result
}

/// Opens this worker's sessions and makes its load until the step ends. Records arrivals that no
/// session took up as censored.
async fn make_load<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    target: &Arc<T>,
    shared: &Arc<StepState>,
) -> Result<(), Failure> {
    let queue = Arc::new(ArrivalQueue::new());
    let idle = Arc::new(IdleSessions::new(worker, plan.load.sessions()));
    let mut tasks = match (plan.opening, &plan.load) {
        (SessionOpening::Upfront, _) => open_upfront(worker, plan, target, &queue, shared),
        (SessionOpening::WhenDue, LoadPlan::Closed { .. }) => {
            expect_users(worker, plan, target, shared)
        }
        (SessionOpening::WhenDue, LoadPlan::Open { .. }) => {
            expect_arrivals(worker, plan, (target, &idle), &queue, shared)
        }
    };
    if plan.opening == SessionOpening::WhenDue {
        shared.opened.fetch_add(1, Ordering::Relaxed);
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
        // Arrivals that no session took up count as censored, like requests that are cut off.
        shared.count_delayed(arrival.due_ns);
        drop(InFlightRequest::never_started(&shared.step, arrival));
    }
    if result.is_ok() {
        shared.released().await;
    }
    let _ = tokio::time::timeout(CLOSE_BOUND, idle.close()).await;
    result
}

type SessionTasks = JoinSet<Result<(), Failure>>;

/// Starts the tasks of sessions that open before the step, one after the other.
fn open_upfront<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    target: &Arc<T>,
    queue: &Arc<ArrivalQueue>,
    shared: &Arc<StepState>,
) -> SessionTasks {
    let mut tasks = JoinSet::new();
    let sessions = worker.share_of(plan.load.sessions());
    for (index, place) in (0..).zip(OpeningOrder::places(sessions)) {
        let user = UserId(index * worker.count + worker.index);
        let (target, shared) = (Arc::clone(target), Arc::clone(shared));
        match plan.load {
            LoadPlan::Open { .. } => {
                let queue = Arc::clone(queue);
                tasks.spawn(arrival_server::serve(target, user, place, queue, shared));
            }
            LoadPlan::Closed { think_time, .. } => {
                let requests = UserRequests::new(plan, think_time, user);
                tasks.spawn(user::stay(target, user, place, requests, shared));
            }
        }
    }
    tasks
}

/// Starts the tasks of users who come and leave during the step.
fn expect_users<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    target: &Arc<T>,
    shared: &Arc<StepState>,
) -> SessionTasks {
    let mut tasks = JoinSet::new();
    let (LoadPlan::Closed { think_time, .. }, Some(schedule)) = (&plan.load, plan.user_schedule())
    else {
        return tasks;
    };
    for index in 0..worker.share_of(schedule.peak()) {
        let user = UserId(index * worker.count + worker.index);
        let presences = schedule.presences(user.0);
        let requests = UserRequests::new(plan, *think_time, user);
        let (target, shared) = (Arc::clone(target), Arc::clone(shared));
        tasks.spawn(user::come_and_go(target, user, presences, requests, shared));
    }
    tasks
}

/// Starts the tasks that serve arrivals with sessions that open when they are needed.
fn expect_arrivals<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    (target, idle): (&Arc<T>, &Arc<IdleSessions<T::Session>>),
    queue: &Arc<ArrivalQueue>,
    shared: &Arc<StepState>,
) -> SessionTasks {
    let mut tasks = JoinSet::new();
    for _ in 0..worker.share_of(plan.load.sessions()) {
        let (target, idle) = (Arc::clone(target), Arc::clone(idle));
        let (queue, shared) = (Arc::clone(queue), Arc::clone(shared));
        tasks.spawn(arrival_server::serve_when_due(target, idle, queue, shared));
    }
    tasks
}

/// Waits for all sessions; cuts them off once the state's abort token is cancelled.
async fn finish(tasks: &mut SessionTasks, shared: &StepState) -> Result<(), Failure> {
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

/// Releases each arrival when it is due, until the curve ends or the step is halted.
async fn pace(
    worker: WorkerShare,
    plan: StepPlan,
    queue: Arc<ArrivalQueue>,
    shared: Arc<StepState>,
) {
    let segments = shared.step.segments.wait().await;
    let Some(arrivals) = plan.arrivals(worker) else {
        return;
    };
    let mut due = arrivals.map(|offset_ns| segments.start_ns() + offset_ns);
    tokio::select! {
        biased;
        () = shared.halted() => {}
        () = release_all(&plan, segments.measure_end_ns(), &mut due, &queue, &shared) => {}
    }
    let ended_ns = monotonic_ns();
    for due_ns in due.take_while(|due_ns| *due_ns < segments.measure_end_ns().min(ended_ns)) {
        // Arrivals that were due but not released count as censored, like requests that are cut
        // off.
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
            // A pacer that is late never waits, and would keep its own sessions from running.
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
