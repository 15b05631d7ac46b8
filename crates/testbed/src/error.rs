//! Errors of finding, starting and ending throwaway servers.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Reason for which a throwaway server could not be found, started or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestbedError {
    /// The server is not installed in any of the places that were searched.
    #[error("{server} was not found in {searched}. {remedy}")]
    Missing {
        /// Name of the server, such as `PostgreSQL`.
        server: &'static str,
        /// Places that were searched, as text for the message.
        searched: String,
        /// Advice: packages to install, by package manager, and the environment variable that can
        /// name the location of an installed server.
        remedy: &'static str,
    },
    /// The server or a program that prepares it failed or exited before it was ready, or refused
    /// its options.
    #[error("{server} did not start: {reason}{}", quoted(log))]
    Start {
        /// Name of the server or of the program that prepares it.
        server: &'static str,
        /// Description of the failure, such as the exit status.
        reason: String,
        /// Last lines of the server's log; empty if it has none.
        log: String,
    },
    /// The server did not answer, or a program that prepares it did not exit, in time.
    #[error("{server} did not {what} within {waited:?}{}", quoted(log))]
    Timeout {
        /// Name of the server or of the program that prepares it.
        server: &'static str,
        /// Event that did not happen in time, as an infinitive, such as `answer`.
        what: &'static str,
        /// Time for which the event was awaited.
        waited: Duration,
        /// Last lines of the server's log; empty if it has none.
        log: String,
    },
    /// The operating system refused an action on a file, a program or the network.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Action that was refused, as an infinitive, such as `write`.
        action: &'static str,
        /// Path on which the action was attempted; for an action on the network, an address.
        path: PathBuf,
        /// Error that the operating system returned.
        source: io::Error,
    },
}

impl TestbedError {
    /// Returns a function for `map_err` that turns an I/O error into [`TestbedError::Io`] with this
    /// action (an infinitive) and its path.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

fn quoted(log: &str) -> String {
    if log.is_empty() {
        String::new()
    } else {
        format!("; the end of its log:\n{log}")
    }
}
