//! Way to the servers of a run: what their connections pass through, what they say in their requests,
//! and where they come from.

use std::net::IpAddr;

use crate::connection::request_headers::RequestHeader;
use crate::connection::tls_connector::WsTls;
use crate::connection::tunnel::HttpProxy;
use crate::server::variables::Variables;

/// Way to the servers of a run, the same for all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Route {
    /// Headers that the user adds to the request of each connection.
    pub(crate) headers: Vec<RequestHeader>,
    /// Subprotocols to offer, which may have places for the values of a row.
    pub(crate) subprotocols: Vec<String>,
    /// Values of the connections.
    pub(crate) variables: Variables,
    /// Settings of TLS; `None` if the servers are reached without.
    pub(crate) tls: Option<WsTls>,
    /// Proxy through which the servers are reached; `None` if they are reached directly.
    pub(crate) proxy: Option<HttpProxy>,
    /// Local addresses over which connections are spread; empty if the operating system chooses.
    pub(crate) sources: Vec<IpAddr>,
}
