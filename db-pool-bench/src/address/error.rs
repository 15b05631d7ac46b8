//! Why an address cannot be used.

/// How an address is written.
const FORM: &str = "write postgres://user@host:5432/database, or host=… port=… user=… dbname=…";

/// Reasons why an address is none.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Another kind of server.
    #[error("{0:?} is no scheme of a PostgreSQL address; {FORM}")]
    Scheme(String),
    /// Nothing that could be one. It is not shown: a password given in the wrong place looks like
    /// that.
    #[error("the server's address is neither a URL nor a string of keywords; {FORM}")]
    NoAddress,
    /// It cannot be read, or asks for what cannot be done.
    #[error("{shown:?} cannot be used as a PostgreSQL address: {reason}")]
    Unreadable {
        /// The address, without what may be secret.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It names no host.
    #[error("{0:?} names no host, nor does PGHOST; {FORM}")]
    Host(String),
}

impl AddressError {
    /// `scheme` is shown where it can be one.
    pub(super) fn of_scheme(scheme: &str) -> Self {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
        let bare = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
        if bare.chars().all(is_part) {
            Self::Scheme(scheme.to_owned())
        } else {
            Self::NoAddress
        }
    }
}
