//! Description of one step's target, as the parent process sends it to its worker processes.

use std::net::SocketAddr;
use std::sync::Arc;

use load_engine::ThinkTime;
use pg_connect::Address;
use serde::{Deserialize, Serialize};

use crate::drivers::{Driver, DriverSetup};
use crate::target::TargetFlags;
use crate::workloads::WorkloadText;

/// Target of one step: the server, driver and workload, as the parent process describes them to its
/// workers through a pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DriverOrder {
    /// URL of the throwaway server that the parent started. `None` if the flags or the environment,
    /// which the worker inherits, name the user's server.
    pub(crate) throwaway_url: Option<String>,
    /// Index of the host in the URL that the parent's first connection has chosen, from 0; `None`
    /// if none was chosen yet.
    pub(crate) way: Option<usize>,
    /// Address of the parent's proxy that adds a network delay; `None` without a delay.
    pub(crate) proxy: Option<SocketAddr>,
    /// Application name under which the server shows the connections.
    pub(crate) application: String,
    /// Driver with which the requests are made.
    pub(crate) driver: Driver,
    /// Number of connections in the pool, or of users without a pool, over all workers together.
    pub(crate) connections: u64,
    /// Time for which the application holds a connection after the server's last answer to a
    /// request.
    pub(crate) hold: ThinkTime,
    /// Workload that the requests execute.
    pub(crate) workload: WorkloadText,
    /// Seed of the random choices in requests, the same for all workers.
    pub(crate) seed: u64,
}

impl DriverOrder {
    /// Creates the driver settings of this step; those of pools come from `flags`, the parent's
    /// command line. Fails if the server's URL is missing or wrong, or the workload does not
    /// compile.
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
