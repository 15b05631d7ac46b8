//! Load that never returns the connection of every nth request to the pool, as a faulty application
//! does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use load_engine::{
    Failure, OperationId, OperationTable, Outcome, Part, PoolSample, Session, Target,
    TargetFactory, Timestamps, UserId, WorkerShare,
};

use crate::drivers::{HasPool, PoolHandle};

/// Factory of targets whose requests leak connections: every `every`th request, or none if `every`
/// is `None`.
#[derive(Debug)]
pub(super) struct Leaking<F> {
    pub(super) factory: F,
    pub(super) every: Option<u64>,
}

/// Target in which some requests take a connection from the pool and never return it.
#[derive(Debug)]
pub(super) struct LeakingTarget<T> {
    target: T,
    leak: Leak,
}

/// Session of a user in which some requests take a connection from the pool and never return it.
#[derive(Debug)]
pub(super) struct LeakingSession<S> {
    session: S,
    pool_handle: PoolHandle,
    leak: Leak,
}

/// Counter that decides which requests leak a connection: every `every`th one, or none. The
/// requests of all sessions of a target are counted together.
#[derive(Debug, Clone)]
struct Leak {
    every: Option<u64>,
    begun: Arc<AtomicU64>,
}

impl Leak {
    /// Counts a request. Returns true if this request must leak its connection.
    fn is_next(&self) -> bool {
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        self.every.is_some_and(|every| number.is_multiple_of(every))
    }
}

impl<F: TargetFactory> TargetFactory for Leaking<F>
where
    F::Target: HasPool,
{
    type Target = LeakingTarget<F::Target>;

    fn operations(&self) -> OperationTable {
        self.factory.operations()
    }

    fn parts(&self) -> Vec<String> {
        self.factory.parts()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        Ok(LeakingTarget {
            target: self.factory.build(worker).await?,
            leak: Leak {
                every: self.every,
                begun: Arc::default(),
            },
        })
    }
}

impl<T: Target + HasPool> Target for LeakingTarget<T> {
    type Session = LeakingSession<T::Session>;

    async fn open(&self, user: UserId) -> Result<Self::Session, Failure> {
        Ok(LeakingSession {
            session: self.target.open(user).await?,
            pool_handle: self.target.pool_handle(),
            leak: self.leak.clone(),
        })
    }

    fn pool(&self) -> Option<PoolSample> {
        self.target.pool()
    }

    async fn close(&self) {
        self.target.close().await;
    }
}

impl<T: HasPool> HasPool for LeakingTarget<T> {
    fn pool_handle(&self) -> PoolHandle {
        self.target.pool_handle()
    }
}

impl<S: Session> Session for LeakingSession<S> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        if !self.leak.is_next() {
            return self.session.request(timestamps).await;
        }
        match never_give_back(&self.pool_handle, timestamps).await {
            Ok(()) => Outcome::success(OperationId::FIRST),
            Err(failure) => Outcome::failed(OperationId::FIRST, failure),
        }
    }

    fn parts(&self) -> &[Part] {
        self.session.parts()
    }

    async fn close(self) {
        self.session.close().await;
    }
}

/// Takes a connection out of the pool, executes a statement on it, and never returns it. Fails,
/// also without returning it, if the checkout or the statement fails.
async fn never_give_back(
    pool_handle: &PoolHandle,
    timestamps: &mut Timestamps,
) -> Result<(), Failure> {
    let mut lease = pool_handle.checkout().await?;
    timestamps.acquired();
    let done = lease.run("SELECT 1").await;
    std::mem::forget(lease);
    done
}
