//! Order for one step, as the parent gives it to its worker processes.

use std::net::SocketAddr;
use std::sync::Arc;

use load_engine::ThinkTime;
use pg_connect::Address;
use serde::{Deserialize, Serialize};

use crate::drivers::{Driver, DriverSetup};
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

impl DriverOrder {
    /// Returns the driver settings, with what the command line of the parent says of pools.
    pub(crate) fn setup(self, flags: &TargetFlags) -> Result<DriverSetup, String> {
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
