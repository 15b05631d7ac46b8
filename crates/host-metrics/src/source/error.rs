//! Failure to read a source.

use std::path::PathBuf;

/// Reason for which a reading is absent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file lacks the expected content.
    #[error("{path} has no readable {wanted}", path = path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Name of the missing figures.
        wanted: &'static str,
    },
    /// The control group of the process is not below the hierarchy that is mounted here: it belongs to
    /// another container, or was removed.
    #[error("its control group is not in sight")]
    OutOfSight,
    /// The library that reads this system does not provide the figure.
    #[error("this system does not tell: {0}")]
    Unserved(String),
}
