//! Why an address cannot be used.

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Another kind of server.
    #[error("{0:?} is no PostgreSQL address; write postgres://user@host:5432/database")]
    Scheme(String),
    /// No URL at all. It is not shown: a password given in the wrong place looks like that.
    #[error("the server's address is no URL; write postgres://user@host:5432/database")]
    NoUrl,
    /// It cannot be read, or asks for what cannot be done.
    #[error("{shown:?} cannot be used as a PostgreSQL address: {reason}")]
    Unreadable {
        /// The address, redacted.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It names no host.
    #[error("{0:?} names no host, as in postgres://user@host:5432/database, nor does PGHOST")]
    Host(String),
}
