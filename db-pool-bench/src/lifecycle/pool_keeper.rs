//! Task that accompanies a pool during a run: it closes connections that were idle or open for too
//! long, and looks for leaks at the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{Actor, Cancel, RunView, Target};
use pg_evidence::{Leaked, SessionsLeft};

use crate::drivers::{HasPool, PoolHandle, PoolOptions};

const REAPED_EVERY: Duration = Duration::from_millis(20);
/// Longest wait for the checkout of one idle connection that is to be closed, 500 ms.
const CLOSE_BOUND: Duration = Duration::from_millis(500);
/// Pause before leaks are counted, 300 ms, in which connections in use can still return to the
/// pool.
const SETTLE: Duration = Duration::from_millis(300);

/// Connections of one pool that were never returned to it, counted after the last request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Leaks {
    /// Number of connections that the pool counts as in use although no request runs.
    pub(super) in_use: u64,
    /// Sessions of the run that are still open on the server although the pool's idle connections
    /// were closed.
    pub(super) sessions: Vec<Leaked>,
}

/// Leaks that were found at the end of a run; `None` if the run was cancelled or the server did not
/// answer. Clones share the value.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundLeaks(Arc<Mutex<Option<Leaks>>>);

impl FoundLeaks {
    /// Returns the leaks, and replaces them by `None`.
    pub(super) fn take(&self) -> Option<Leaks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, leaks: Option<Leaks>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = leaks;
    }
}

/// Task that closes expired connections of one pool during a run, and stores the leaks at the end
/// in `found`.
#[derive(Debug)]
pub(super) struct PoolKeeper {
    pub(super) options: PoolOptions,
    pub(super) sessions_left: SessionsLeft,
    pub(super) cancel: Cancel,
    pub(super) found: FoundLeaks,
}

impl<T: Target + HasPool> Actor<T> for PoolKeeper {
    async fn act(&mut self, target: &Arc<T>, run: &RunView) {
        let pool_handle = target.pool_handle();
        let pause_ns = REAPED_EVERY.as_nanos() as u64;
        while !run.ends_before(monotonic_ns() + pause_ns).await {
            pool_handle.reap(&self.options);
        }
    }

    async fn examine(self, target: &Arc<T>) {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            leaks = leaks(&**target, &self.sessions_left) => self.found.set(leaks),
        }
    }
}

/// Counts the connections that are in use although no request is running. Closes the others, and
/// queries the server for the sessions that are still open. `None` if the server does not answer.
async fn leaks<T: Target + HasPool>(target: &T, sessions_left: &SessionsLeft) -> Option<Leaks> {
    tokio::time::sleep(SETTLE).await;
    let pool = target.pool().unwrap_or_default();
    end_idle(&target.pool_handle(), pool.size.saturating_sub(pool.in_use)).await;
    tokio::time::sleep(SETTLE).await;
    Some(Leaks {
        in_use: pool.in_use,
        sessions: sessions_left.ask().await?,
    })
}

/// Takes `idle` connections out of the pool and closes them. Closing the pool itself would wait for
/// the leaked ones.
async fn end_idle(pool_handle: &PoolHandle, idle: u64) {
    let mut leases = Vec::new();
    for _ in 0..idle {
        let taken = tokio::time::timeout(CLOSE_BOUND, pool_handle.checkout()).await;
        leases.extend(taken.ok().and_then(Result::ok));
    }
    for lease in leases {
        lease.end().await;
    }
}
