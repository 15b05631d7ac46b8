//! Connections of the load to a WebSocket server: opening one, sending a message, and recognizing
//! its echo.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use load_engine::{
    ConnectionFactory, ConnectionId, Failure, HeldConnection, HeldOperations, Incoming,
    OperationSpec, Timestamps, Traffic,
};
use tokio_tungstenite::tungstenite::Message;

use crate::connection::client_session::ClientSession;
use crate::connection::client_stream::ClientStream;
use crate::connection::echo::{EchoKind, MessageSource};
use crate::connection::failure;
use crate::connection::message_sizes::MessageSizes;
use crate::connection::opening::{OpenError, Phase, open};
use crate::connection::shown_text::shown;
use crate::connection::socket;
use crate::server::endpoint::WsEndpoint;
use crate::server::server_list::ServerList;

/// Largest part of an unexpected message that is kept, in bytes.
const MOST_KEPT_BYTES: usize = 320;

/// Factory of connections to the servers of a run, which take turns.
#[derive(Debug)]
pub(crate) struct WsConnector {
    /// Servers of the run.
    pub(crate) servers: ServerList,
    /// Time-out of each phase of opening a connection.
    pub(crate) timeout: Duration,
    /// Sizes of the messages.
    pub(crate) sizes: MessageSizes,
}

/// Open WebSocket connection to a server that should echo messages.
#[derive(Debug)]
pub(crate) struct WsConnection {
    socket: ClientSession<ClientStream>,
    server: Arc<WsEndpoint>,
    messages: MessageSource,
    /// True if the last message that was sent has not been answered.
    is_waiting: bool,
    /// Beginning of the first message that came while an echo was awaited, and that is no echo of
    /// this connection's messages; `None` if there is none.
    foreign: Option<Box<[u8]>>,
    traffic: Traffic,
}

impl WsConnector {
    /// Opens connection `id`, and records the end of each phase in `timestamps`. Returns it with the
    /// subprotocol that the server chose.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) async fn open(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> Result<(WsConnection, Option<String>), OpenError> {
        let (server, turn) = self.servers.turn(id.0);
        let source = server.source(turn);
        let opened = open(server, id.0, source, self.timeout, timestamps).await?;
        let config = socket::load_config(self.sizes.most());
        let connection = WsConnection {
            socket: ClientSession::new(opened.stream, opened.received, config),
            server: Arc::clone(server),
            messages: MessageSource::new(id.0, self.sizes),
            is_waiting: false,
            foreign: None,
            traffic: Traffic::default(),
        };
        Ok((connection, opened.subprotocol))
    }

    /// Converts the error of opening connection `id` to a failure, in which the server does not
    /// repeat what it was told in confidence.
    pub(crate) fn failure(&self, id: ConnectionId, error: &OpenError) -> Failure {
        let (server, _) = self.servers.turn(id.0);
        server.conceal(failure::from_open(error), id.0)
    }
}

impl ConnectionFactory for WsConnector {
    type Connection = WsConnection;

    fn operations(&self) -> HeldOperations {
        let phases = Phase::to_server(self.servers.first());
        HeldOperations {
            connect: OperationSpec::new("connect").with_phases(phases),
            message: OperationSpec::new("echo"),
            check: OperationSpec::new("check"),
        }
    }

    async fn connect(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> Result<WsConnection, Failure> {
        let opened = self.open(id, timestamps).await;
        let (connection, _) = opened.map_err(|error| self.failure(id, &error))?;
        Ok(connection)
    }
}

impl HeldConnection for WsConnection {
    fn queue(&mut self) -> Result<(), Failure> {
        self.is_waiting = true;
        self.foreign = None;
        let message = self.messages.next();
        self.traffic.sent += 1;
        self.traffic.sent_bytes += message.len() as u64;
        let queued = self.socket.queue(Message::Binary(message));
        queued.map_err(|failure| self.lost(failure))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let flushed = self.socket.poll_flush(context);
        flushed.map_err(|failure| self.lost(failure))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Failure>> {
        self.socket.poll_next(context).map(|next| {
            let received = next.map(|message| self.received(message));
            received.map_err(|failure| self.lost(failure))
        })
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn unanswered(&self, timeout: Duration) -> Failure {
        if let Some(reason) = self.socket.reason_for_silence(timeout) {
            return self.lost(reason);
        }
        let mut text = format!("no echo within {}", humantime::format_duration(timeout));
        if let Some(came) = &self.foreign {
            text += &format!(
                "; meanwhile the server sent something else: {}",
                shown(came)
            );
        }
        self.lost(Failure::new(failure::ECHO_TIMEOUT, &text))
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
                self.compared(&echo)
            }
        }
    }

    fn compared(&mut self, echo: &[u8]) -> Incoming {
        match self.messages.kind(echo) {
            EchoKind::Of(number) => {
                self.is_waiting = false;
                Incoming::Answer(number)
            }
            EchoKind::Foreign => {
                if self.is_waiting && self.foreign.is_none() {
                    self.foreign = Some(echo[..echo.len().min(MOST_KEPT_BYTES)].into());
                }
                Incoming::Unmatched
            }
            EchoKind::Changed => {
                let came = shown(echo);
                let text = format!("the answer was not what had been sent: {came}");
                Incoming::Wrong(self.lost(Failure::new(failure::WRONG_ECHO, &text)))
            }
        }
    }

    /// Masks in a failure what the connection has told the server.
    fn lost(&self, failure: Failure) -> Failure {
        self.server.conceal(failure, self.messages.connection())
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
