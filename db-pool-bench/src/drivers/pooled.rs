//! Part that the pooled drivers have in common: connections are opened before the load begins, and
//! each user takes one out of the pool for each request. Each library implements [`DriverPool`].

use std::fmt::Debug;
use std::future::Future;

use load_engine::{
    Failure, OpeningOrder, Outcome, Part, PoolSample, Session, Target, Timestamps, UserId,
    WorkerShare, checkout,
};
use tokio::task::JoinSet;

use super::{DriverSetup, HasPool, PoolHandle};
use crate::conditions::HoldTimer;
use crate::workloads::{User, WorkloadConnection};
use pgbench_script::{BoundValue, StatementResult};

/// Pool of a library, as the load uses it. Clones are handles to the same pool.
pub(crate) trait DriverPool: Clone + Debug + Send + Sync + 'static {
    /// Connection that was taken out of the pool. Dropping it returns the connection to the pool.
    type Object: Send;

    /// Creates a pool of up to `size` connections. The pool keeps at least `least` open, if the
    /// library supports that. Fails if the pool or its first connections cannot be created.
    fn build(
        setup: &DriverSetup,
        size: u64,
        least: u64,
    ) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Takes a connection out of the pool. Hooks of the library report the parts of the checkout to
    /// [`load_engine::checkout`]. Fails if none is available within the checkout time-out, or none
    /// can be opened.
    fn checkout(&self) -> impl Future<Output = Result<Self::Object, Failure>> + Send;

    /// Takes a connection out of the pool and prepares the workload's statements on it. The longest
    /// wait is 30 s instead of the checkout time-out.
    fn prepared(&self) -> impl Future<Output = Result<Self::Object, Failure>> + Send;

    /// Executes the workload's statement with index `statement` with these parameter values, and
    /// discards its rows.
    fn execute(
        &self,
        object: &mut Self::Object,
        statement: usize,
        values: &[BoundValue],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends `sql`, one or several statements, as a simple query. Appends the result of each to
    /// `answers`, if given.
    fn send(
        &self,
        object: &mut Self::Object,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Closes the connection instead of returning it to the pool.
    fn end(object: Self::Object);

    /// Returns the current numbers of connections that the pool has open and in use, and of users
    /// who wait for one.
    fn sample(&self) -> PoolSample;

    /// Closes the pool and its connections; waits for those in use if the library does.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// Returns a handle to the pool, for tasks other than the load.
    fn pool_handle(&self) -> PoolHandle;
}

/// Target of one worker thread, which has a pool of its own.
#[derive(Debug)]
pub(crate) struct PoolTarget<P> {
    setup: DriverSetup,
    pool: P,
}

impl<P: DriverPool> PoolTarget<P> {
    /// Creates the pool of `worker`, with its share of the connections in `setup`, and opens those
    /// that must be open before the load begins.
    pub(super) async fn open(setup: &DriverSetup, worker: WorkerShare) -> Result<Self, Failure> {
        let least = setup.pool.pool_min;
        let least = least.map_or(0, |least| worker.share_of(least));
        let pool = P::build(setup, worker.share_of(setup.pool_size), least).await?;
        let before = setup.pool.opened_before(setup.pool_size);
        open_connections(&pool, worker.share_of(before)).await?;
        Ok(Self {
            setup: setup.clone(),
            pool,
        })
    }
}

/// Opens `count` connections in [`OpeningOrder`] and prepares the workload's statements on each;
/// returns once all are back in the pool. Fails with the first failure.
async fn open_connections<P: DriverPool>(pool: &P, count: u64) -> Result<(), Failure> {
    let mut opening = JoinSet::new();
    for place in OpeningOrder::places(count) {
        let pool = pool.clone();
        opening.spawn(async move { place.open(pool.prepared()).await });
    }
    // Connections are kept until all are open: the pool would hand out a returned one again.
    let mut held = Vec::with_capacity(count as usize);
    while let Some(opened) = opening.join_next().await {
        held.push(opened.map_err(|error| Failure::new("driver", &error.to_string()))??);
    }
    Ok(())
}

impl<P: DriverPool> Target for PoolTarget<P> {
    type Session = PoolSession<P>;

    async fn open(&self, user: UserId) -> Result<PoolSession<P>, Failure> {
        Ok(PoolSession {
            pool: self.pool.clone(),
            user: self.setup.user(user),
            hold_timer: self.setup.hold_timer(user)?,
        })
    }

    fn pool(&self) -> Option<PoolSample> {
        Some(self.pool.sample())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

impl<P: DriverPool> HasPool for PoolTarget<P> {
    fn pool_handle(&self) -> PoolHandle {
        self.pool.pool_handle()
    }
}

/// Session of a user who takes a connection out of the shared pool for each request.
#[derive(Debug)]
pub(crate) struct PoolSession<P> {
    pool: P,
    user: User,
    hold_timer: HoldTimer,
}

impl<P: DriverPool> Session for PoolSession<P> {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let operation = self.user.choose();
        timestamps.operation(operation);
        let object = match checkout::observe(timestamps, self.pool.checkout()).await {
            Ok(object) => object,
            Err(failure) => return Outcome::failed(operation, failure),
        };
        timestamps.acquired();
        let mut held = PooledConnection {
            pool: &self.pool,
            object: Some(object),
            in_transaction: false,
        };
        let outcome = self.user.execute_script(&mut held).await;
        self.hold_timer.wait().await;
        timestamps.done();
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }
}

/// Connection that was taken out of the pool for one request. If it is dropped inside a
/// transaction, as when the wait for the last requests of a step ends, it is closed instead of
/// returned: the next user would be inside that transaction.
struct PooledConnection<'a, P: DriverPool> {
    pool: &'a P,
    /// Connection of the library; `None` only while the value is being dropped.
    object: Option<P::Object>,
    in_transaction: bool,
}

impl<P: DriverPool> WorkloadConnection for PooledConnection<'_, P> {
    async fn execute(&mut self, statement: usize, values: &[BoundValue]) -> Result<(), Failure> {
        match &mut self.object {
            Some(object) => self.pool.execute(object, statement, values).await,
            None => Ok(()),
        }
    }

    async fn send(
        &mut self,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> Result<(), Failure> {
        match &mut self.object {
            Some(object) => self.pool.send(object, sql, answers).await,
            None => Ok(()),
        }
    }

    fn in_transaction(&mut self, open: bool) {
        self.in_transaction = open;
    }
}

impl<P: DriverPool> Drop for PooledConnection<'_, P> {
    fn drop(&mut self) {
        if self.in_transaction
            && let Some(object) = self.object.take()
        {
            P::end(object);
        }
    }
}
