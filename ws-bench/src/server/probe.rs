//! Probe of the server with one connection and one echo: before the load, and after a step broke.

use std::net::SocketAddr;
use std::time::Duration;

use load_engine::{
    Cancel, ConnectionFactory as _, ConnectionId, Failure, HeldConnection as _, Timestamps,
};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::connection::message_sizes::MessageSizes;
use crate::connection::ws_connection::{WsConnector, exchange_echo};
use crate::server::endpoint::{TargetUrl, WsEndpoint};

const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Number of the probe's connection, by which it gets the same local address as the first
/// connections of the load.
const PROBE: ConnectionId = ConnectionId(0);

/// Result of a probe of the server.
#[derive(Debug)]
pub(crate) enum ProbeResult {
    /// A server answered with an echo; contains the address at which it did.
    Echo(WsEndpoint),
    /// No server answered, or it sent no correct echo; contains the failure.
    Nothing(Failure),
    /// A signal was received before the probe had ended.
    Interrupted,
}

/// Resolves `target`, connects, exchanges one echo and closes the connection, each with the
/// time-out `bound` except for closing, which has a shorter one. `cancel` ends the probe early.
///
/// # Errors
/// If the operating system provides no runtime. A server that does not answer is no error.
pub(crate) fn probe(
    target: &TargetUrl,
    bound: Duration,
    cancel: &Cancel,
) -> std::io::Result<ProbeResult> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        tokio::select! {
            biased;
            () = cancel.cancelled() => ProbeResult::Interrupted,
            echoed = echo_once(target, bound) => match echoed {
                Ok(endpoint) => ProbeResult::Echo(endpoint),
                Err(failure) => ProbeResult::Nothing(failure),
            }
        }
    });
    // A resolver that hangs has a thread of its own, whose end is not awaited.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    Ok(found)
}

async fn echo_once(target: &TargetUrl, bound: Duration) -> Result<WsEndpoint, Failure> {
    let endpoint = target.resolved_to(resolve(target, bound).await?);
    let connector = WsConnector {
        endpoint,
        timeout: bound,
        sizes: MessageSizes::of(0),
    };
    let mut connection = connector.connect(PROBE, &mut Timestamps::default()).await?;
    let echoed = timeout(bound, exchange_echo(&mut connection)).await;
    echoed.map_err(|_| connection.unanswered(bound))??;
    // The result of the probe does not change if closing is not answered.
    let _ = timeout(CLOSE_TIMEOUT, connection.close()).await;
    Ok(connector.endpoint)
}

async fn resolve(target: &TargetUrl, bound: Duration) -> Result<SocketAddr, Failure> {
    let (host, port) = target.host_and_port();
    let unknown = |reason: &str| Failure::new("resolve", &format!("cannot find {host}: {reason}"));
    let mut addresses = timeout(bound, tokio::net::lookup_host((host.as_str(), port)))
        .await
        .map_err(|_| unknown("the resolver did not answer in time"))?
        .map_err(|error| unknown(&error.to_string()))?;
    addresses.next().ok_or_else(|| unknown("it has no address"))
}
