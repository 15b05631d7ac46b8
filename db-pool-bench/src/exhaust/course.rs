//! Traced run of `exhaust`: users alone, users with holders, users alone again, on one pool.

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{
    BrokenRule, Cancel, Failure, Pauses, Session, Target, TargetFactory, ThinkTime, Timestamps,
    UserId, WorkerShare,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::flags::Holder;
use super::log::{HolderAttempt, Log, PartObservation, PartTimes, Second};
use crate::course::{BackendMonitor, Ledger, RunSupervisor, TracedRequest};
use crate::drivers::{HasPool, PoolHandle};

/// Time between the two checkouts of a nested holder, in seconds.
const OWN_WORK_S: f64 = 0.02;
/// Pause after a failure, so that a user whose checkout fails at once does not spin.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(1);
const CLOSE_BOUND: Duration = Duration::from_millis(500);
/// Time-out of pending requests when a rule ends the run.
const DRAIN_BOUND: Duration = Duration::from_secs(1);

/// Users, holders and durations of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExhaustRun {
    pub(super) users: u64,
    pub(super) think_time: ThinkTime,
    /// Seed of the pauses.
    pub(super) seed: u64,
    pub(super) holders: u64,
    pub(super) holder: Holder,
    /// Time of users alone, before and after.
    pub(super) alone: Duration,
    pub(super) keep: Duration,
}

impl ExhaustRun {
    /// Returns the start of each part of a run that begins at `began_ns`.
    fn part_times(&self, began_ns: u64) -> PartTimes {
        let after = |start_ns: u64, time: Duration| start_ns + time.as_nanos() as u64;
        let held_ns = after(began_ns, self.alone);
        let released_ns = after(held_ns, self.keep);
        PartTimes {
            began_ns,
            held_ns,
            released_ns,
            ended_ns: after(released_ns, self.alone),
        }
    }

    /// Executes the run until its end, a broken rule, or `cancel`, and returns the recorded events.
    /// A server that restarts does not end it.
    ///
    /// # Errors
    /// Fails when the pool cannot be opened.
    pub(super) async fn run<F: TargetFactory>(
        self,
        factory: &F,
        backend_monitor: &mut BackendMonitor,
        cancel: &Cancel,
        follower: &mut RunSupervisor<'_>,
    ) -> Result<Log, Failure>
    where
        F::Target: HasPool,
    {
        let target = tokio::select! {
            () = cancel.cancelled() => return Ok(Log::default()),
            built = factory.build(WorkerShare::ALONE) => Arc::new(built?),
        };
        let (visits, logged) = unbounded_channel();
        let (holds, held) = unbounded_channel();
        let over = Cancel::new();
        let told = |ledger: Ledger| TaskSignals {
            ledger,
            over: over.clone(),
        };
        let parts = self.part_times(monotonic_ns());
        let mut tasks = JoinSet::new();
        for user in 0..self.users {
            let session = target.open(UserId(user)).await?;
            let told = told(follower.ledger());
            let pauses = Pauses::new(self.think_time, self.seed, user);
            let user = be_user(session, pauses, parts, visits.clone(), told);
            tasks.spawn(user);
        }
        for _ in 0..self.holders {
            let told = told(follower.ledger());
            let holder = hold(
                target.pool_handle(),
                self.holder,
                parts,
                holds.clone(),
                told,
            );
            tasks.spawn(holder);
        }
        drop((visits, holds));
        let mut seen = Vec::new();
        let broken = follow(parts, follower, backend_monitor, cancel, &mut seen).await;
        let stopped = broken.map(|broken| (monotonic_ns(), broken));
        if stopped.is_some() {
            over.cancel();
        }
        drain(tasks, &over, cancel).await;
        let _ = tokio::time::timeout(CLOSE_BOUND, target.close()).await;
        Ok(Log {
            seen,
            stopped,
            ..log(parts, logged, held)
        })
    }
}

/// Waits until `tasks` have ended: for a bounded time when a rule ended the run, which has cancelled
/// `over`, and not at all after a signal.
async fn drain(mut tasks: JoinSet<()>, over: &Cancel, cancel: &Cancel) {
    if cancel.is_cancelled() {
        tasks.abort_all();
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    if over.is_cancelled() {
        let _ = tokio::time::timeout(DRAIN_BOUND, all).await;
    } else {
        tokio::select! {
            biased;
            () = all => {}
            () = cancel.cancelled() => {}
        }
    }
}

fn log(
    parts: PartTimes,
    mut logged: UnboundedReceiver<TracedRequest>,
    mut held: UnboundedReceiver<HolderAttempt>,
) -> Log {
    let mut log = Log {
        parts,
        ..Log::default()
    };
    while let Ok(visit) = logged.try_recv() {
        log.visits.push(visit);
    }
    while let Ok(hold) = held.try_recv() {
        log.holds.push(hold);
    }
    log.visits.sort_by_key(|visit| visit.timestamps.started_ns);
    log
}

/// Signals between a task and the run.
struct TaskSignals {
    ledger: Ledger,
    /// Cancelled when a rule has ended the run.
    over: Cancel,
}

/// Supervises each part to its end and adds its observation to `seen`. Returns the broken rule, if
/// any, or when a signal comes.
async fn follow(
    parts: PartTimes,
    follower: &mut RunSupervisor<'_>,
    backend_monitor: &mut BackendMonitor,
    cancel: &Cancel,
    seen: &mut Vec<PartObservation>,
) -> Option<BrokenRule> {
    for end_ns in [parts.held_ns, parts.released_ns, parts.ended_ns] {
        follower.part_begins();
        let broken = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            broken = follower.until(end_ns) => broken,
            () = backend_monitor.keep_counting() => None,
        };
        seen.push(PartObservation {
            cpu: follower.part_ends(),
            server: backend_monitor.take(),
        });
        if broken.is_some() || cancel.is_cancelled() {
            return broken;
        }
    }
    None
}

async fn sleep_until(instant_ns: u64) {
    let left_ns = instant_ns.saturating_sub(monotonic_ns());
    tokio::time::sleep(Duration::from_nanos(left_ns)).await;
}

/// Sends requests with think time in between until the run ends.
async fn be_user<S: Session>(
    mut session: S,
    mut pauses: Pauses,
    parts: PartTimes,
    visits: UnboundedSender<TracedRequest>,
    told: TaskSignals,
) {
    loop {
        let started_ns = monotonic_ns();
        if started_ns >= parts.ended_ns || told.over.is_cancelled() {
            break;
        }
        let mut timestamps = Timestamps {
            started_ns,
            ..Timestamps::default()
        };
        let outcome = session.request(&mut timestamps).await;
        let failed = outcome.failure.is_some();
        let visit = TracedRequest::new(timestamps, outcome);
        told.ledger.note(&visit);
        // The receiver is gone once a signal has come.
        let _ = visits.send(visit);
        let pause = pauses.next_pause();
        if failed {
            tokio::time::sleep(pause.unwrap_or_default().max(PAUSE_AFTER_FAILURE)).await;
        } else if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
    session.close().await;
}

/// Holds connections until the holders' part is over.
async fn hold(
    pool_handle: PoolHandle,
    holder: Holder,
    parts: PartTimes,
    holds: UnboundedSender<HolderAttempt>,
    told: TaskSignals,
) {
    tokio::select! {
        () = told.over.cancelled() => return,
        () = sleep_until(parts.held_ns) => {}
    }
    while monotonic_ns() < parts.released_ns && !told.over.is_cancelled() {
        let hold = keep_one(&pool_handle, holder, parts.released_ns, &told.over).await;
        let failure = hold.failure.clone();
        let _ = holds.send(hold);
        if let Some(failure) = failure {
            told.ledger.note_failure(&failure);
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

async fn keep_one(
    pool_handle: &PoolHandle,
    holder: Holder,
    until_ns: u64,
    over: &Cancel,
) -> HolderAttempt {
    let mut hold = HolderAttempt {
        asked_ns: monotonic_ns(),
        acquired_ns: 0,
        second: None,
        over_ns: 0,
        failure: None,
    };
    let kept = tokio::select! {
        () = over.cancelled() => Ok(()),
        kept = keep(pool_handle, holder, until_ns, &mut hold) => kept,
    };
    hold.over_ns = monotonic_ns();
    hold.failure = kept.err();
    hold
}

async fn keep(
    pool_handle: &PoolHandle,
    holder: Holder,
    until_ns: u64,
    hold: &mut HolderAttempt,
) -> Result<(), Failure> {
    let mut lease = pool_handle.checkout().await?;
    hold.acquired_ns = monotonic_ns();
    match holder {
        Holder::SlowQuery => {
            let left_s = until_ns.saturating_sub(monotonic_ns()) as f64 / 1e9;
            lease.run(&format!("SELECT pg_sleep({left_s})")).await
        }
        Holder::IdleInTransaction => {
            lease.run("BEGIN; SELECT 1").await?;
            sleep_until(until_ns).await;
            lease.run("ROLLBACK").await
        }
        Holder::Nested => {
            lease.run(&format!("SELECT pg_sleep({OWN_WORK_S})")).await?;
            let asked_ns = monotonic_ns();
            let second = pool_handle.checkout().await;
            hold.second = Some(Second {
                asked_ns,
                over_ns: monotonic_ns(),
                granted: second.is_ok(),
            });
            second?.run("SELECT 1").await
        }
    }
}
