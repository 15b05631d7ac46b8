//! Errors of parsing an address and of connecting.

use std::time::Duration;

use tokio_postgres::error::SqlState;

/// Advice on the forms of an address.
const FORM: &str = "write postgres://user@host:5432/database, or host=… port=… user=… dbname=…";

/// Reason for which an address cannot be used. No message quotes a password.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// The scheme is that of another kind of server.
    #[error("{0:?} is no scheme of a PostgreSQL address; {FORM}")]
    Scheme(String),
    /// The text is neither a URL nor a keyword string. It is not shown, because it may be a
    /// password in the wrong place.
    #[error("the server's address is neither a URL nor a string of keywords; {FORM}")]
    NoAddress,
    /// The address is malformed, or has an unsupported parameter.
    #[error("{shown:?} cannot be used as a PostgreSQL address: {reason}")]
    Unreadable {
        /// Address, with everything masked that may be secret.
        shown: String,
        /// Message about the faulty part.
        reason: String,
    },
    /// The address names no host.
    #[error("{0:?} names no host, nor does PGHOST; {FORM}")]
    Host(String),
}

impl AddressError {
    /// Creates the error of an unknown scheme. The scheme is shown only if it has the form of one.
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
    /// Error of the driver.
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
    /// The server could not be reached in time, or did not complete the login in time.
    #[error("timeout: the server did not let us in within {} s (connect_timeout)", .0.as_secs())]
    TimedOut(Duration),
}

impl ConnectError {
    /// Returns the server's error code; `None` if the error is not from the server.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Driver(error) => error.code(),
            Self::TimedOut(_) => None,
        }
    }
}
