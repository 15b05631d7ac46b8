//! Work inside one runtime: the pacer, the sessions, and the watch over the pool.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::Window;
use bench_report::clock::monotonic_ns;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backlog::{Arrival, Backlog};
use crate::flight::Flight;
use crate::shared::{PacerTrouble, Shared};
use crate::{
    Arrivals, Failure, LoadPlan, OpeningOrder, Pacer, Session, StepPlan, Target, TargetFactory,
    UserId, WorkerShare,
};

const POOL_SAMPLED_EVERY: Duration = Duration::from_millis(20);
const RELEASED_AT_A_STRETCH: usize = 32;
const CLOSE_BOUND: Duration = Duration::from_millis(500);

/// Runs one worker's share of a step to its end.
///
/// # Errors
/// When its target or a session cannot be opened.
pub(crate) async fn work<F: TargetFactory>(
    worker: WorkerShare,
    plan: Arc<StepPlan>,
    factory: Arc<F>,
    shared: Arc<Shared>,
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
    let result = attack(worker, &plan, &target, &shared).await;
    shared.account_for(worker.index as usize);
    done.cancel();
    let _ = watch.await;
    let _ = tokio::time::timeout(CLOSE_BOUND, target.close()).await;
    result
}

async fn attack<T: Target>(
    worker: WorkerShare,
    plan: &StepPlan,
    target: &Arc<T>,
    shared: &Arc<Shared>,
) -> Result<(), Failure> {
    let sessions = worker.share_of(plan.load.sessions());
    let backlog = Arc::new(Backlog::new());
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
                    Arc::clone(&backlog),
                    shared,
                ));
            }
            LoadPlan::Closed { think_time, .. } => {
                tasks.spawn(be_user(target, user, place, think_time, shared));
            }
        }
    }
    let pacer = match plan.load {
        LoadPlan::Open { .. } => {
            let pacing = pace(
                worker,
                plan.clone(),
                Arc::clone(&backlog),
                Arc::clone(shared),
            );
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
    while let Some(arrival) = backlog.take_now() {
        // Released and never taken up: as censored as what was cut off.
        shared.delayed_at_cap.fetch_add(1, Ordering::Relaxed);
        drop(Flight::never_started(shared, arrival));
    }
    result
}

/// Waits for all sessions, or cuts them off when told to.
async fn finish(tasks: &mut JoinSet<Result<(), Failure>>, shared: &Shared) -> Result<(), Failure> {
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
async fn open<T: Target>(
    target: &T,
    user: UserId,
    place: OpeningOrder,
    shared: &Shared,
) -> Result<(T::Session, Window), Failure> {
    let session = place.open(target.open(user)).await?;
    shared.opened.fetch_add(1, Ordering::Relaxed);
    Ok((session, *shared.window.wait().await))
}

async fn serve_arrivals<T: Target>(
    target: Arc<T>,
    user: UserId,
    place: OpeningOrder,
    backlog: Arc<Backlog>,
    shared: Arc<Shared>,
) -> Result<(), Failure> {
    let (mut session, _) = open(&*target, user, place, &shared).await?;
    while let Some((arrival, waited)) = backlog.take().await {
        if waited {
            shared.delayed_at_cap.fetch_add(1, Ordering::Relaxed);
        }
        let mut flight = Flight::of_arrival(&shared, arrival);
        let outcome = session.request(&mut flight.timestamps).await;
        flight.land(&outcome, session.parts());
    }
    session.close().await;
    Ok(())
}

async fn be_user<T: Target>(
    target: Arc<T>,
    user: UserId,
    place: OpeningOrder,
    think_time: Duration,
    shared: Arc<Shared>,
) -> Result<(), Failure> {
    let (mut session, window) = open(&*target, user, place, &shared).await?;
    sleep_until(window.start_ns).await;
    let mut now_ns = monotonic_ns();
    while now_ns < window.measure_end_ns && !shared.is_halted() {
        let mut flight = Flight::of_user(&shared, now_ns);
        let outcome = session.request(&mut flight.timestamps).await;
        now_ns = flight.land(&outcome, session.parts());
        if !think_time.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(think_time) => {}
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
async fn pace(worker: WorkerShare, plan: StepPlan, backlog: Arc<Backlog>, shared: Arc<Shared>) {
    let window = *shared.window.wait().await;
    let (Some(curve), LoadPlan::Open { pacing, .. }) = (plan.curve(), &plan.load) else {
        return;
    };
    let arrivals = Arrivals::new(curve, *pacing, worker, plan.seed);
    let mut due = arrivals.map(|offset_ns| window.start_ns + offset_ns);
    tokio::select! {
        biased;
        () = shared.halted() => {}
        () = release_all(&plan, window, &mut due, &backlog, &shared) => {}
    }
    let ended_ns = monotonic_ns();
    for due_ns in due.take_while(|due_ns| *due_ns < window.measure_end_ns.min(ended_ns)) {
        // Due, and never let go: as censored as what is cut off.
        let arrival = Arrival {
            due_ns,
            released_ns: ended_ns,
        };
        shared.recorder.begin(due_ns);
        drop(Flight::never_started(&shared, arrival));
    }
    backlog.end(worker.share_of(plan.load.sessions()) as usize);
}

async fn release_all(
    plan: &StepPlan,
    window: Window,
    due: &mut impl Iterator<Item = u64>,
    backlog: &Backlog,
    shared: &Shared,
) {
    let mut pacer = match Pacer::new(plan.waiting) {
        Ok(pacer) => pacer,
        Err(error) => return shared.trouble(PacerTrouble::Timer(error.to_string())),
    };
    for (n, due_ns) in due.enumerate() {
        if due_ns >= window.measure_end_ns {
            return;
        }
        if let Err(error) = pacer.wait_until(due_ns).await {
            return shared.trouble(PacerTrouble::Timer(error.to_string()));
        }
        let released_ns = monotonic_ns();
        shared.recorder.begin(due_ns);
        if !backlog.release(Arrival {
            due_ns,
            released_ns,
        }) {
            return shared.trouble(PacerTrouble::BacklogFull);
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
    shared: Arc<Shared>,
    done: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = done.cancelled() => return,
            () = tokio::time::sleep(POOL_SAMPLED_EVERY) => {}
        }
        if !shared.measures(monotonic_ns()) {
            continue;
        }
        let Some(sample) = target.pool() else { return };
        shared.add_pool_sample(worker.index as usize, sample);
    }
}
