//! Order for one step, as the parent gives it to its worker processes.

use std::net::SocketAddr;
use std::sync::Arc;

use load_engine::ThinkTime;
use pg_connect::Address;
use serde::{Deserialize, Serialize};

use crate::drivers::{Driver, DriverSetup};
use crate::target::TargetFlags;
use crate::workloads::WorkloadText;

/// Target of one step, as the parent describes it to its workers through a pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriverOrder {
    /// URL of the throwaway server that the parent started. Absent if the flags or the environment, which the
    /// worker gets from its parent, name the user's server.
    pub(crate) throwaway_url: Option<String>,
    /// Index of the host that the parent's first connection has chosen; absent if none was chosen yet.
    pub(crate) way: Option<usize>,
    /// Address of the parent's proxy that adds a network delay; absent without a delay.
    pub(crate) proxy: Option<SocketAddr>,
    /// Application name under which the server shows the connections.
    pub(crate) application: String,
    /// Driver under test.
    pub(crate) driver: Driver,
    /// Number of connections, over all workers.
    pub(crate) connections: u64,
    /// Time for which the application holds a connection after each answer.
    pub(crate) hold: ThinkTime,
    /// Workload that the requests execute.
    pub(crate) workload: WorkloadText,
    /// Seed of the random choices in requests.
    pub(crate) seed: u64,
}

impl DriverOrder {
    /// Creates the driver settings; those of pools come from `flags`, the parent's command line.
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
