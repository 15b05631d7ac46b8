//! What the arms with a pool have in common: connections that are open before the load begins, and
//! users who take one out for each request. What differs is each library's part.

use std::fmt::Debug;
use std::future::Future;

use load_engine::{
    Failure, OpeningOrder, Outcome, Part, PoolSample, Session, Target, Timestamps, UserId,
    WorkerShare, checkout,
};
use tokio::task::JoinSet;

use super::{DriverSetup, HasPool, PoolHandle};
use crate::conditions::Holding;
use crate::workloads::{User, WorkloadConnection};
use pgbench_script::{BoundValue, StatementResult};

/// A library's pool. A clone is the same pool.
pub trait DriverPool: Clone + Debug + Send + Sync + 'static {
    /// A connection that is taken out; it goes back when it is dropped.
    type Object: Send;

    /// A pool of up to `size` connections, of which it keeps `least` by itself where it can.
    fn build(
        setup: &DriverSetup,
        size: u64,
        least: u64,
    ) -> impl Future<Output = Result<Self, Failure>> + Send;

    /// Takes a connection out; its hooks tell [`load_engine::checkout`] of its parts.
    fn checkout(&self) -> impl Future<Output = Result<Self::Object, Failure>> + Send;

    /// Returns the same with the statements prepared, however short checkouts are to be.
    fn prepared(&self) -> impl Future<Output = Result<Self::Object, Failure>> + Send;

    /// Executes the statement of this number; rows that it gives are dropped as they come.
    fn execute(
        &self,
        object: &mut Self::Object,
        statement: usize,
        values: &[BoundValue],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends `sql` as it is, and adds what it gives to `answers` where they are wanted.
    fn send(
        &self,
        object: &mut Self::Object,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Ends a connection instead of giving it back.
    fn end(object: Self::Object);

    /// Returns how it is used at this moment.
    fn sample(&self) -> PoolSample;

    /// Closes it with its connections.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// Returns the same for use by hand.
    fn pool_handle(&self) -> PoolHandle;
}

/// A server behind one worker's pool.
#[derive(Debug)]
pub struct PoolTarget<P> {
    setup: DriverSetup,
    pool: P,
}

impl<P: DriverPool> PoolTarget<P> {
    /// The pool of `worker`, with its connections open.
    pub(super) async fn open(setup: &DriverSetup, worker: WorkerShare) -> Result<Self, Failure> {
        let least = setup.pool.pool_min;
        let least = least.map_or(0, |least| worker.share_of(least));
        let pool = P::build(setup, worker.share_of(setup.pool_size), least).await?;
        let before = setup.pool.opened_before(setup.pool_size);
        warm(&pool, worker.share_of(before)).await?;
        Ok(Self {
            setup: setup.clone(),
            pool,
        })
    }
}

/// Opens `count` connections in turn and prepares the statements on each.
async fn warm<P: DriverPool>(pool: &P, count: u64) -> Result<(), Failure> {
    let mut opening = JoinSet::new();
    for place in OpeningOrder::places(count) {
        let pool = pool.clone();
        opening.spawn(async move { place.open(pool.prepared()).await });
    }
    // Held until all are open: one given back early would be handed out twice.
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
            holding: self.setup.holding(user)?,
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

/// A user of the pool.
#[derive(Debug)]
pub struct PoolSession<P> {
    pool: P,
    user: User,
    holding: Holding,
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
        let outcome = self.user.perform(&mut held).await;
        self.holding.work().await;
        timestamps.done();
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }
}

/// A connection of the pool. Dropped inside a transaction (the drain's bound) it does not go back
/// there: nobody else would be told of what it holds.
struct PooledConnection<'a, P: DriverPool> {
    pool: &'a P,
    /// There until it is dropped.
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
