//! Worker process of `db-pool-bench`, which makes a share of the load of the steps that its parent
//! orders.

use std::sync::Arc;

use load_engine::{WorkerScenario, WorkerStep};
use serde_json::Value;

use crate::driver_order::DriverOrder;
use crate::drivers::{Deadpool, Direct, Driver, Sqlx, Wire};
use crate::target::TargetFlags;

/// Worker process of a scenario, which makes a share of the load of each step. The field contains
/// the parent's flags of the server, the workload and the pool.
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
