//! Upgrade of a stream to a WebSocket (RFC 6455, 4.1), with its own checks of the server's answer.
//!
//! The library compares the header `Connection` as a whole, refuses a server that chooses none of the
//! subprotocols, and does not check extensions.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::connection::http_answer::{AnswerError, HttpAnswer, Refusal};
use crate::connection::shown_text::shown;
use crate::connection::upgrade_request::UpgradeRequest;

/// WebSocket to which a stream was upgraded.
#[derive(Debug)]
pub(crate) struct Upgraded<S> {
    /// Stream, on which frames follow.
    pub(crate) stream: S,
    /// Bytes that arrived together with the server's answer.
    pub(crate) received: Vec<u8>,
    /// Subprotocol that the server chose; `None` if it chose none.
    pub(crate) subprotocol: Option<String>,
}

/// Reason why a stream did not become a WebSocket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    /// The request could not be sent.
    #[error("{0}")]
    Send(#[source] io::Error),
    /// No answer of HTTP arrived.
    #[error("{0}")]
    Answer(#[source] AnswerError),
    /// The server answered with another status than 101.
    #[error("{0}")]
    Refused(#[source] Refusal),
    /// The answer is 101, but does not agree to a WebSocket as RFC 6455 demands.
    #[error("the server answered 101 {fault}")]
    Disagrees {
        /// What it lacks.
        fault: &'static str,
    },
    /// The answer does not prove that the server has read the request's key.
    #[error(
        "the server answered 101 with a Sec-WebSocket-Accept that does not belong to the request"
    )]
    AcceptKey,
    /// The server chose a subprotocol that was not offered.
    #[error("the server chose the subprotocol {chosen}, which was not offered")]
    Subprotocol {
        /// Subprotocol that it chose, as text that can be shown.
        chosen: String,
    },
    /// The server uses an extension that was not offered.
    #[error("the server uses the extension {name}, which was not offered")]
    Extension {
        /// Extension that it uses, as text that can be shown.
        name: String,
    },
}

/// Sends `request`, with the values of `row`, on `stream` and checks the answer. The caller bounds
/// the time.
///
/// # Errors
/// If the stream fails, or the server refuses or answers wrongly.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    request: &UpgradeRequest,
    row: &[String],
) -> Result<Upgraded<S>, UpgradeError> {
    let key = generate_key();
    let head = request.head(row, &key);
    let sent = stream.write_all(head.as_bytes()).await;
    sent.map_err(UpgradeError::Send)?;
    stream.flush().await.map_err(UpgradeError::Send)?;
    let answer = HttpAnswer::read(&mut stream).await;
    let answer = answer.map_err(UpgradeError::Answer)?;
    if answer.status != 101 {
        return Err(UpgradeError::Refused(answer.refusal(&mut stream).await));
    }
    let offered: Vec<_> = request.offered(row).collect();
    let subprotocol = agreed(&answer, &key, &offered)?;
    Ok(Upgraded {
        stream,
        received: answer.rest,
        subprotocol,
    })
}

/// Checks an answer with status 101 to a request with `key` and the `offered` subprotocols. Returns
/// the subprotocol that the server chose.
fn agreed(
    answer: &HttpAnswer,
    key: &str,
    offered: &[impl AsRef<str>],
) -> Result<Option<String>, UpgradeError> {
    let has = |name: &str, token: &str| answer.list(name).any(|t| t.eq_ignore_ascii_case(token));
    let demands = [
        (answer.is_http_11, "with another version than HTTP/1.1"),
        (
            has("Upgrade", "websocket"),
            "without the header Upgrade: websocket",
        ),
        (
            has("Connection", "Upgrade"),
            "without the header Connection: Upgrade",
        ),
    ];
    for (is_met, fault) in demands {
        if !is_met {
            return Err(UpgradeError::Disagrees { fault });
        }
    }
    if answer.header("Sec-WebSocket-Accept") != Some(&derive_accept_key(key.as_bytes())) {
        return Err(UpgradeError::AcceptKey);
    }
    if let Some(extension) = answer.list("Sec-WebSocket-Extensions").next() {
        return Err(UpgradeError::Extension {
            name: shown(extension.as_bytes()),
        });
    }
    let Some(chosen) = answer.header("Sec-WebSocket-Protocol") else {
        return Ok(None);
    };
    if chosen.is_empty() {
        return Ok(None);
    }
    if !offered.iter().any(|offer| offer.as_ref() == chosen) {
        return Err(UpgradeError::Subprotocol {
            chosen: shown(chosen.as_bytes()),
        });
    }
    Ok(Some(chosen.to_owned()))
}
