//! Errors of raw samples.

use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;

/// Free space of a disk, in bytes, that is left for the report and for other programs.
pub(super) const LEFT_FREE_BYTES: u64 = 64 << 20;

/// Reason why raw samples could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// The file cannot be created or written.
    #[error("cannot write raw samples to {path}: {source}", path = path.display())]
    Write {
        /// File that cannot be created or written.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The disk has too little free space.
    #[error(
        "no more raw samples are written to {path}: {left} MiB are left on its disk, of which the \
         last {least} are left free",
        path = path.display(),
        left = left_bytes >> 20,
        least = LEFT_FREE_BYTES >> 20,
    )]
    NearlyFull {
        /// File that was being written.
        path: PathBuf,
        /// Bytes of free space that this user may use.
        left_bytes: u64,
    },
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// File that cannot be opened or read.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file is no Arrow stream, or has other columns.
    #[error("{path} holds no raw samples of sysmon: {reason}", path = path.display())]
    NotSamples {
        /// File that has other content.
        path: PathBuf,
        /// Difference from a file of raw samples.
        reason: String,
    },
    /// The file has a version of the schema that this program does not know.
    #[error("{path} has schema {found:?}; this version reads {known:?}", path = path.display(), known = super::header::SCHEMA)]
    UnknownSchema {
        /// File of that version.
        path: PathBuf,
        /// Schema that the file names.
        found: String,
    },
    /// An old file of the recording could not be removed.
    #[error("cannot remove {path}: {source}", path = path.display())]
    Remove {
        /// File that could not be removed.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The system could not start a thread.
    #[error("cannot start the thread that writes raw samples: {0}")]
    Thread(io::Error),
    /// Rows could not be encoded for Arrow.
    #[error("cannot encode raw samples: {0}")]
    Encode(ArrowError),
}

impl StreamError {
    /// Returns true if the reason is a full or nearly full disk.
    pub(super) fn is_of_full_disk(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Self::Write { source, .. } => {
                matches!(source.kind(), FileTooLarge | QuotaExceeded | StorageFull)
            }
            other => matches!(other, Self::NearlyFull { .. }),
        }
    }
}
