//! Purposes of statements and connections.

/// Purpose of the statement or the connection that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Connecting and logging in.
    Connecting,
    /// Creating tables.
    Making,
    /// Verifying the statements of a workload.
    Checking,
    /// Dropping what was created.
    Removing,
    /// Reading the server's statistics.
    Watching,
}
