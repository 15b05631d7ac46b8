//! What runs inside one runtime: the pacer, the sessions, and the watch over the pool.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{PoolUsage, Window};
use crossbeam_utils::CachePadded;
use tokio::sync::SetOnce;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backlog::{Arrival, Backlog};
use crate::cpu_use::LoadThreads;
use crate::flight::Flight;
use crate::{
    Arrivals, Factory, Failure, LoadPlan, Marks, Pacer, PoolSample, Recorder, Session, StepPlan,
    Target, UserId, Within, Worker,
};

const POOL_SAMPLED_EVERY: Duration = Duration::from_millis(20);
const RELEASED_AT_A_STRETCH: usize = 32;
const CLOSE_BOUND: Duration = Duration::from_millis(500);

/// What all workers and the controller of a step share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) recorder: Recorder,
    /// Set by the controller once every session is open.
    pub(crate) window: SetOnce<Window>,
    /// Where the pacer and users who think learn that nothing more is to begin.
    halt: CancellationToken,
    /// The same for the hot path: a token's own flag lies behind a lock.
    halted: AtomicBool,
    /// Whatever is still under way is cut off.
    pub(crate) abort: CancellationToken,
    pub(crate) opened: AtomicUsize,
    pub(crate) delayed_at_cap: AtomicU64,
    /// What ended the release of arrivals before its time.
    pub(crate) pacer_trouble: OnceLock<PacerTrouble>,
    /// Each worker's own: every worker has a pool of its own.
    pools: Vec<Mutex<PoolWatch>>,
    /// Whose CPU time is watched.
    pub(crate) threads: LoadThreads,
    /// Which workers have recorded all their arrivals.
    accounted: Vec<AtomicBool>,
    /// Apart from what every hit reads: the open loop writes it twice per hit.
    in_flight: CachePadded<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(recorder: Recorder, workers: u64) -> Self {
        Self {
            recorder,
            window: SetOnce::new(),
            halt: CancellationToken::new(),
            halted: AtomicBool::new(false),
            abort: CancellationToken::new(),
            opened: AtomicUsize::new(0),
            delayed_at_cap: AtomicU64::new(0),
            pacer_trouble: OnceLock::new(),
            pools: (0..workers).map(|_| Mutex::default()).collect(),
            threads: LoadThreads::default(),
            accounted: (0..workers).map(|_| AtomicBool::new(false)).collect(),
            in_flight: CachePadded::default(),
        }
    }

    /// Nothing more is to begin.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
        self.halt.cancel();
    }

    /// Whether `instant_ns` lies in the measured part as it was planned.
    pub(crate) fn measures(&self, instant_ns: u64) -> bool {
        self.window
            .get()
            .is_some_and(|w| (w.measure_start_ns..w.measure_end_ns).contains(&instant_ns))
    }

    /// Where a hit that is over lies in the measured part, which a halt may have cut short.
    pub(crate) fn within(&self, marks: &Marks) -> Within {
        let measured = self
            .window
            .get()
            .map_or(0..0, |w| w.measure_start_ns..w.measure_end_ns);
        Within {
            due: measured.contains(&marks.begin_ns()),
            done: measured.contains(&marks.done_ns) && !self.halted.load(Ordering::Relaxed),
        }
    }

    /// Whether this worker has recorded all its arrivals.
    pub(crate) fn is_accounted(&self, worker: usize) -> bool {
        self.accounted[worker].load(Ordering::Acquire)
    }

    /// What was seen of all workers' pools together.
    pub(crate) fn pool_usage(&self) -> Option<PoolUsage> {
        let watched = self.pools.iter().filter_map(|pool| lock(pool).usage());
        watched.reduce(|sum, one| PoolUsage {
            max_size: sum.max_size + one.max_size,
            size_mean: sum.size_mean + one.size_mean,
            in_use_mean: sum.in_use_mean + one.in_use_mean,
            in_use_max: sum.in_use_max + one.in_use_max,
            waiting_mean: sum.waiting_mean.zip(one.waiting_mean).map(|(a, b)| a + b),
            waiting_max: sum.waiting_max.zip(one.waiting_max).map(|(a, b)| a + b),
            samples: sum.samples.max(one.samples),
        })
    }

    fn trouble(&self, trouble: PacerTrouble) {
        // The first is the one to tell.
        let _ = self.pacer_trouble.set(trouble);
    }

    pub(crate) fn take_off(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn touch_down(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why arrivals were no longer released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacerTrouble {
    /// The backlog's bound was reached.
    BacklogFull,
    /// The system's timer failed.
    Timer(String),
}

/// Sums of one pool's samples.
#[derive(Debug, Default)]
pub(crate) struct PoolWatch {
    max_size: u64,
    samples: u64,
    size: u64,
    in_use: u64,
    in_use_max: u64,
    waiting: Option<u64>,
    waiting_max: Option<u64>,
}

impl PoolWatch {
    fn add(&mut self, sample: PoolSample) {
        self.max_size = self.max_size.max(sample.max_size);
        self.samples += 1;
        self.size += sample.size;
        self.in_use += sample.in_use;
        self.in_use_max = self.in_use_max.max(sample.in_use);
        if let Some(waiting) = sample.waiting {
            *self.waiting.get_or_insert(0) += waiting;
            self.waiting_max = Some(self.waiting_max.unwrap_or(0).max(waiting));
        }
    }

    fn usage(&self) -> Option<PoolUsage> {
        let samples = self.samples as f64;
        (self.samples > 0).then(|| PoolUsage {
            max_size: self.max_size,
            size_mean: self.size as f64 / samples,
            in_use_mean: self.in_use as f64 / samples,
            in_use_max: self.in_use_max,
            waiting_mean: self.waiting.map(|w| w as f64 / samples),
            waiting_max: self.waiting_max,
            samples: self.samples,
        })
    }
}

fn lock(pool: &Mutex<PoolWatch>) -> MutexGuard<'_, PoolWatch> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs one worker's share of a step to its end.
///
/// # Errors
/// When its target or a session cannot be opened.
pub(crate) async fn work<F: Factory>(
    worker: Worker,
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
    shared.accounted[worker.index as usize].store(true, Ordering::Release);
    done.cancel();
    let _ = watch.await;
    let _ = tokio::time::timeout(CLOSE_BOUND, target.close()).await;
    result
}

async fn attack<T: Target>(
    worker: Worker,
    plan: &StepPlan,
    target: &Arc<T>,
    shared: &Arc<Shared>,
) -> Result<(), Failure> {
    let sessions = worker.share_of(plan.load.sessions());
    let backlog = Arc::new(Backlog::new());
    let mut tasks = JoinSet::new();
    for index in 0..sessions {
        let user = UserId(index * worker.count + worker.index);
        let (target, shared) = (Arc::clone(target), Arc::clone(shared));
        match plan.load {
            LoadPlan::Open { .. } => {
                tasks.spawn(serve_arrivals(target, user, Arc::clone(&backlog), shared));
            }
            LoadPlan::Closed { think_time, .. } => {
                tasks.spawn(be_user(target, user, think_time, shared));
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
        drop(Flight::of_arrival(shared, arrival));
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

/// Opens a session, says so, and waits for the step to begin.
async fn open<T: Target>(
    target: &T,
    user: UserId,
    shared: &Shared,
) -> Result<(T::Session, Window), Failure> {
    let session = target.open(user).await?;
    shared.opened.fetch_add(1, Ordering::Relaxed);
    Ok((session, *shared.window.wait().await))
}

async fn serve_arrivals<T: Target>(
    target: Arc<T>,
    user: UserId,
    backlog: Arc<Backlog>,
    shared: Arc<Shared>,
) -> Result<(), Failure> {
    let (mut session, _) = open(&*target, user, &shared).await?;
    while let Some(arrival) = backlog.take().await {
        let mut flight = Flight::of_arrival(&shared, arrival);
        let outcome = session.hit(&mut flight.marks).await;
        flight.land(&outcome);
    }
    session.close().await;
    Ok(())
}

async fn be_user<T: Target>(
    target: Arc<T>,
    user: UserId,
    think_time: Duration,
    shared: Arc<Shared>,
) -> Result<(), Failure> {
    let (mut session, window) = open(&*target, user, &shared).await?;
    sleep_until(window.start_ns).await;
    let mut now_ns = monotonic_ns();
    while now_ns < window.measure_end_ns && !shared.halted.load(Ordering::Relaxed) {
        let mut flight = Flight::of_user(&shared, now_ns);
        let outcome = session.hit(&mut flight.marks).await;
        now_ns = flight.land(&outcome);
        if !think_time.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(think_time) => {}
                () = shared.halt.cancelled() => {}
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
async fn pace(worker: Worker, plan: StepPlan, backlog: Arc<Backlog>, shared: Arc<Shared>) {
    let window = *shared.window.wait().await;
    let (Some(curve), LoadPlan::Open { pacing, .. }) = (plan.curve(), &plan.load) else {
        return;
    };
    let arrivals = Arrivals::new(curve, *pacing, worker, plan.seed);
    let mut due = arrivals.map(|offset_ns| window.start_ns + offset_ns);
    tokio::select! {
        biased;
        () = shared.halt.cancelled() => {}
        () = release_all(&plan, window, &mut due, &backlog, &shared) => {}
    }
    let ended_ns = monotonic_ns();
    for due_ns in due.take_while(|due_ns| *due_ns < window.measure_end_ns.min(ended_ns)) {
        // Due, and never let go: as censored as what is cut off.
        let released_ns = ended_ns;
        drop(Flight::of_arrival(
            &shared,
            Arrival {
                due_ns,
                released_ns,
            },
        ));
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
    let in_flight_cap = plan.load.sessions();
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
        if shared.in_flight.load(Ordering::Relaxed) + backlog.len() as u64 >= in_flight_cap {
            shared.delayed_at_cap.fetch_add(1, Ordering::Relaxed);
        }
        let released_ns = monotonic_ns();
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
    worker: Worker,
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
        lock(&shared.pools[worker.index as usize]).add(sample);
    }
}
