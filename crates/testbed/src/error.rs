//! Errors when a throwaway server is found, started or ended.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Reason why a throwaway server could not be found, started or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestbedError {
    /// The server is not installed where we look for it.
    #[error("{server} was not found in {searched}. {remedy}")]
    Missing {
        /// The server's name, as people know it.
        server: &'static str,
        /// Places that were searched.
        searched: String,
        /// The package to install, by package manager, and the variable that names a location.
        remedy: &'static str,
    },
    /// The server, or a program that prepares it, ended before it was ready.
    #[error("{server} did not start: {reason}{}", quoted(log))]
    Start {
        /// The server's or the program's name.
        server: &'static str,
        /// Event, in words.
        reason: String,
        /// The last lines of its log; empty when it wrote none.
        log: String,
    },
    /// The server did not answer, or did not end, within its time.
    #[error("{server} did not {what} within {waited:?}{}", quoted(log))]
    Timeout {
        /// The server's or the program's name.
        server: &'static str,
        /// Event that was waited for, as an infinitive.
        what: &'static str,
        /// Time waited.
        waited: Duration,
        /// The last lines of its log; empty when it wrote none.
        log: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// Action that was tried, as an infinitive.
        action: &'static str,
        /// Path that it was done to.
        path: PathBuf,
        /// Reason of the failure.
        source: io::Error,
    },
}

impl TestbedError {
    /// An adapter for `map_err`: names what was tried and on what.
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
