//! deadpool-postgres: tokio-postgres connections handed out through a semaphore.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::{
    Hook, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use load_engine::{
    Factory, Failure, Marks, Outcome, Part, PoolSample, Session, Target, UserId, Worker,
};
use tokio::task::JoinSet;

use super::{Driver, Lender, Lends, OPENING_BOUND, Recycle, Setup, held};
use crate::conditions::Holding;
use crate::failure::{of_pool, of_postgres};
use crate::script::Bound;
use crate::workloads::{Connection, User, Workload};

/// Makes a pool for each worker.
#[derive(Debug)]
pub struct Deadpool(pub Setup);

impl Factory for Deadpool {
    type Target = DeadpoolTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    fn parts(&self) -> &'static [&'static str] {
        self.0.workload.parts()
    }

    async fn build(&self, worker: Worker) -> Result<DeadpoolTarget, Failure> {
        let size = worker.share_of(self.0.pool_size) as usize;
        let pool = pool(&self.0, size)?;
        let before = worker.share_of(self.0.pool.opened_before(self.0.pool_size));
        warm(&pool, before as usize, &self.0.workload).await?;
        Ok(DeadpoolTarget {
            setup: self.0.clone(),
            pool,
        })
    }
}

fn pool(setup: &Setup, size: usize) -> Result<Pool, Failure> {
    let opened = Arc::clone(&setup.opened);
    let recycling = ManagerConfig {
        recycling_method: match setup.pool.recycling(Driver::Deadpool) {
            Some(Recycle::Verified) => RecyclingMethod::Verified,
            _ => RecyclingMethod::Fast,
        },
    };
    let manager = Manager::from_config(setup.config(), setup.address.tls(), recycling);
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(setup.checkout_timeout))
        .create_timeout(Some(setup.checkout_timeout))
        .post_create(Hook::sync_fn(move |_, _| {
            opened.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }))
        .build()
        .map_err(|error| Failure::new("driver", &error.to_string()))
}

/// Opens `count` connections at once and prepares the statements on each.
async fn warm(pool: &Pool, count: usize, workload: &Arc<Workload>) -> Result<(), Failure> {
    let opening = Timeouts {
        wait: Some(OPENING_BOUND),
        create: Some(OPENING_BOUND),
        recycle: None,
    };
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (pool, workload) = (pool.clone(), Arc::clone(workload));
        tasks.spawn(async move {
            let opened = pool.timeout_get(&opening).await;
            let client = opened.map_err(|error| of_pool(&error))?;
            for statement in workload.statements() {
                client
                    .prepare_cached(&statement.sql)
                    .await
                    .map_err(|error| of_postgres(&error))?;
            }
            Ok::<Object, Failure>(client)
        });
    }
    // Held until all are open: one given back early would be handed out twice.
    let mut held = Vec::with_capacity(count);
    while let Some(opened) = tasks.join_next().await {
        held.push(opened.map_err(|error| Failure::new("driver", &error.to_string()))??);
    }
    Ok(())
}

/// A server behind one worker's pool.
#[derive(Debug)]
pub struct DeadpoolTarget {
    setup: Setup,
    pool: Pool,
}

impl Target for DeadpoolTarget {
    type Session = DeadpoolSession;

    async fn open(&self, user: UserId) -> Result<DeadpoolSession, Failure> {
        Ok(DeadpoolSession {
            pool: self.pool.clone(),
            workload: Arc::clone(&self.setup.workload),
            user: self.setup.user(user),
            holding: self.setup.holding(user)?,
        })
    }

    fn pool(&self) -> Option<PoolSample> {
        let status = self.pool.status();
        Some(PoolSample {
            max_size: status.max_size as u64,
            size: status.size as u64,
            in_use: status.size.saturating_sub(status.available) as u64,
            waiting: Some(status.waiting as u64),
        })
    }

    async fn close(&self) {
        self.pool.close();
    }
}

impl Lends for DeadpoolTarget {
    fn lender(&self) -> Lender {
        Lender::Deadpool(self.pool.clone())
    }
}

/// A user of the pool.
#[derive(Debug)]
pub struct DeadpoolSession {
    pool: Pool,
    workload: Arc<Workload>,
    user: User,
    holding: Holding,
}

impl Session for DeadpoolSession {
    async fn hit(&mut self, marks: &mut Marks) -> Outcome {
        let operation = self.user.choose();
        let object = match self.pool.get().await {
            Ok(object) => object,
            Err(error) => return Outcome::failed(operation, of_pool(&error)),
        };
        marks.acquired();
        let mut held = Held {
            object: Some(object),
            workload: &self.workload,
            in_transaction: false,
        };
        let outcome = self.user.perform(&mut held).await;
        self.holding.work().await;
        marks.done();
        outcome
    }

    fn parts(&self) -> &[Part] {
        self.user.parts()
    }
}

/// A connection of the pool. Dropped inside a transaction (the drain's bound) it does not go back
/// there: nobody else would be told of what it holds.
struct Held<'a> {
    object: Option<Object>,
    workload: &'a Workload,
    in_transaction: bool,
}

impl Connection for Held<'_> {
    async fn execute(&mut self, statement: usize, values: &[Bound]) -> Result<(), Failure> {
        let Some(object) = &self.object else {
            return Ok(());
        };
        let sql = &self.workload.statements()[statement].sql;
        let prepared = object.prepare_cached(sql).await;
        let prepared = prepared.map_err(|error| of_postgres(&error))?;
        held::execute(object, &prepared, values).await
    }

    fn in_transaction(&mut self, open: bool) {
        self.in_transaction = open;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.in_transaction
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}
