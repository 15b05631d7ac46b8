//! Flags of the server under test, its workload and the pool's options.

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

/// Largest share of a server's connections that may be in use during a run, those of other users
/// included, unless the flags set another one.
const MOST_CONNECTIONS: f64 = 0.8;

/// Flags of the server under test, its workload and the pool's options.
#[derive(Debug, Clone, Args)]
pub(crate) struct TargetFlags {
    /// Address of the server, as a URL or as host=… user=… dbname=… [default: a throwaway server]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// Longest wait for a connection of the pool, after which the request fails
    #[arg(long, value_parser = flags::duration, value_name = "TIME", default_value = "30s")]
    pub(crate) checkout_timeout: Duration,

    /// Largest share of the server's connection limit that may be in use [default: 80 % on your own server]
    #[arg(long, value_parser = flags::percent, value_name = "PERCENT")]
    pub(crate) most_connections: Option<f64>,

    /// Flags of the workload that the requests execute.
    #[command(flatten)]
    pub(crate) workload: WorkloadFlags,

    /// Flags of the pool's options.
    #[command(flatten)]
    pub(crate) pool: PoolOptions,
}

impl TargetFlags {
    /// Returns the server that `--url` names, without connecting; `None` without that flag and
    /// `DATABASE_URL`.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] if the address is malformed, or if one of `drivers` does not
    /// support the address or the protocol.
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

    /// Returns the largest share of the server's connections that may be in use, from 0 to 1: that
    /// of the flags, else 0.8 on a `guarded` server. `None` if all may be in use, as on a throwaway
    /// server without the flag.
    pub(crate) fn most_connections(&self, guarded: bool) -> Option<f64> {
        self.most_connections
            .or(guarded.then_some(MOST_CONNECTIONS))
    }

    /// Returns the checkout time-out as an entry of the report's `config`; the flags of workload
    /// and pool are added by others.
    pub(crate) fn config(&self) -> BTreeMap<String, Value> {
        let timeout_ns = self.checkout_timeout.as_nanos() as u64;
        BTreeMap::from([("checkout_timeout_ns".to_owned(), json!(timeout_ns))])
    }
}

/// Error message for sqlx together with `--protocol extended`.
const PARTED: &str = "sqlx cannot follow --protocol extended: it prepares in one round trip and asks in \
    the next, where a pooler may hand it the statement of somebody else; leave it out of --driver, or \
    use simple or prepared";

/// Checks that every driver supports the address. Fails for sqlx if the address requires channel
/// binding.
fn suits(address: &Address, drivers: &[Driver]) -> Result<(), UsageError> {
    if drivers.contains(&Driver::Sqlx) && address.requires_channel_binding() {
        return Err(UsageError(
            "sqlx cannot follow channel_binding=require; leave it out of --driver".to_owned(),
        ));
    }
    Ok(())
}
