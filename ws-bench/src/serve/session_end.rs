//! End of a session, and the closing of its connection.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::client_stream::ClientSocket;
use super::counters::ClosedBy;
use super::options::{ClosingRules, NO_CLOSE_CODE, NO_CLOSE_FRAME};

/// Time-out of the closing of a connection: for the client's close frame, and for the client to
/// take what has still to be sent.
const CLOSE_BOUND: Duration = Duration::from_secs(10);
/// Close codes of clients that violate the protocol (RFC 6455, 7.4.1).
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_TEXT: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// Reason why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The client sent a close frame with this code (1005 for none), or ended the connection
    /// without one (1006).
    Client(u16),
    /// The server closes the connection by one of its rules.
    Rule,
    /// The server closes the connection with this code because the client violated the protocol.
    Violation(u16),
}

impl SessionEnd {
    /// The client ended the connection without a close frame.
    pub(crate) const LOST: Self = Self::Client(NO_CLOSE_FRAME);

    /// Returns the end that a close frame of the client means.
    pub(crate) fn from_close(frame: Option<&CloseFrame>) -> Self {
        Self::Client(frame.map_or(NO_CLOSE_CODE, |frame| frame.code.into()))
    }

    /// Returns the end that an error in receiving means.
    pub(crate) fn from_error(error: &Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::LOST,
            Error::Protocol(_) => Self::Violation(PROTOCOL_ERROR),
            Error::Utf8(_) => Self::Violation(INVALID_TEXT),
            Error::Capacity(_) => Self::Violation(TOO_BIG),
            _ => Self::LOST,
        }
    }

    /// Returns who closed the connection, with the close code.
    pub(crate) fn closed_by(self, rules: &ClosingRules) -> ClosedBy {
        match self {
            Self::Client(code) => ClosedBy::Client(code),
            Self::Rule => ClosedBy::Server(rules.code),
            Self::Violation(code) => ClosedBy::Server(code),
        }
    }

    /// Closes the connection: sends the close frame that is due and waits for that of the client,
    /// at most 10 s. The TCP connection stays open until `socket` is dropped.
    pub(crate) async fn close(self, socket: &mut ClientSocket, rules: &ClosingRules) {
        let closing = async {
            match self {
                // The answer to the client's close frame is sent by reading on.
                Self::Client(_) => drain(socket).await,
                Self::Rule => close_by_rule(socket, rules).await,
                Self::Violation(code) => fail(socket, code).await,
            }
        };
        let _ = timeout(CLOSE_BOUND, closing).await;
    }
}

async fn close_by_rule(socket: &mut ClientSocket, rules: &ClosingRules) {
    let frame = match rules.code {
        NO_CLOSE_FRAME => return,
        NO_CLOSE_CODE => None,
        code => Some(CloseFrame {
            code: code.into(),
            reason: rules.reason.as_str().into(),
        }),
    };
    if socket.close(frame).await.is_ok() {
        drain(socket).await;
    }
}

/// Fails the connection (RFC 6455, 7.1.7). What the client is still sending is read to its end:
/// otherwise the kernel would reset the connection, and the close frame might not arrive.
async fn fail(socket: &mut ClientSocket, code: u16) {
    let frame = CloseFrame {
        code: code.into(),
        reason: "".into(),
    };
    let stream_left = socket.close(Some(frame)).await.is_ok();
    let stream = socket.get_mut();
    if stream_left && stream.shutdown().await.is_ok() {
        let mut unread = [0; 1_024];
        while stream.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

async fn drain(socket: &mut ClientSocket) {
    while let Some(Ok(_)) = socket.next().await {}
}
