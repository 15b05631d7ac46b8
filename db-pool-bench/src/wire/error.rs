//! What can go wrong on a bare connection.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use tokio_postgres::fallible_iterator::FallibleIterator as _;

/// Reasons why a connection or a round trip failed.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The server said no.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// No connection came about.
    #[error("error connecting to server: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke.
    #[error("error communicating with the server: {0}")]
    Io(#[from] io::Error),
    /// TLS did not come about.
    #[error("error performing TLS handshake: {0}")]
    Tls(#[source] io::Error),
    /// The server asks for what a bare connection does not do, or the settings lack something.
    #[error("{0}")]
    Login(&'static str),
}

/// An `ErrorResponse`, with the fields that people are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerError {
    /// As in `ERROR` or `FATAL`.
    pub severity: String,
    /// SQLSTATE, as in `28P01`.
    pub code: String,
    /// One line.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// Command to run.
    pub hint: Option<String>,
    /// At which character of the statement, from 1.
    pub position: Option<u32>,
    /// Place where it happened, innermost first, a line each.
    pub context: Option<String>,
}

impl ServerError {
    /// Reads an `ErrorResponse`.
    ///
    /// # Errors
    /// Fails when `message` is none.
    pub(super) fn read(message: &[u8]) -> io::Result<Self> {
        match Message::parse(&mut BytesMut::from(message))? {
            Some(Message::ErrorResponse(body)) => Self::of(&body),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Reads the fields of `body`.
    ///
    /// # Errors
    /// Fails when they are no fields.
    pub(super) fn of(body: &ErrorResponseBody) -> io::Result<Self> {
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

/// In the words in which the other drivers show it.
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
