//! Connections of the load to a WebSocket server: opening one, sending a message, and recognizing
//! its echo.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use load_engine::{
    ConnectionFactory, ConnectionId, Failure, HeldConnection, HeldOperations, Incoming,
    OperationSpec, Timestamps, Traffic,
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;

use crate::connection::answer_head::AnswerHead;
use crate::connection::client_session::ClientSession;
use crate::connection::echo::{EchoKind, MessageSource};
use crate::connection::failure;
use crate::connection::message_sizes::MessageSizes;
use crate::connection::socket;
use crate::connection::time_out::within;
use crate::server::endpoint::WsEndpoint;

/// Factory of connections to one WebSocket server.
#[derive(Debug)]
pub(crate) struct WsConnector {
    pub(crate) endpoint: WsEndpoint,
    /// Time-out of connecting by TCP, and as much again for the upgrade to a WebSocket.
    pub(crate) timeout: Duration,
    /// Sizes of the messages.
    pub(crate) sizes: MessageSizes,
}

/// Open WebSocket connection to a server that should echo messages.
#[derive(Debug)]
pub(crate) struct WsConnection {
    socket: ClientSession<TcpStream>,
    messages: MessageSource,
    /// True if, since the last message was sent, the server has sent a message that is no echo of
    /// this connection's messages.
    has_foreign: bool,
    traffic: Traffic,
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
        let stream = within(self.timeout, tcp)
            .await
            .ok_or_else(|| late(failure::TCP_TIMEOUT, "no TCP connection"))?
            .map_err(|error| failure::from_io(&error))?;
        timestamps.phase_ended();
        let stream = AnswerHead::new(stream);
        let config = socket::load_config(self.sizes.most());
        let upgrade = client_async_with_config(self.endpoint.uri.clone(), stream, Some(config));
        let (socket, _) = within(self.timeout, upgrade)
            .await
            .ok_or_else(|| late(failure::UPGRADE_TIMEOUT, "no answer to the upgrade"))?
            .map_err(|error| failure::from_upgrade(&error))?;
        timestamps.done();
        let (stream, received) = socket.into_inner().into_parts();
        Ok(WsConnection {
            socket: ClientSession::new(stream, received, config),
            messages: MessageSource::new(id.0, self.sizes),
            has_foreign: false,
            traffic: Traffic::default(),
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
    fn queue(&mut self) -> Result<(), Failure> {
        self.has_foreign = false;
        let message = self.messages.next();
        self.traffic.sent += 1;
        self.traffic.sent_bytes += message.len() as u64;
        self.socket.queue(Message::Binary(message))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.socket.poll_flush(context)
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Failure>> {
        let next = self.socket.poll_next(context);
        next.map(|next| next.map(|message| self.received(message)))
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn unanswered(&self, timeout: Duration) -> Failure {
        if let Some(reason) = self.socket.reason_for_silence(timeout) {
            return reason;
        }
        let bound = humantime::format_duration(timeout);
        if self.has_foreign {
            let text = format!("no echo within {bound}, but something that had not been sent");
            return Failure::new(failure::WRONG_ECHO, &text);
        }
        Failure::new(failure::ECHO_TIMEOUT, &format!("no echo within {bound}"))
    }

    async fn close(self) {
        self.socket.close().await;
    }
}

impl WsConnection {
    fn received(&mut self, message: Message) -> Incoming {
        match message {
            // The session answers pings and close frames by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                Incoming::Other
            }
            Message::Binary(_) | Message::Text(_) => {
                let echo = message.into_data();
                self.traffic.received += 1;
                self.traffic.received_bytes += echo.len() as u64;
                match self.messages.kind(&echo) {
                    EchoKind::Of(number) => Incoming::Answer(number),
                    EchoKind::Foreign => {
                        self.has_foreign = true;
                        Incoming::Unmatched
                    }
                    EchoKind::Changed => {
                        let text = "the answer was not what had been sent";
                        Incoming::Wrong(Failure::new(failure::WRONG_ECHO, text))
                    }
                }
            }
        }
    }
}

/// Sends one message and waits for its echo, without a time-out. Fails if the connection ends or
/// the echo is wrong; other messages are skipped.
pub(crate) async fn exchange_echo(connection: &mut WsConnection) -> Result<(), Failure> {
    connection.queue()?;
    poll_fn(|context| connection.poll_flush(context)).await?;
    loop {
        match poll_fn(|context| connection.poll_receive(context)).await? {
            Incoming::Answer(_) => return Ok(()),
            Incoming::Wrong(failure) => return Err(failure),
            Incoming::Unmatched | Incoming::Other => {}
        }
    }
}
