//! Error of a reading that failed.

use std::path::PathBuf;

/// Reason for which a figure of the host or of a process could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file of `/proc` or `/sys` cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Path of the file that cannot be read.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file was read but lacks the expected content.
    #[error("{path} has no readable {wanted}", path = path.display())]
    Malformed {
        /// Path of the file that lacks the content.
        path: PathBuf,
        /// Name of the figures that the file lacks, for the message.
        wanted: &'static str,
    },
    /// The control group of the process is not below the hierarchy that is mounted here, because it
    /// belongs to another container or was removed.
    #[error("its control group is not in sight")]
    OutOfSight,
    /// This operating system, or the library that reads it, does not provide the figure. Holds the
    /// name of the figure or the reason.
    #[error("this system does not tell: {0}")]
    Unserved(String),
}
