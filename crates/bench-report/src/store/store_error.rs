//! Errors of writing and reading reports.

use std::path::PathBuf;

/// Reason for which a report could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or file cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file ends in the middle of its JSON.
    #[error("{path} is cut short: it ends at line {line} in the middle of its JSON", path = path.display())]
    Truncated {
        /// Path of the file.
        path: PathBuf,
        /// Number of the line, from 1, at which the file ends.
        line: usize,
    },
    /// The file is not JSON, or is not a document of the expected type.
    #[error("{path} is not a Plimsoll report: {reason}", path = path.display())]
    NotAReport {
        /// Path of the file.
        path: PathBuf,
        /// Description of the fault, with its path in the document, or with line and column.
        reason: String,
    },
    /// The file has a schema that this program does not know.
    #[error("{path} has schema {found:?}; this version reads {known:?}", path = path.display())]
    UnknownSchema {
        /// Path of the file.
        path: PathBuf,
        /// Schema that the file states.
        found: String,
        /// Schema that this program knows.
        known: &'static str,
    },
    /// The document could not be read back, for example because a figure is not finite.
    #[error("refused to write {path}: it would not be readable again ({reason})", path = path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Description of the fault, with its place in the document.
        reason: String,
    },
}
