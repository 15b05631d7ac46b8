//! Failure to read a source.

use std::path::PathBuf;

/// Reason for which a reading is absent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file at fault.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file does not say what it should.
    #[error("{path} has no readable {wanted}", path = path.display())]
    Malformed {
        /// The file at fault.
        path: PathBuf,
        /// Name of the missing figures.
        wanted: &'static str,
    },
    /// The library that serves this system gives no figure.
    #[error("this system does not tell: {0}")]
    Unserved(String),
}
