//! Errors of parsing an address and of connecting.

use std::time::Duration;

use tokio_postgres::error::SqlState;

/// Advice on how to write an address.
const FORM: &str = "write postgres://user@host:5432/database, or host=… port=… user=… dbname=…";

/// Reason for which an address cannot be used. No message quotes a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The address has the scheme (here without `://`) of another kind of server.
    #[error("{0:?} is no scheme of a PostgreSQL address; {FORM}")]
    Scheme(String),
    /// The text is neither a URL nor a keyword string. The error does not contain it, because it
    /// may be a password in the wrong place.
    #[error("the server's address is neither a URL nor a string of keywords; {FORM}")]
    NoAddress,
    /// The address is malformed, has an unsupported parameter, or names a file that cannot be read.
    #[error("{shown:?} cannot be used as a PostgreSQL address: {reason}")]
    Unreadable {
        /// Address, with all that may be secret masked.
        shown: String,
        /// Message about the faulty part, without secrets.
        reason: String,
    },
    /// The address (here with secrets masked) names no host, and `PGHOST` is not set.
    #[error("{0:?} names no host, nor does PGHOST; {FORM}")]
    Host(String),
}

impl AddressError {
    /// Creates the error of an unknown scheme: [`AddressError::Scheme`], or
    /// [`AddressError::NoAddress`], which does not show it, if it has not the form of a scheme.
    pub(crate) fn from_scheme(scheme: &str) -> Self {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
        let bare = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
        if bare.chars().all(is_part) {
            Self::Scheme(scheme.to_owned())
        } else {
            Self::NoAddress
        }
    }
}

/// Reason for which a connection was not established.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Error of the driver tokio-postgres, which includes errors that the server sent.
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
    /// The server could not be reached, or did not complete the login, within this time.
    #[error("timeout: the server did not let us in within {} s (connect_timeout)", .0.as_secs())]
    TimedOut(Duration),
}

impl ConnectError {
    /// Returns the server's error code (SQLSTATE); `None` if the error was not sent by the server.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Driver(error) => error.code(),
            Self::TimedOut(_) => None,
        }
    }
}
