//! Worker process: its share of the steps that its parent orders.

use std::net::SocketAddr;
use std::sync::Arc;

use load_engine::{ThinkTime, WorkerScenario, WorkerStep};
use pg_connect::Address;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::drivers::{Deadpool, Direct, Driver, DriverSetup, Sqlx, Wire};
use crate::target::TargetFlags;
use crate::workloads::WorkloadText;

/// Target of one step, as the parent tells its workers through a pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriverOrder {
    /// URL of the throwaway server that the parent has started; absent where flags or environment,
    /// which are the parent's, have that of the user's.
    pub(crate) throwaway_url: Option<String>,
    /// Way to the server that the parent's first connection has settled.
    pub(crate) way: Option<usize>,
    /// Proxy of the parent's that delays, where the network is to be slower.
    pub(crate) proxy: Option<SocketAddr>,
    /// Application name of the connections.
    pub(crate) application: String,
    /// Driver under test.
    pub(crate) driver: Driver,
    /// Connections over all workers.
    pub(crate) connections: u64,
    /// Time for which the application holds a connection after the answer.
    pub(crate) hold: ThinkTime,
    /// Workload of the requests.
    pub(crate) workload: WorkloadText,
    /// Seed of the requests.
    pub(crate) seed: u64,
}

/// Worker process, with the flags of its parent about the server and the pools.
pub(crate) struct PoolWorker(pub(crate) TargetFlags);

impl WorkerScenario for PoolWorker {
    fn run_step(&mut self, target: Value, step: WorkerStep<'_>) -> Result<(), String> {
        let order: DriverOrder =
            serde_json::from_value(target).map_err(|error| error.to_string())?;
        let driver = order.driver;
        let setup = order.setup(&self.0)?;
        match driver {
            Driver::Wire => step.run_requests(&Arc::new(Wire(setup))),
            Driver::Direct => step.run_requests(&Arc::new(Direct(setup))),
            Driver::Deadpool => step.run_requests(&Arc::new(Deadpool(setup))),
            Driver::Sqlx => step.run_requests(&Arc::new(Sqlx(setup))),
        }
    }
}

impl DriverOrder {
    /// Returns the driver settings, with what the command line of the parent says of pools.
    fn setup(self, flags: &TargetFlags) -> Result<DriverSetup, String> {
        let url = self.throwaway_url.as_ref().or(flags.url.as_ref());
        let url = url.ok_or("the parent named no server")?;
        let address = Address::parse(url).map_err(|error| error.to_string())?;
        if let Some(way) = self.way {
            address.settle_way(way);
        }
        let workload = self.workload.compile().map_err(|error| error.to_string())?;
        Ok(DriverSetup {
            address: match self.proxy {
                Some(proxy) => address.through(proxy),
                None => address,
            },
            application: self.application,
            pool_size: self.connections,
            pool: flags.pool.clone(),
            checkout_timeout: flags.checkout_timeout,
            workload: Arc::new(workload),
            seed: self.seed,
            hold: self.hold,
            opened: Arc::default(),
        })
    }
}
