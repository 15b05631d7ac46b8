//! Driver deadpool-postgres: tokio-postgres connections in a pool, whose size a semaphore limits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::{
    ConfigConnectImpl, Connect, Hook, Manager, ManagerConfig, Object, RecyclingMethod, Runtime,
    Timeouts,
};
use load_engine::{Failure, OperationTable, PoolSample, TargetFactory, WorkerShare, checkout};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

use super::pooled::{DriverPool, PoolTarget};
use super::{Driver, DriverSetup, OPENING_BOUND, PoolHandle, Recycle, client_calls};
use crate::failure::{from_pool, from_postgres};
use crate::protocol::Protocol;
use crate::workloads::SqlWorkload;
use pgbench_script::{BoundValue, StatementResult};

/// Factory that creates a pool of deadpool-postgres for each worker thread.
#[derive(Debug)]
pub(crate) struct Deadpool(pub(crate) DriverSetup);

impl TargetFactory for Deadpool {
    type Target = PoolTarget<DeadpoolConnections>;

    fn operations(&self) -> OperationTable {
        self.0.workload.operations()
    }

    fn parts(&self) -> Vec<String> {
        self.0.workload.parts()
    }

    async fn build(&self, worker: WorkerShare) -> Result<Self::Target, Failure> {
        PoolTarget::open(&self.0, worker).await
    }
}

/// Pool of deadpool-postgres, with the workload that its users execute.
#[derive(Debug, Clone)]
pub(crate) struct DeadpoolConnections {
    pool: deadpool_postgres::Pool,
    workload: Arc<SqlWorkload>,
}

/// Future that opens a connection, as [`Connect`] returns it: the client, and the task that drives
/// its connection.
type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// Opener of connections that connects as `C` does, and first reports to the measurement of
/// checkouts that connecting begins.
struct ReportingConnect<C>(C);

impl<C: Connect> Connect for ReportingConnect<C> {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        checkout::connecting();
        self.0.connect(config)
    }
}

impl DriverPool for DeadpoolConnections {
    type Object = Object;

    async fn build(setup: &DriverSetup, size: u64, _least: u64) -> Result<Self, Failure> {
        let opened = Arc::clone(&setup.opened);
        let recycling = ManagerConfig {
            recycling_method: match setup.pool.recycling(Driver::Deadpool) {
                Some(Recycle::Verified) => RecyclingMethod::Verified,
                _ => RecyclingMethod::Fast,
            },
        };
        let connect = ReportingConnect(ConfigConnectImpl {
            tls: setup.address.tls(),
        });
        let manager = Manager::from_connect(setup.config(), connect, recycling);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size as usize)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(setup.checkout_timeout))
            .create_timeout(Some(setup.checkout_timeout))
            .pre_recycle(Hook::sync_fn(|_, _| {
                checkout::checking();
                Ok(())
            }))
            .post_create(Hook::sync_fn(move |_, _| {
                opened.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }))
            .build();
        Ok(Self {
            pool: pool.map_err(|error| Failure::new("driver", &error.to_string()))?,
            workload: Arc::clone(&setup.workload),
        })
    }

    async fn checkout(&self) -> Result<Object, Failure> {
        self.pool.get().await.map_err(|error| from_pool(&error))
    }

    async fn prepared(&self) -> Result<Object, Failure> {
        let opening = Timeouts {
            wait: Some(OPENING_BOUND),
            create: Some(OPENING_BOUND),
            recycle: None,
        };
        let opened = self.pool.timeout_get(&opening).await;
        let object = opened.map_err(|error| from_pool(&error))?;
        for statement in self.workload.prepared() {
            let prepared = object.prepare_cached(&statement.sql).await;
            prepared
                .map_err(|error| from_postgres(&error).with_statement(&*statement.fingerprint))?;
        }
        Ok(object)
    }

    async fn execute(
        &self,
        object: &mut Object,
        statement: usize,
        values: &[BoundValue],
    ) -> Result<(), Failure> {
        let sql = &self.workload.statements()[statement].sql;
        if self.workload.protocol != Protocol::Prepared {
            return client_calls::execute_once(object, sql, values).await;
        }
        let prepared = object.prepare_cached(sql).await;
        let prepared = prepared.map_err(|error| from_postgres(&error))?;
        client_calls::execute(object, &prepared, values).await
    }

    async fn send(
        &self,
        object: &mut Object,
        sql: &str,
        answers: Option<&mut Vec<StatementResult>>,
    ) -> Result<(), Failure> {
        client_calls::send(object, sql, answers).await
    }

    fn end(object: Object) {
        drop(Object::take(object));
    }

    fn sample(&self) -> PoolSample {
        let status = self.pool.status();
        PoolSample {
            max_size: status.max_size as u64,
            size: status.size as u64,
            in_use: status.size.saturating_sub(status.available) as u64,
            waiting: Some(status.waiting as u64),
        }
    }

    async fn close(&self) {
        self.pool.close();
    }

    fn pool_handle(&self) -> PoolHandle {
        PoolHandle::Deadpool(self.pool.clone())
    }
}
