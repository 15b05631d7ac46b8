//! deadpool-postgres: tokio-postgres connections handed out through a semaphore.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::{
    Hook, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use load_engine::{Factory, Failure, Marks, Outcome, PoolSample, Session, Target, UserId, Worker};
use tokio::task::JoinSet;
use tokio_postgres::Error;

use super::{Driver, Lender, Lends, OPENING_BOUND, Recycle, Setup, statements};
use crate::conditions::Holding;
use crate::failure::{of_pool, of_postgres};
use crate::workloads::{Request, Requests, Tables};

/// Makes a pool for each worker.
#[derive(Debug)]
pub struct Deadpool(pub Setup);

impl Factory for Deadpool {
    type Target = DeadpoolTarget;

    fn operations(&self) -> &'static [&'static str] {
        self.0.workload.operations()
    }

    async fn build(&self, worker: Worker) -> Result<DeadpoolTarget, Failure> {
        let size = worker.share_of(self.0.pool_size) as usize;
        let pool = pool(&self.0, size)?;
        let before = worker.share_of(self.0.pool.opened_before(self.0.pool_size));
        warm(&pool, before as usize, &self.0.tables).await?;
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
    let config = setup.address.config(&setup.application);
    let manager = Manager::from_config(config, setup.address.tls(), recycling);
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
async fn warm(pool: &Pool, count: usize, tables: &Arc<Tables>) -> Result<(), Failure> {
    let opening = Timeouts {
        wait: Some(OPENING_BOUND),
        create: Some(OPENING_BOUND),
        recycle: None,
    };
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let (pool, tables) = (pool.clone(), Arc::clone(tables));
        tasks.spawn(async move {
            let opened = pool.timeout_get(&opening).await;
            let client = opened.map_err(|error| of_pool(&error))?;
            for statement in tables.statements() {
                client
                    .prepare_cached(statement)
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
            tables: Arc::clone(&self.setup.tables),
            requests: self.setup.requests(user),
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
    tables: Arc<Tables>,
    requests: Requests,
    holding: Holding,
}

impl Session for DeadpoolSession {
    async fn hit(&mut self, marks: &mut Marks) -> Outcome {
        let request = self.requests.draw();
        let mut client = match self.pool.get().await {
            Ok(client) => client,
            Err(error) => return failed(request, &error),
        };
        marks.acquired();
        let result = perform(&mut client, &self.tables, request).await;
        self.holding.work().await;
        marks.done();
        match result {
            Ok(()) => Outcome::success(request.operation()),
            Err(error) => Outcome::failed(request.operation(), of_postgres(&error)),
        }
    }
}

fn failed(request: Request, error: &PoolError) -> Outcome {
    Outcome::failed(request.operation(), of_pool(error))
}

async fn perform(client: &mut Object, tables: &Tables, request: Request) -> Result<(), Error> {
    let Tables {
        read,
        update,
        insert,
        ..
    } = tables;
    // A table that is only read has no other statement, and no request asks for one.
    let (update, insert) = (
        update.as_ref().unwrap_or(read),
        insert.as_ref().unwrap_or(read),
    );
    match request {
        Request::Read { id } => {
            let read = client.prepare_cached(read).await?;
            statements::read(client, &read, id).await
        }
        Request::Update { id, delta } => {
            let update = client.prepare_cached(update).await?;
            statements::update(client, &update, id, delta).await
        }
        Request::Insert { id, delta } => {
            let insert = client.prepare_cached(insert).await?;
            statements::insert(client, &insert, id, delta).await
        }
        Request::Transfer { id, delta } => {
            let update = client.prepare_cached(update).await?;
            let insert = client.prepare_cached(insert).await?;
            statements::transfer(client, &update, &insert, id, delta).await
        }
    }
}
