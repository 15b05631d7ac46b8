//! Upgrade of an accepted connection to a WebSocket, or its refusal.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};

use super::admission::{self, Place};
use super::broadcast_room::{BroadcastRoom, Deliveries};
use super::client_stream::{ClientSocket, ClientStream};
use super::shared::SharedState;
use crate::connection::socket;

/// Time-out for a client's request to upgrade, from the acceptance of its connection.
const HANDSHAKE_BOUND: Duration = Duration::from_secs(10);

/// Client whose connection was upgraded, with its place.
pub(crate) struct UpgradedClient<'a> {
    pub(crate) socket: ClientSocket,
    pub(crate) place: Place<'a>,
    /// Broadcast messages from the upgrade on; `None` if there are none.
    pub(crate) deliveries: Option<Deliveries>,
}

/// Upgrades the connection of a client at `address`. Returns `None` if it was refused, or if it did
/// not ask for the upgrade correctly or in time.
pub(crate) async fn upgrade(
    shared: &SharedState,
    stream: TcpStream,
    address: IpAddr,
) -> Option<UpgradedClient<'_>> {
    let handshake = handshake(shared, stream, address);
    timeout(HANDSHAKE_BOUND, handshake).await.ok()?
}

async fn handshake(
    shared: &SharedState,
    stream: TcpStream,
    address: IpAddr,
) -> Option<UpgradedClient<'_>> {
    let stream = match &shared.tls {
        Some(acceptor) => ClientStream::from(acceptor.accept(stream).await.ok()?),
        None => ClientStream::from(stream),
    };
    let mut admitted = None;
    #[expect(clippy::result_large_err, reason = "the library's own signature")]
    let answer = |request: &Request, mut response: Response| {
        let place = shared.admission.admit(address, Instant::now());
        let place = place.map_err(|refusal| {
            shared.counters.refused(refusal);
            admission::response(refusal)
        })?;
        // The client may learn of the upgrade, and let another one publish, before this task goes
        // on.
        let deliveries = shared.room.as_ref().map(BroadcastRoom::join);
        admitted = Some((place, deliveries));
        let chosen = shared.options.subprotocol.as_deref();
        if let Some(name) = chosen.filter(|name| offers(request.headers(), name)) {
            let value = HeaderValue::from_str(name).ok();
            let headers = response.headers_mut();
            headers.extend(value.map(|value| (SEC_WEBSOCKET_PROTOCOL, value)));
        }
        Ok(response)
    };
    let upgraded = accept_hdr_async_with_config(stream, answer, Some(socket::config())).await;
    let socket = upgraded.ok()?;
    let (place, deliveries) = admitted?;
    shared.counters.opened();
    Some(UpgradedClient {
        socket,
        place,
        deliveries,
    })
}

/// Returns true if a request offers the subprotocol `name`, in one of several headers or of several
/// names in a header.
fn offers(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offered| offered.trim() == name)
}
