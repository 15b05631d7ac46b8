//! Errors of a connection of the bare protocol.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use tokio_postgres::fallible_iterator::FallibleIterator as _;

/// Reason for which a connection or a round trip of the bare protocol failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The server refused the login or the statement, with this error.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// No network connection could be established.
    #[error("error connecting to server: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke after it was established, or the server sent something unexpected.
    #[error("error communicating with the server: {0}")]
    Io(#[from] io::Error),
    /// The TLS handshake failed, or the server does not support TLS.
    #[error("error performing TLS handshake: {0}")]
    Tls(#[source] io::Error),
    /// The server requires a method of login that is not supported, or the settings lack something;
    /// the text is the whole message.
    #[error("{0}")]
    Login(&'static str),
}

/// Fields of an `ErrorResponse` message of the server; fields that are not needed are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerError {
    /// Severity in the server's language, such as `ERROR` or `FATAL`.
    pub(crate) severity: String,
    /// SQLSTATE code of five characters, such as `28P01`.
    pub(crate) code: String,
    /// Primary message, usually on one line.
    pub(crate) message: String,
    /// Secondary message with further details; `None` if the server sent none.
    pub(crate) detail: Option<String>,
    /// Suggestion for solving the problem; `None` if the server sent none.
    pub(crate) hint: Option<String>,
    /// Position of the error in the statement, in characters from 1; `None` if the server sent
    /// none.
    pub(crate) position: Option<u32>,
    /// Call stack at the error, one line for each level, the innermost first; `None` if the server
    /// sent none.
    pub(crate) context: Option<String>,
}

impl ServerError {
    /// Parses the bytes of a whole `ErrorResponse` message, tag and length included.
    ///
    /// # Errors
    /// Fails if `message` is incomplete, malformed or a different message.
    pub(super) fn parse(message: &[u8]) -> io::Result<Self> {
        match Message::parse(&mut BytesMut::from(message))? {
            Some(Message::ErrorResponse(body)) => Self::from_body(&body),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Reads the fields of an `ErrorResponse`; text that is not UTF-8 is replaced in part.
    ///
    /// # Errors
    /// Fails if the fields are malformed.
    pub(super) fn from_body(body: &ErrorResponseBody) -> io::Result<Self> {
        let mut error = Self::default();
        let mut fields = body.fields();
        while let Some(field) = fields.next()? {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'S' => error.severity = text,
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = text.parse().ok(),
                b'W' => error.context = Some(text),
                _ => {}
            }
        }
        Ok(error)
    }
}

/// Formats the error as tokio-postgres does: severity and message, then the detail and the hint on
/// lines of their own.
impl std::fmt::Display for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.severity, self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, "\nDETAIL: {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nHINT: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}
