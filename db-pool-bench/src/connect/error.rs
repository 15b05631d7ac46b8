//! Why no connection came about.

use std::time::Duration;

use tokio_postgres::error::SqlState;

/// Reasons why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What the driver said.
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
    /// The server let us in, or was being reached, and said nothing more.
    #[error("timeout: the server did not let us in within {} s (connect_timeout)", .0.as_secs())]
    TimedOut(Duration),
}

impl ConnectError {
    /// The server's own code, where it is the server that refused.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Driver(error) => error.code(),
            Self::TimedOut(_) => None,
        }
    }
}
