//! Traced run of `lifecycle` on one pool: ramp, spike, idle, spike.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Pacing, PoolUsage, StepEnd};
use load_engine::{
    Arrivals, BrokenRule, Cancel, CpuUse, Failure, OperationId, Outcome, Pacer, RateCurve, Session,
    Target, TargetFactory, Timestamps, UserId, WaitStrategy, WorkerShare,
};
use tokio::task::JoinSet;

use super::usage::PoolUsageSampler;
use crate::course::{
    BackendMonitor, DRAIN_BOUND, Leaked, Ledger, RunSupervisor, SessionChanges, TracedRequest,
};
use crate::drivers::{DriverSetup, HasPool, Lease, PoolHandle};

/// Time-out of the drain once a signal has come.
const DRAIN_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(200);
const CLOSE_BOUND: Duration = Duration::from_millis(500);
/// Pause before leaks are counted.
const SETTLE: Duration = Duration::from_millis(300);

/// Planned part of the run.
#[derive(Debug, Clone)]
pub(super) struct LifecyclePart {
    pub(super) name: &'static str,
    /// Curve of the arrival rate; `None` = no arrivals.
    pub(super) curve: Option<RateCurve>,
    pub(super) length: Duration,
}

/// Result of a part.
#[derive(Debug, Clone)]
pub(super) struct PartResult {
    pub(super) part: LifecyclePart,
    pub(super) began_ns: u64,
    pub(super) ended_ns: u64,
    /// Requests, in the order in which they were due.
    pub(super) visits: Vec<TracedRequest>,
    /// Number of requests still pending at the end of the drain.
    pub(super) unfinished: u64,
    /// Number of connections that the pool opened.
    pub(super) opened: u64,
    pub(super) server: SessionChanges,
    pub(super) pool: Option<PoolUsage>,
    /// CPU time that the load generator used.
    pub(super) cpu: CpuUse,
    pub(super) end: StepEnd,
}

/// Leaked connections.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Leaks {
    /// Connections in use by the pool's count although no request runs.
    pub(super) in_use: u64,
    /// Sessions open on the server although all of the pool's were closed.
    pub(super) sessions: Vec<Leaked>,
}

/// Executes `parts` on one pool until the end, a broken rule, or `cancel`; leaks are only known at
/// the end. A server that restarts does not end the run: lost and re-established connections are
/// counted.
///
/// # Errors
/// Fails when the pool or the monitor cannot connect.
pub(super) async fn run<F: TargetFactory>(
    factory: &F,
    setup: &DriverSetup,
    parts: &[LifecyclePart],
    leak_every: Option<u64>,
    cancel: &Cancel,
    follower: &mut RunSupervisor<'_>,
) -> Result<(Vec<PartResult>, Option<Leaks>), Failure>
where
    F::Target: HasPool,
{
    let opening = async {
        let away = follower.absence();
        let backend_monitor =
            BackendMonitor::open(&setup.address, &setup.application, away).await?;
        Ok::<_, Failure>((
            backend_monitor,
            Arc::new(factory.build(WorkerShare::ALONE).await?),
        ))
    };
    let (backend_monitor, target) = tokio::select! {
        () = cancel.cancelled() => return Ok((Vec::new(), None)),
        opened = opening => opened?,
    };
    let mut course = LifecycleRun {
        target: Arc::clone(&target),
        sessions: Arc::default(),
        setup,
        backend_monitor,
        leak_every,
        arrivals: 0,
    };
    let mut seen = Vec::new();
    for part in parts {
        let part = course.part(part, cancel, follower).await?;
        let completed = part.end == StepEnd::Completed;
        seen.push(part);
        if !completed {
            return Ok((seen, None));
        }
    }
    let leaks = tokio::select! {
        () = cancel.cancelled() => None,
        leaks = course.leaks() => leaks,
    };
    Ok((seen, leaks))
}

struct LifecycleRun<'a, T: Target> {
    target: Arc<T>,
    /// Idle sessions, reused by later arrivals.
    sessions: Arc<Mutex<Vec<T::Session>>>,
    setup: &'a DriverSetup,
    backend_monitor: BackendMonitor,
    leak_every: Option<u64>,
    arrivals: u64,
}

impl<T: Target + HasPool> LifecycleRun<'_, T> {
    async fn part(
        &mut self,
        part: &LifecyclePart,
        cancel: &Cancel,
        follower: &mut RunSupervisor<'_>,
    ) -> Result<PartResult, Failure> {
        let began_ns = monotonic_ns();
        let opened = self.setup.opened.load(Ordering::Relaxed);
        let mut tasks = JoinSet::new();
        let mut pool = PoolUsageSampler::default();
        let target = Arc::clone(&self.target);
        let options = &self.setup.pool;
        let mut end = StepEnd::Completed;
        follower.part_begins();
        {
            let (sessions, pool_handle) = (Arc::clone(&self.sessions), self.target.pool_handle());
            let arrivals = Come {
                target: Arc::clone(&self.target),
                sessions,
                seed: self.setup.seed,
                leak_every: self.leak_every,
                begun: &mut self.arrivals,
                ledger: follower.ledger(),
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => end = StepEnd::Interrupted,
                broken = follower.until(u64::MAX) => {
                    end = broken.map_or(end, |BrokenRule { rule, reason }| StepEnd::Stopped { rule, reason });
                }
                come = arrivals.come(part, began_ns, &mut tasks) => come?,
                () = self.backend_monitor.keep_counting() => {}
                () = pool.watch(&*target, || pool_handle.reap(options)) => {}
            }
        }
        let ended_ns = monotonic_ns();
        let cpu = follower.part_ends();
        let (mut visits, unfinished) = drain(tasks, cancel).await;
        visits.sort_by_key(|visit| visit.timestamps.due_ns);
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = self.backend_monitor.count() => {}
        }
        Ok(PartResult {
            part: part.clone(),
            began_ns,
            ended_ns,
            visits,
            unfinished,
            opened: self.setup.opened.load(Ordering::Relaxed) - opened,
            server: self.backend_monitor.take(),
            pool: pool.usage(),
            cpu,
            end,
        })
    }

    /// Returns the connections still in use without any request, and the sessions still open after
    /// the pool's were closed; `None` where the server does not answer.
    async fn leaks(&mut self) -> Option<Leaks> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        tokio::time::sleep(SETTLE).await;
        let pool = self.target.pool().unwrap_or_default();
        self.end_idle(pool.size.saturating_sub(pool.in_use)).await;
        tokio::time::sleep(SETTLE).await;
        let sessions = self.backend_monitor.left().await;
        let _ = tokio::time::timeout(CLOSE_BOUND, self.target.close()).await;
        Some(Leaks {
            in_use: pool.in_use,
            sessions: sessions?,
        })
    }

    /// Closes the connections that the pool still has; closing the pool would wait for the leaked
    /// ones.
    async fn end_idle(&self, idle: u64) {
        let pool_handle = self.target.pool_handle();
        let mut leases = Vec::new();
        for _ in 0..idle {
            let taken = tokio::time::timeout(CLOSE_BOUND, pool_handle.checkout()).await;
            leases.extend(taken.ok().and_then(Result::ok));
        }
        for lease in leases {
            lease.end().await;
        }
    }
}

/// Starts each arrival when it is due, on a task of its own.
struct Come<'a, T: Target> {
    target: Arc<T>,
    sessions: Arc<Mutex<Vec<T::Session>>>,
    seed: u64,
    leak_every: Option<u64>,
    begun: &'a mut u64,
    ledger: Ledger,
}

impl<T: Target + HasPool> Come<'_, T> {
    async fn come(
        self,
        part: &LifecyclePart,
        began_ns: u64,
        tasks: &mut JoinSet<TracedRequest>,
    ) -> Result<(), Failure> {
        let no_timer =
            |error: std::io::Error| Failure::new("io", &format!("the timer failed: {error}"));
        let mut pacer = Pacer::new(WaitStrategy::Sleep).map_err(no_timer)?;
        if let Some(curve) = &part.curve {
            let due = Arrivals::new(
                curve.clone(),
                Pacing::Poisson,
                WorkerShare::ALONE,
                self.seed,
            );
            for offset_ns in due {
                let due_ns = began_ns + offset_ns;
                pacer.wait_until(due_ns).await.map_err(no_timer)?;
                let released_ns = monotonic_ns();
                *self.begun += 1;
                let timestamps = Timestamps {
                    due_ns,
                    released_ns,
                    ..Timestamps::default()
                };
                let leaks = self
                    .leak_every
                    .is_some_and(|nth| self.begun.is_multiple_of(nth));
                let under_way = self.ledger.begin(due_ns);
                if leaks {
                    let arrival = never_give_back(self.target.pool_handle(), timestamps);
                    tasks.spawn(async move { under_way.note(arrival.await) });
                } else {
                    let (target, sessions) = (Arc::clone(&self.target), Arc::clone(&self.sessions));
                    let arrival = arrive(target, sessions, UserId(*self.begun), timestamps);
                    tasks.spawn(async move { under_way.note(arrival.await) });
                }
            }
        }
        let end_ns = began_ns + part.length.as_nanos() as u64;
        pacer.wait_until(end_ns).await.map_err(no_timer)
    }
}

async fn arrive<T: Target>(
    target: Arc<T>,
    sessions: Arc<Mutex<Vec<T::Session>>>,
    user: UserId,
    mut timestamps: Timestamps,
) -> TracedRequest {
    timestamps.started_ns = monotonic_ns();
    let idle = sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop();
    let session = match idle {
        Some(session) => Ok(session),
        None => target.open(user).await,
    };
    let mut session = match session {
        Ok(session) => session,
        Err(failure) => {
            return TracedRequest::new(timestamps, Outcome::failed(OperationId::FIRST, failure));
        }
    };
    let outcome = session.request(&mut timestamps).await;
    let visit = TracedRequest::new(timestamps, outcome);
    sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(session);
    visit
}

/// Takes a connection out, uses it, and leaks it, as a faulty application does.
async fn never_give_back(pool_handle: PoolHandle, mut timestamps: Timestamps) -> TracedRequest {
    timestamps.started_ns = monotonic_ns();
    let lease: Result<Lease, Failure> = pool_handle.checkout().await;
    let outcome = match lease {
        Err(failure) => Outcome::failed(OperationId::FIRST, failure),
        Ok(mut lease) => {
            timestamps.acquired();
            let done = lease.run("SELECT 1").await;
            std::mem::forget(lease);
            done.map_or_else(
                |failure| Outcome::failed(OperationId::FIRST, failure),
                |()| Outcome::success(OperationId::FIRST),
            )
        }
    };
    TracedRequest::new(timestamps, outcome)
}

/// Waits for pending requests and returns the finished ones, and the number cut off.
async fn drain(mut tasks: JoinSet<TracedRequest>, cancel: &Cancel) -> (Vec<TracedRequest>, u64) {
    let mut visits = Vec::with_capacity(tasks.len());
    let all = async {
        while let Some(joined) = tasks.join_next().await {
            visits.extend(joined.ok());
        }
    };
    let signalled = async {
        cancel.cancelled().await;
        tokio::time::sleep(DRAIN_BOUND_WHEN_CANCELLED).await;
    };
    tokio::select! {
        () = all => {}
        () = signalled => {}
        () = tokio::time::sleep(DRAIN_BOUND) => {}
    }
    (visits, tasks.len() as u64)
}
