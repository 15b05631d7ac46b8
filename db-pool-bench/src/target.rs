//! Flags of the server under test and of its workload.

use std::collections::BTreeMap;
use std::time::Duration;

use bench_cli::{UsageError, flags};
use clap::Args;
use serde_json::{Value, json};

use crate::drivers::{Driver, PoolOptions};
use crate::protocol::Protocol;
use crate::server::ServerUnderTest;
use crate::workloads::WorkloadFlags;
use pg_connect::Address;

/// Share of a server's connections that may be in use during a run, those of other users included.
const MOST_CONNECTIONS: f64 = 0.8;

/// Flags of the server under test and of its workload.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetFlags {
    /// Address of the server, as a URL or as host=… user=… dbname=… [default: a throwaway server]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Time after which a checkout fails
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "30s")]
    pub(crate) checkout_timeout: Duration,

    /// Largest share of the server's connection limit that may be in use [default: 80 % on your own server]
    #[arg(long, value_parser = flags::percent, value_name = "PERCENT")]
    pub(crate) most_connections: Option<f64>,

    /// Workload that the requests execute.
    #[command(flatten)]
    pub(crate) workload: WorkloadFlags,

    /// Pool settings.
    #[command(flatten)]
    pub(crate) pool: PoolOptions,
}

impl TargetFlags {
    /// Returns the server that `--url` names; `None` without that flag. Checks the address first.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] if it is no address, or if one of `drivers` does not support the address
    /// or the protocol.
    pub(crate) fn server(&self, drivers: &[Driver]) -> anyhow::Result<Option<ServerUnderTest>> {
        if drivers.contains(&Driver::Sqlx) && self.workload.protocol == Protocol::Extended {
            return Err(UsageError(PARTED.to_owned()).into());
        }
        let given = self.url.as_deref().map(ServerUnderTest::at).transpose()?;
        if let Some(server) = &given {
            suits(&server.address, drivers)?;
        }
        Ok(given)
    }

    /// Returns the share of the server's connections that may be in use, from 0 to 1. `None` if all may be in
    /// use, as on a throwaway server.
    pub(crate) fn most_connections(&self, guarded: bool) -> Option<f64> {
        self.most_connections
            .or(guarded.then_some(MOST_CONNECTIONS))
    }

    /// Returns these flags as entries of the report's `config`; the workload's flags are not included.
    pub(crate) fn config(&self) -> BTreeMap<String, Value> {
        let timeout_ns = self.checkout_timeout.as_nanos() as u64;
        BTreeMap::from([("checkout_timeout_ns".to_owned(), json!(timeout_ns))])
    }
}

/// Reason why sqlx cannot be used with `--protocol extended`.
const PARTED: &str = "sqlx cannot follow --protocol extended: it prepares in one round trip and asks in \
    the next, where a pooler may hand it the statement of somebody else; leave it out of --driver, or \
    use simple or prepared";

/// Checks that every driver supports the address.
fn suits(address: &Address, drivers: &[Driver]) -> Result<(), UsageError> {
    if drivers.contains(&Driver::Sqlx) && address.requires_channel_binding() {
        return Err(UsageError(
            "sqlx cannot follow channel_binding=require; leave it out of --driver".to_owned(),
        ));
    }
    Ok(())
}
