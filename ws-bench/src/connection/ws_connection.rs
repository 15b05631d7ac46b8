//! Connections of the load to a WebSocket server: opening one, sending a message, and recognizing
//! its echo.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use load_engine::{
    ConnectionFactory, ConnectionId, Failure, HeldConnection, HeldOperations, Incoming,
    OperationSpec, Timestamps,
};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;

use crate::connection::echo::{EchoKind, MessageSource};
use crate::connection::failure;
use crate::connection::socket::{self, WsSocket};
use crate::server::endpoint::WsEndpoint;

/// Factory of connections to one WebSocket server.
#[derive(Debug)]
pub(crate) struct WsConnector {
    pub(crate) endpoint: WsEndpoint,
    /// Time-out of connecting by TCP, and as much again for the upgrade to a WebSocket.
    pub(crate) timeout: Duration,
    /// Size of a message in bytes; smaller sizes than
    /// [`SMALLEST_BYTES`](crate::connection::echo::SMALLEST_BYTES) count as that.
    pub(crate) message_bytes: usize,
}

/// Open WebSocket connection to a server that should echo messages.
#[derive(Debug)]
pub(crate) struct WsConnection {
    socket: WsSocket,
    messages: MessageSource,
    /// True if, since the last message was sent, the server has sent a message that is no echo of
    /// this connection's messages.
    has_foreign: bool,
}

impl ConnectionFactory for WsConnector {
    type Connection = WsConnection;

    fn operations(&self) -> HeldOperations {
        HeldOperations {
            connect: OperationSpec::new("connect").with_phases(&["tcp", "upgrade"]),
            message: OperationSpec::new("echo"),
            check: OperationSpec::new("check"),
        }
    }

    async fn connect(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> Result<WsConnection, Failure> {
        let late = |kind: &'static str, what: &str| {
            let bound = humantime::format_duration(self.timeout);
            Failure::new(kind, &format!("{what} within {bound}"))
        };
        let tcp = connect_tcp(self.endpoint.address, self.endpoint.source(id.0));
        let stream = timeout(self.timeout, tcp)
            .await
            .map_err(|_| late(failure::TCP_TIMEOUT, "no TCP connection"))?
            .map_err(|error| failure::from_io(&error))?;
        timestamps.phase_ended();
        let config = Some(socket::config());
        let upgrade = client_async_with_config(self.endpoint.uri.clone(), stream, config);
        let (socket, _) = timeout(self.timeout, upgrade)
            .await
            .map_err(|_| late(failure::UPGRADE_TIMEOUT, "no answer to the upgrade"))?
            .map_err(|error| failure::from_upgrade(&error))?;
        timestamps.done();
        Ok(WsConnection {
            socket,
            messages: MessageSource::new(id.0, self.message_bytes),
            has_foreign: false,
        })
    }
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

impl HeldConnection for WsConnection {
    async fn send(&mut self) -> Result<(), Failure> {
        self.has_foreign = false;
        let message = Message::Binary(self.messages.next());
        let sent = self.socket.send(message).await;
        sent.map_err(|error| failure::from_session(&error))
    }

    async fn receive(&mut self) -> Result<Incoming, Failure> {
        match self.socket.next().await {
            None => Err(failure::from_end()),
            Some(Err(error)) => Err(failure::from_session(&error)),
            Some(Ok(message)) => self.received(message),
        }
    }

    fn unanswered(&self, timeout: Duration) -> Failure {
        let bound = humantime::format_duration(timeout);
        if self.has_foreign {
            let text = format!("no echo within {bound}, but something that had not been sent");
            return Failure::new(failure::WRONG_ECHO, &text);
        }
        Failure::new(failure::ECHO_TIMEOUT, &format!("no echo within {bound}"))
    }

    /// Closes the connection as RFC 6455 describes, and waits until the server has ended the TCP
    /// connection, so that the port on this side is free again at once. It has no time-out of its
    /// own.
    async fn close(mut self) {
        if self.socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}

impl WsConnection {
    fn received(&mut self, message: Message) -> Result<Incoming, Failure> {
        match message {
            Message::Close(frame) => Err(failure::from_close(frame.as_ref())),
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(Incoming::Other),
            Message::Binary(_) | Message::Text(_) => {
                let echo = message.into_data();
                Ok(match self.messages.kind(&echo) {
                    EchoKind::Last => Incoming::Answer,
                    EchoKind::Earlier => Incoming::Other,
                    EchoKind::Foreign => {
                        self.has_foreign = true;
                        Incoming::Other
                    }
                    EchoKind::Changed => {
                        let text = "the answer was not what had been sent";
                        Incoming::Wrong(Failure::new(failure::WRONG_ECHO, text))
                    }
                })
            }
        }
    }
}

/// Sends one message and waits for its echo, without a time-out. Fails if the connection ends or
/// the echo is wrong; other messages are skipped.
pub(crate) async fn exchange_echo(connection: &mut WsConnection) -> Result<(), Failure> {
    connection.send().await?;
    loop {
        match connection.receive().await? {
            Incoming::Answer => return Ok(()),
            Incoming::Wrong(failure) => return Err(failure),
            Incoming::Other => {}
        }
    }
}
