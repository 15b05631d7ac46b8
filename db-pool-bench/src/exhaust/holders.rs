//! Holders of connections: tasks of a run that take connections of the pool away from the users.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{Actor, Failure, RunView, Target};

use super::flags::Holder;
use super::log::{HolderAttempt, Second};
use crate::drivers::{HasPool, PoolHandle};

/// Index, from 0, of the part of the run in which holders keep connections.
const HELD_SEGMENT: usize = 1;
/// Time between the two checkouts of a nested holder, in seconds, in which its first connection
/// executes a statement.
const OWN_WORK_S: f64 = 0.02;
/// Pause of a holder after a failure, 1 ms, so that a holder whose checkout fails at once does not
/// loop without waiting.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(1);

/// Attempts of all holders of a run, in the order in which they ended. Clones share the list.
#[derive(Debug, Clone, Default)]
pub(super) struct HolderAttempts(Arc<Mutex<Vec<HolderAttempt>>>);

impl HolderAttempts {
    fn push(&self, attempt: HolderAttempt) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.push(attempt);
    }

    /// Returns all attempts so far, in the order in which they ended, and empties the list.
    pub(super) fn take(&self) -> Vec<HolderAttempt> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut attempts)
    }
}

/// Task that takes and keeps connections, one after another, in the way that `holder` names.
#[derive(Debug)]
pub(super) struct ConnectionHolder {
    holder: Holder,
    attempts: HolderAttempts,
}

impl ConnectionHolder {
    /// Creates `count` holders of one kind, which add their attempts to `attempts`.
    pub(super) fn several(count: u64, holder: Holder, attempts: &HolderAttempts) -> Vec<Self> {
        let one = |_| Self {
            holder,
            attempts: attempts.clone(),
        };
        (0..count).map(one).collect()
    }

    async fn hold_one(
        &self,
        pool_handle: &PoolHandle,
        until_ns: u64,
        run: &RunView,
    ) -> HolderAttempt {
        let mut attempt = HolderAttempt {
            asked_ns: monotonic_ns(),
            acquired_ns: 0,
            second: None,
            over_ns: 0,
            failure: None,
        };
        let kept = tokio::select! {
            () = run.ended() => Ok(()),
            kept = keep(pool_handle, self.holder, until_ns, &mut attempt) => kept,
        };
        attempt.over_ns = monotonic_ns();
        attempt.failure = kept.err();
        attempt
    }
}

impl<T: Target + HasPool> Actor<T> for ConnectionHolder {
    async fn act(&mut self, target: &Arc<T>, run: &RunView) {
        let pool_handle = target.pool_handle();
        if run.ends_before(run.segment_start_ns(HELD_SEGMENT)).await {
            return;
        }
        let until_ns = run.segment_start_ns(HELD_SEGMENT + 1);
        while monotonic_ns() < until_ns && !run.has_ended() {
            let attempt = self.hold_one(&pool_handle, until_ns, run).await;
            let failure = attempt.failure.clone();
            self.attempts.push(attempt);
            if let Some(failure) = failure {
                run.note_failure(&failure);
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
}

async fn keep(
    pool_handle: &PoolHandle,
    holder: Holder,
    until_ns: u64,
    attempt: &mut HolderAttempt,
) -> Result<(), Failure> {
    let left = || Duration::from_nanos(until_ns.saturating_sub(monotonic_ns()));
    let mut lease = pool_handle.checkout().await?;
    attempt.acquired_ns = monotonic_ns();
    match holder {
        Holder::SlowQuery => {
            let left_s = left().as_secs_f64();
            lease.run(&format!("SELECT pg_sleep({left_s})")).await
        }
        Holder::IdleInTransaction => {
            lease.run("BEGIN; SELECT 1").await?;
            tokio::time::sleep(left()).await;
            lease.run("ROLLBACK").await
        }
        Holder::Nested => {
            lease.run(&format!("SELECT pg_sleep({OWN_WORK_S})")).await?;
            let asked_ns = monotonic_ns();
            let second = pool_handle.checkout().await;
            attempt.second = Some(Second {
                asked_ns,
                over_ns: monotonic_ns(),
                granted: second.is_ok(),
            });
            second?.run("SELECT 1").await
        }
    }
}
