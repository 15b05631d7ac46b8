//! Resolution of a host's name to its addresses.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use load_engine::Failure;
use tokio::time::timeout;

/// Resolves a host and a port. Returns its addresses, each once and in the order of the resolver, and
/// the time that it took. Fails within `bound`, or if the host is not known.
pub(crate) async fn resolve(
    (host, port): (String, u16),
    bound: Duration,
) -> Result<(Vec<SocketAddr>, Duration), Failure> {
    let unknown = |reason: &str| Failure::new("resolve", &format!("cannot find {host}: {reason}"));
    let start = Instant::now();
    let found = timeout(bound, tokio::net::lookup_host((host.as_str(), port)))
        .await
        .map_err(|_| unknown("the resolver did not answer in time"))?
        .map_err(|error| unknown(&error.to_string()))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(unknown("it has no address"));
    }
    Ok((addresses, start.elapsed()))
}
