//! Opening of a connection, phase by phase: TCP, a tunnel through a proxy, TLS, and the upgrade.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use load_engine::Timestamps;
use tokio::net::{TcpSocket, TcpStream};

use crate::connection::client_stream::ClientStream;
use crate::connection::time_out::within;
use crate::connection::tunnel::TunnelError;
use crate::connection::upgrade::{UpgradeError, Upgraded, upgrade};
use crate::server::endpoint::WsEndpoint;

/// Phase of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connecting by TCP.
    Tcp,
    /// Opening a tunnel through a proxy.
    Proxy,
    /// Handshake of TLS.
    Tls,
    /// Upgrade to a WebSocket.
    Upgrade,
}

/// Reason why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// A phase took longer than its time-out.
    #[error("{what} within {}", humantime::format_duration(*.bound), what = .phase.missing())]
    Late {
        /// Phase that did not end.
        phase: Phase,
        /// Time-out of each phase.
        bound: Duration,
    },
    /// No TCP connection could be opened.
    #[error("{0}")]
    Tcp(#[source] io::Error),
    /// The proxy opened no tunnel.
    #[error("{0}")]
    Tunnel(#[source] TunnelError),
    /// The handshake of TLS failed.
    #[error("{0}")]
    Tls(#[source] io::Error),
    /// The server did not take up a WebSocket.
    #[error("{0}")]
    Upgrade(#[source] UpgradeError),
}

impl Phase {
    /// Returns the phases of connections to `server`, in order.
    pub(crate) fn to_server(server: &WsEndpoint) -> &'static [&'static str] {
        match (server.route.proxy.is_some(), server.url.is_tls()) {
            (false, false) => &["tcp", "upgrade"],
            (false, true) => &["tcp", "tls", "upgrade"],
            (true, false) => &["tcp", "proxy", "upgrade"],
            (true, true) => &["tcp", "proxy", "tls", "upgrade"],
        }
    }

    /// Returns the name of the phase.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Tcp => "no TCP connection",
            Self::Proxy => "no answer of the proxy",
            Self::Tls => "no end of the TLS handshake",
            Self::Upgrade => "no answer to the upgrade",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Opens connection `id` to `endpoint` from the local address `source`, or from one that the
/// operating system chooses. Each phase has the time-out `bound`, and its end is recorded in
/// `timestamps`.
///
/// # Errors
/// If a phase fails or is late.
pub(crate) async fn open(
    endpoint: &WsEndpoint,
    id: u64,
    source: Option<IpAddr>,
    bound: Duration,
    timestamps: &mut Timestamps,
) -> Result<Upgraded<ClientStream>, OpenError> {
    let late = |phase| move || OpenError::Late { phase, bound };
    let route = &endpoint.route;
    let tcp = connect_tcp(endpoint.address, source);
    let tcp = within(bound, tcp).await.ok_or_else(late(Phase::Tcp))?;
    let mut tcp = tcp.map_err(OpenError::Tcp)?;
    timestamps.phase_ended();
    if let Some(proxy) = &route.proxy {
        let (host, port) = endpoint.url.host_and_port();
        let tunnel = proxy.open_tunnel(&mut tcp, &host, port);
        let tunnel = within(bound, tunnel).await.ok_or_else(late(Phase::Proxy))?;
        tunnel.map_err(OpenError::Tunnel)?;
        timestamps.phase_ended();
    }
    let stream = match &route.tls {
        Some(tls) if endpoint.url.is_tls() => {
            let (host, _) = endpoint.url.host_and_port();
            let handshake = within(bound, tls.handshake(&host, tcp)).await;
            let stream = handshake.ok_or_else(late(Phase::Tls))?;
            let stream = stream.map_err(OpenError::Tls)?;
            timestamps.phase_ended();
            ClientStream::Tls(Box::new(stream))
        }
        _ => ClientStream::Plain(tcp),
    };
    let upgraded = upgrade(stream, &endpoint.request, route.variables.row(id));
    let upgraded = within(bound, upgraded).await;
    let upgraded = upgraded.ok_or_else(late(Phase::Upgrade))?;
    let upgraded = upgraded.map_err(OpenError::Upgrade)?;
    timestamps.done();
    Ok(upgraded)
}

async fn connect_tcp(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    if let Some(source) = source {
        share_ports(&socket);
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}

/// Lets the kernel choose the port when the socket connects, so that connections to several servers
/// can share one. Where it cannot, each connection has a port of its own.
#[cfg(target_os = "linux")]
fn share_ports(socket: &TcpSocket) {
    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::IpBindAddressNoPort;

    let _ = setsockopt(socket, IpBindAddressNoPort, &true);
}

#[cfg(not(target_os = "linux"))]
fn share_ports(_: &TcpSocket) {}
