//! Errors of reports on disk.

use std::path::PathBuf;

/// Reason why a report could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or file cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file at fault.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file at fault.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The file ends in the middle of its JSON.
    #[error("{path} is cut short: it ends at line {line} in the middle of its JSON", path = path.display())]
    Truncated {
        /// The file at fault.
        path: PathBuf,
        /// Its last line.
        line: usize,
    },
    /// The file is not JSON, or lacks what a report must have.
    #[error("{path} is not a Plimsoll report: {reason}", path = path.display())]
    NotAReport {
        /// The file at fault.
        path: PathBuf,
        /// Fault, with its JSON path, or with line and column.
        reason: String,
    },
    /// The file is of a schema that this version does not know.
    #[error("{path} has schema {found:?}; this version reads {known:?}", path = path.display())]
    UnknownSchema {
        /// The file at fault.
        path: PathBuf,
        /// Schema that it names.
        found: String,
        /// Schema that it must name.
        known: &'static str,
    },
    /// The document would not be readable again (a figure that is not finite).
    #[error("refused to write {path}: it would not be readable again ({reason})", path = path.display())]
    Unreadable {
        /// The file at fault.
        path: PathBuf,
        /// Place at which it fails.
        reason: String,
    },
}
