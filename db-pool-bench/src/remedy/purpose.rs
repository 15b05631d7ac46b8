//! Purposes of statements and connections, on which the remedy for a failure depends.

/// Purpose of the statement or the connection that failed, on which the remedy depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Connecting to the server and logging in.
    Connecting,
    /// Creating and filling the tables of a run.
    Making,
    /// Verifying the statements of a workload.
    Checking,
    /// Dropping what the run created.
    Removing,
    /// Reading the server's statistics.
    Watching,
}
