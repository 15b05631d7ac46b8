//! Work of one worker inside its runtime: pacing, sessions, and readings of the target.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::arrival_queue::ArrivalQueue;
use super::arrival_release::ArrivalRelease;
use super::arrival_server::{self, IdleSessions};
use super::due_instants::DueInstants;
use super::target::{Target, TargetFactory, UserId};
use super::user_tasks::{SessionTasks, UserTasks};
use crate::load::opening_order::OpeningOrder;
use crate::load::step_state::StepState;
use crate::plan::load_plan::{LoadPlan, SessionOpening};
use crate::plan::step_plan::{StepPlan, WaitStrategy};
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::in_flight_request::InFlightRequest;

const TARGET_READ_EVERY: Duration = Duration::from_millis(20);
const CLOSE_BOUND: Duration = Duration::from_millis(500);

/// Work that a worker does on its target beside the requests of the load, such as that of actors.
pub(crate) trait BesideLoad<T>: Send {
    /// Starts the work. Called once the target is created, before any session is opened.
    fn begin(&mut self, target: &Arc<T>, state: &Arc<StepState>);

    /// Ends the work within a bounded time. Called once all requests are recorded, before the
    /// target is closed.
    fn end(self, target: &Arc<T>) -> impl Future<Output = ()> + Send;
}

/// Implementation for loads without work beside the requests.
impl<T: Send + Sync> BesideLoad<T> for () {
    fn begin(&mut self, _: &Arc<T>, _: &Arc<StepState>) {}

    async fn end(self, _: &Arc<T>) {}
}

/// Makes one worker's share of a step's load, from the creation of the target to its closing.
///
/// # Errors
/// Returns the failure to create the target or to open a session before the step.
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
    let watch = tokio::spawn(watch_target(
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

/// Opens this worker's sessions and makes its load until the step ends. Arrivals that no session
/// took up are recorded as censored. Returns the first failure to open a session.
async fn make_load<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    target: &Arc<T>,
    shared: &Arc<StepState>,
) -> Result<(), Failure> {
    let queue = Arc::new(ArrivalQueue::new());
    let idle = Arc::new(IdleSessions::new(worker, plan.load.sessions()));
    let mut tasks = JoinSet::new();
    let mut users = UserTasks::new(worker, plan, target, shared);
    match &mut users {
        Some(users) => users.start(&mut tasks),
        None => start_servers(worker, plan, (target, &idle), (&queue, shared), &mut tasks),
    }
    if plan.opening == SessionOpening::WhenDue {
        shared.opened.fetch_add(1, Ordering::Relaxed);
    }
    let pacer = match plan.load {
        LoadPlan::Open { .. } => {
            let arrivals = match target.arrivals() {
                Some(given) => Some(DueInstants::given(given)),
                None => plan.arrivals(worker).map(DueInstants::Planned),
            };
            let sessions = worker.share_of(plan.load.sessions()) as usize;
            let queue = (Arc::clone(&queue), sessions);
            let pacing = pace(arrivals, plan.waiting, queue, Arc::clone(shared));
            Some(tokio::spawn(pacing))
        }
        LoadPlan::Closed { .. } => None,
    };
    let result = finish(&mut tasks, users, shared).await;
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

/// Starts a task in `tasks` for each session that serves the arrivals of an open loop.
fn start_servers<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    (target, idle): (&Arc<T>, &Arc<IdleSessions<T::Session>>),
    (queue, shared): (&Arc<ArrivalQueue>, &Arc<StepState>),
    tasks: &mut SessionTasks,
) {
    let sessions = worker.share_of(plan.load.sessions());
    for (index, place) in (0..).zip(OpeningOrder::places(sessions)) {
        let (target, queue, shared) = (Arc::clone(target), Arc::clone(queue), Arc::clone(shared));
        match plan.opening {
            SessionOpening::Upfront => {
                let user = UserId(index * worker.count + worker.index);
                tasks.spawn(arrival_server::serve(target, user, place, queue, shared));
            }
            SessionOpening::WhenDue => {
                let idle = Arc::clone(idle);
                tasks.spawn(arrival_server::serve_when_due(target, idle, queue, shared));
            }
        }
    }
}

/// Waits for all tasks, and starts the users that changes of the load add. Cuts all tasks off once
/// the state's abort token is cancelled, or a session fails; that failure is returned.
async fn finish<T: Target>(
    tasks: &mut SessionTasks,
    mut users: Option<UserTasks<'_, T>>,
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
            () = changed(&mut users) => {
                if let Some(users) = &mut users {
                    users.start_more(tasks);
                }
                continue;
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

/// Waits until the load of `users` is changed. Never returns if `users` is `None`, as in an open
/// loop.
async fn changed<T: Target>(users: &mut Option<UserTasks<'_, T>>) {
    match users {
        Some(users) => users.changed().await,
        None => std::future::pending().await,
    }
}

/// Releases each of this worker's arrivals when it is due, until the measured part ends or the step
/// is halted; then closes the queue, from which so many sessions take them. Does nothing without
/// `arrivals`, as for a step without length.
async fn pace(
    arrivals: Option<DueInstants>,
    waiting: WaitStrategy,
    (queue, sessions): (Arc<ArrivalQueue>, usize),
    shared: Arc<StepState>,
) {
    let segments = shared.step.segments.wait().await;
    let Some(arrivals) = arrivals else {
        return;
    };
    let release = ArrivalRelease::new(arrivals, segments, &queue, &shared);
    release.run(waiting).await;
    queue.close(sessions);
}

/// Reads the state of the target's pool and its tallies at regular intervals until `done` is
/// cancelled; at once and never again if it has neither.
async fn watch_target<T: Target>(
    worker: WorkerShare,
    target: Arc<T>,
    shared: Arc<StepState>,
    done: CancellationToken,
) {
    loop {
        let segment = shared.step.segment_at(monotonic_ns());
        let (pool, tallies) = (target.pool(), target.tallies());
        if pool.is_none() && tallies.is_empty() {
            return;
        }
        if let (Some(segment), Some(sample)) = (segment, pool) {
            shared.add_pool_sample(worker, segment, sample);
        }
        shared.add_tallies(worker, segment, tallies);
        if done.is_cancelled() {
            return;
        }
        tokio::select! {
            biased;
            () = done.cancelled() => {}
            () = tokio::time::sleep(TARGET_READ_EVERY) => {}
        }
    }
}
