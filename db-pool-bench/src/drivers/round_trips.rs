//! How often a driver asks the server for one read, counted between the two: a ping leaves no
//! trace in the server's statistics, and no library tells of its own.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{Failure, Session as _, Target, TargetFactory, Timestamps, UserId, WorkerShare};
use testbed::{Faults, Proxy};
use tokio::time::{Instant, sleep, timeout};

use super::{Deadpool, Direct, Driver, DriverSetup, PoolOptions, Sqlx, Wire};
use crate::protocol::Protocol;
use crate::workloads::{Builtin, Tables};

/// A driver learns types and fills caches in its first requests.
const UNCOUNTED: u32 = 2;
const COUNTED: u32 = 20;
/// All of it, also where each answer takes a third of a second.
const BOUND: Duration = Duration::from_secs(30);
/// sqlx asks a server that has no connection left again and again, for as long as this.
const CHECKOUT_BOUND: Duration = Duration::from_secs(3);
/// For a connection that was given back to be ready for the next.
const SETTLE_BOUND: Duration = Duration::from_secs(1);
const SETTLE_LOOK: Duration = Duration::from_millis(1);

/// Round trips that `driver` makes for a `SELECT 1`, with its checkout and release, beyond the
/// one that the read takes. One user reads through a proxy in front of the server of `setup`.
///
/// # Errors
/// Fails when the server cannot be reached that way, or a read fails.
pub async fn count_extra(driver: Driver, setup: &DriverSetup) -> Result<f64, Failure> {
    let address = setup.address.clone();
    let target = tokio::task::spawn_blocking(move || address.socket_address()).await;
    let target = target
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(|error| Failure::new("proxy", &error.to_string()))?;
    let proxy = Proxy::start(target, Faults::default())
        .map_err(|error| Failure::new("proxy", &error.to_string()))?;
    // What a driver asks beside its statement shows where that takes one round trip.
    let protocol = match setup.workload.protocol {
        Protocol::Prepared => Protocol::Prepared,
        Protocol::Simple | Protocol::Extended => Protocol::Simple,
    };
    // Its statement has no parameters, so no server has to be asked for their types.
    let asked = Builtin::CheckoutOnly
        .draft(&Tables::at_scale(1), 0, protocol)
        .map_err(|error| Failure::new("script", &error.to_string()))?
        .without_parameters();
    let setup = DriverSetup {
        address: setup.address.through(proxy.address()),
        application: format!("{}.round_trips", setup.application),
        pool_size: 1,
        pool: PoolOptions {
            recycle: setup.pool.recycle,
            ..PoolOptions::default()
        },
        checkout_timeout: CHECKOUT_BOUND,
        workload: Arc::new(asked),
        ..setup.clone()
    };
    let counting = async {
        match driver {
            Driver::Wire => count(Wire(setup), &proxy).await,
            Driver::Direct => count(Direct(setup), &proxy).await,
            Driver::Deadpool => count(Deadpool(setup), &proxy).await,
            Driver::Sqlx => count(Sqlx(setup), &proxy).await,
        }
    };
    let silent = |_| Failure::new("timeout", "the server did not answer in time");
    let counted = timeout(BOUND, counting).await.map_err(silent)??;
    Ok(counted as f64 / f64::from(COUNTED) - 1.0)
}

async fn count<F: TargetFactory>(factory: F, proxy: &Proxy) -> Result<u64, Failure> {
    let target = Arc::new(factory.build(WorkerShare::ALONE).await?);
    let mut session = target.open(UserId(0)).await?;
    let mut before = 0;
    for read in 0..UNCOUNTED + COUNTED {
        if read == UNCOUNTED {
            settle(&*target).await;
            before = proxy.round_trips();
        }
        let outcome = session.request(&mut Timestamps::default()).await;
        if let Some(failure) = outcome.failure {
            return Err(*failure);
        }
    }
    settle(&*target).await;
    let counted = proxy.round_trips() - before;
    session.close().await;
    target.close().await;
    Ok(counted)
}

/// A pool may have work to do after a release, before the connection is anybody's again.
async fn settle(target: &impl Target) {
    let begun = Instant::now();
    while target.pool().is_some_and(|pool| pool.in_use > 0) && begun.elapsed() < SETTLE_BOUND {
        sleep(SETTLE_LOOK).await;
    }
}
