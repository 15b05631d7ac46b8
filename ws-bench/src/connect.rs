//! Opening of one connection, with TCP and the upgrade timed apart.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use load_engine::{Failure, Timestamps};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;

use crate::endpoint::WsEndpoint;
use crate::failure;
use crate::socket::{self, WsSocket};

/// Opens a connection to `endpoint` from `source`. Each of the two phases may take `bound`;
/// `timestamps.acquired` is the instant between them.
pub(crate) async fn open_connection(
    endpoint: &WsEndpoint,
    source: Option<IpAddr>,
    bound: Duration,
    timestamps: &mut Timestamps,
) -> Result<WsSocket, Failure> {
    let late = |kind: &'static str, what: &str| {
        let bound = humantime::format_duration(bound);
        Failure::new(kind, &format!("{what} within {bound}"))
    };
    let stream = timeout(bound, connect_tcp(endpoint.address, source))
        .await
        .map_err(|_| late(failure::TCP_TIMEOUT, "no TCP connection"))?
        .map_err(|error| failure::from_io(&error))?;
    timestamps.acquired();
    let upgrade = client_async_with_config(endpoint.uri.clone(), stream, Some(socket::config()));
    let (socket, _) = timeout(bound, upgrade)
        .await
        .map_err(|_| late(failure::UPGRADE_TIMEOUT, "no answer to the upgrade"))?
        .map_err(|error| failure::from_upgrade(&error))?;
    timestamps.done();
    Ok(socket)
}

async fn connect_tcp(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}
