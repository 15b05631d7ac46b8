//! Errors of a bare connection.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use tokio_postgres::fallible_iterator::FallibleIterator as _;

/// Reasons why a connection or a round trip failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// The server refused the login or the statement.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The server could not be reached.
    #[error("error connecting to server: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke after it was established.
    #[error("error communicating with the server: {0}")]
    Io(#[from] io::Error),
    /// The TLS handshake failed.
    #[error("error performing TLS handshake: {0}")]
    Tls(#[source] io::Error),
    /// The server wants a method of login that is not supported, or the settings lack something.
    #[error("{0}")]
    Login(&'static str),
}

/// Fields of an `ErrorResponse` message that are shown to people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerError {
    /// Severity, such as `ERROR` or `FATAL`.
    pub(crate) severity: String,
    /// SQLSTATE, such as `28P01`.
    pub(crate) code: String,
    /// Primary message, on one line.
    pub(crate) message: String,
    /// Secondary message with further details.
    pub(crate) detail: Option<String>,
    /// Suggestion for solving the problem.
    pub(crate) hint: Option<String>,
    /// Position of the error in the statement, in characters from 1.
    pub(crate) position: Option<u32>,
    /// Call stack at the error: one line for each level, the innermost first.
    pub(crate) context: Option<String>,
}

impl ServerError {
    /// Parses an `ErrorResponse` message.
    ///
    /// # Errors
    /// Fails if `message` is another message.
    pub(super) fn parse(message: &[u8]) -> io::Result<Self> {
        match Message::parse(&mut BytesMut::from(message))? {
            Some(Message::ErrorResponse(body)) => Self::from_body(&body),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Reads the fields of `body`.
    ///
    /// # Errors
    /// Fails if they are malformed.
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

/// Formats the error as the other drivers do.
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
