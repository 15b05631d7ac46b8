//! Errors in writing and reading raw samples.

use std::io;
use std::path::PathBuf;

use arrow_schema::ArrowError;

/// Free space of a disk, in bytes, that raw samples leave for the report and for other programs.
pub(super) const LEFT_FREE_BYTES: u64 = 64 << 20;

/// Reason why raw samples could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// A file of raw samples cannot be created or written.
    #[error("cannot write raw samples to {path}: {source}", path = path.display())]
    Write {
        /// Path of the file that cannot be created or written.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The disk has too little free space to write more raw samples.
    #[error(
        "no more raw samples are written to {path}: {left} MiB are left on its disk, of which the \
         last {least} are left free",
        path = path.display(),
        left = left_bytes >> 20,
        least = LEFT_FREE_BYTES >> 20,
    )]
    NearlyFull {
        /// Path of the file that was to be written.
        path: PathBuf,
        /// Free space of the disk that this user may use, in bytes.
        left_bytes: u64,
    },
    /// A file of raw samples cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// Path of the file that cannot be opened or read.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file is no Arrow stream, or has other columns than raw samples of sysmon.
    #[error("{path} holds no raw samples of sysmon: {reason}", path = path.display())]
    NotSamples {
        /// Path of the file that has other content.
        path: PathBuf,
        /// Difference from a file of raw samples, as part of a sentence.
        reason: String,
    },
    /// The file has a version of the schema of raw samples that this program does not know.
    #[error("{path} has schema {found:?}; this version reads {known:?}", path = path.display(), known = super::header::SCHEMA)]
    UnknownSchema {
        /// Path of the file with that version.
        path: PathBuf,
        /// Schema that the file names, such as `plimsoll.samples/2`.
        found: String,
    },
    /// An old file of the recording, beyond the number of files to keep, could not be removed.
    #[error("cannot remove {path}: {source}", path = path.display())]
    Remove {
        /// Path of the file that could not be removed.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The system could not start the thread that writes raw samples.
    #[error("cannot start the thread that writes raw samples: {0}")]
    Thread(io::Error),
    /// Rows could not be encoded as an Arrow batch.
    #[error("cannot encode raw samples: {0}")]
    Encode(ArrowError),
}

impl StreamError {
    /// Returns true if the reason is a full or nearly full disk, a quota, or a limit on the size of
    /// files.
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
