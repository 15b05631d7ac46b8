//! Server to which connections are opened: its URL and socket address, and the way to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use load_engine::Failure;

use crate::connection::row_template::UnknownColumn;
use crate::connection::upgrade_request::UpgradeRequest;
use crate::server::route::Route;
use crate::server::target_url::TargetUrl;

/// Number of connections of this process that share one local address on the loopback. It is well
/// below the 28,000 ports that a system usually provides, so that a free port is found at once.
const CONNECTIONS_PER_SOURCE: u64 = 5_000;

/// Server to which connections can be opened.
#[derive(Debug, Clone)]
pub(crate) struct WsEndpoint {
    /// URL of the server.
    pub(crate) url: TargetUrl,
    /// Address to which connections are opened: that of the server, or of the proxy before it.
    pub(crate) address: SocketAddr,
    /// Way to the server.
    pub(crate) route: Arc<Route>,
    /// Request by which connections ask for their upgrade.
    pub(crate) request: UpgradeRequest,
}

impl WsEndpoint {
    /// Creates the endpoint of `url` at `address`, by `route`.
    ///
    /// # Errors
    /// If the URL or a header has a place for a column that there is not.
    pub(crate) fn new(
        url: &TargetUrl,
        address: SocketAddr,
        route: &Arc<Route>,
    ) -> Result<Self, UnknownColumn> {
        let columns = &route.variables.columns;
        let request = UpgradeRequest::new(url, &route.headers, &route.subprotocols, columns)?;
        Ok(Self {
            url: url.clone(),
            address,
            route: Arc::clone(route),
            request,
        })
    }

    /// Returns true if the server's address is on the loopback, so that it is on this machine. The
    /// address of a server behind a proxy is not known.
    pub(crate) fn is_local(&self) -> bool {
        self.route.proxy.is_none() && self.address.ip().is_loopback()
    }

    /// Returns true if connections can use several local addresses, so that the ports of one do not
    /// limit their number: those that the user gives, or on Linux for a server on the IPv4 loopback
    /// any of it.
    pub(crate) fn spreads_sources(&self) -> bool {
        self.route.sources.len() > 1 || (self.route.sources.is_empty() && self.has_loopback_block())
    }

    fn has_loopback_block(&self) -> bool {
        cfg!(target_os = "linux") && matches!(self.address.ip(), IpAddr::V4(ip) if ip.is_loopback())
    }

    /// Returns the local address of the connection with the number `id`; `None` if the operating
    /// system is to choose it.
    ///
    /// On Linux all of 127.0.0.0/8 is the loopback. The second octet depends on the process, so
    /// that two runs at the same time do not use up each other's ports.
    pub(crate) fn source(&self, id: u64) -> Option<IpAddr> {
        let sources = &self.route.sources;
        if !sources.is_empty() {
            return sources.get((id % sources.len() as u64) as usize).copied();
        }
        if !self.has_loopback_block() {
            return None;
        }
        let block = id / CONNECTIONS_PER_SOURCE;
        let own = 1 + std::process::id() % 250;
        let octets = [
            127,
            own as u8,
            (block / 250 % 250) as u8,
            (1 + block % 250) as u8,
        ];
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    }

    /// Masks in the text of `failure`, which may be the server's, what connection `id` has told it in
    /// confidence.
    pub(crate) fn conceal(&self, failure: Failure, id: u64) -> Failure {
        if !self.request.has_secrets() {
            return failure;
        }
        let row = self.route.variables.row(id);
        let text = self.request.conceal(&failure.message.to_string(), row);
        Failure::new(failure.kind, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, address: &str, sources: &[&str]) -> WsEndpoint {
        let route = Route {
            sources: sources.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..Route::default()
        };
        let url = TargetUrl::parse(url).unwrap();
        WsEndpoint::new(&url, address.parse().unwrap(), &Arc::new(route)).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_loopback_is_reached_from_many_addresses() {
        let local = endpoint("ws://127.0.0.1:9001/", "127.0.0.1:9001", &[]);
        assert_eq!(local.source(0), local.source(CONNECTIONS_PER_SOURCE - 1));
        assert_ne!(local.source(0), local.source(CONNECTIONS_PER_SOURCE));
        assert!(local.source(u64::MAX).is_some_and(|ip| ip.is_loopback()));
        for address in ["10.0.0.1:80", "[::1]:80"] {
            let other = endpoint("ws://h/", address, &[]);
            assert_eq!((other.source(0), other.spreads_sources()), (None, false));
        }
    }

    #[test]
    fn connections_take_the_given_addresses_in_turn() {
        let spread = endpoint("ws://h/", "10.0.0.1:80", &["10.0.0.7", "10.0.0.8"]);
        let taken: Vec<_> = (0..3).filter_map(|id| spread.source(id)).collect();
        let taken: Vec<_> = taken.iter().map(ToString::to_string).collect();
        assert_eq!(taken, ["10.0.0.7", "10.0.0.8", "10.0.0.7"]);
        assert!(spread.spreads_sources());
        assert!(!endpoint("ws://h/", "127.0.0.1:80", &["127.0.0.1"]).spreads_sources());
    }
}
