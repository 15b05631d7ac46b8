//! Errors of finding, starting and ending throwaway servers.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Reason for which a throwaway server could not be found, started or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestbedError {
    /// The server is not installed in any of the places that are searched.
    #[error("{server} was not found in {searched}. {remedy}")]
    Missing {
        /// Name of the server, as people know it.
        server: &'static str,
        /// Places that were searched.
        searched: String,
        /// Packages to install, by package manager, and the environment variable that names a
        /// location.
        remedy: &'static str,
    },
    /// The server, or a program that prepares it, ended before it was ready.
    #[error("{server} did not start: {reason}{}", quoted(log))]
    Start {
        /// Name of the server or program.
        server: &'static str,
        /// Description of the event.
        reason: String,
        /// Last lines of the log; empty if there are none.
        log: String,
    },
    /// The server did not answer, or did not end, in time.
    #[error("{server} did not {what} within {waited:?}{}", quoted(log))]
    Timeout {
        /// Name of the server or program.
        server: &'static str,
        /// Event that was waited for, as an infinitive.
        what: &'static str,
        /// Length of the wait.
        waited: Duration,
        /// Last lines of the log; empty if there are none.
        log: String,
    },
    /// The operating system refused an action.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Action, as an infinitive.
        action: &'static str,
        /// Path on which the action was attempted.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

impl TestbedError {
    /// Returns a function for `map_err` that adds the action and its path.
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
