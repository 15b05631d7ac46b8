//! Count of a driver's round trips for one read, by a proxy between driver and server. A ping
//! leaves no trace in the server's statistics, and no library counts its own round trips.

use std::sync::Arc;
use std::time::Duration;

use load_engine::{Failure, Session as _, Target, TargetFactory, Timestamps, UserId, WorkerShare};
use testbed::{Faults, Proxy};
use tokio::time::{Instant, sleep, timeout};

use super::{Deadpool, Direct, Driver, DriverSetup, PoolOptions, Sqlx, Wire};
use crate::protocol::Protocol;
use crate::workloads::{Builtin, Tables};

/// Number of reads before the counted ones, in which a driver learns types and fills its caches.
const UNCOUNTED: u32 = 2;
/// Number of reads whose round trips are counted, and over which the mean is taken.
const COUNTED: u32 = 20;
/// Time-out of the whole count, 30 s: long enough for answers that take a third of a second each.
const BOUND: Duration = Duration::from_secs(30);
/// Longest wait for a connection, 3 s. sqlx retries for this long if the server has no connection
/// left.
const CHECKOUT_BOUND: Duration = Duration::from_secs(3);
/// Longest wait until a returned connection is available again, 1 s.
const SETTLE_BOUND: Duration = Duration::from_secs(1);
const SETTLE_LOOK: Duration = Duration::from_millis(1);

/// Returns the mean number of extra round trips of `driver` for one `SELECT 1`: all round trips of
/// checkout, statement and release, less the statement's own one. A single user makes 20 reads
/// through a proxy before the server of `setup`.
///
/// # Errors
/// Fails if the server cannot be reached through the proxy, if a read fails, or after 30 s.
pub(crate) async fn count_extra(driver: Driver, setup: &DriverSetup) -> Result<f64, Failure> {
    let address = setup.address.clone();
    let target = tokio::task::spawn_blocking(move || address.socket_address()).await;
    let target = target
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(|error| Failure::new("proxy", &error.to_string()))?;
    let proxy = Proxy::start(target, Faults::default())
        .map_err(|error| Failure::new("proxy", &error.to_string()))?;
    // Uses a protocol in which the statement itself takes exactly one round trip.
    let protocol = match setup.workload.protocol {
        Protocol::Prepared => Protocol::Prepared,
        Protocol::Simple | Protocol::Extended => Protocol::Simple,
    };
    // The statement has no parameters, so the server has no types to infer.
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

/// Waits until the pool has finished its work after the release of a connection, at most 1 s.
async fn settle(target: &impl Target) {
    let begun = Instant::now();
    while target.pool().is_some_and(|pool| pool.in_use > 0) && begun.elapsed() < SETTLE_BOUND {
        sleep(SETTLE_LOOK).await;
    }
}
