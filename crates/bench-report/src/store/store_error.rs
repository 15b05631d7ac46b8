//! Errors of writing and reading reports.

use std::path::{Path, PathBuf};

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
    /// The path leads to a pipe, a device or another file whose reading may never end.
    #[error("{path} is {kind}, and only regular files are read", path = path.display())]
    NotAFile {
        /// Path of the file.
        path: PathBuf,
        /// Kind of the file, as in `a pipe`.
        kind: &'static str,
    },
    /// The file is larger than what is read.
    #[error(
        "{path} is larger than {} MiB, the most that is read of one file",
        most / (1 << 20), path = path.display()
    )]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
        /// Largest number of bytes that is read.
        most: u64,
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

impl StoreError {
    /// Returns the path of the file or directory that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Write { path, .. }
            | Self::Read { path, .. }
            | Self::NotAFile { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Truncated { path, .. }
            | Self::NotAReport { path, .. }
            | Self::UnknownSchema { path, .. }
            | Self::Unreadable { path, .. } => path,
        }
    }
}
