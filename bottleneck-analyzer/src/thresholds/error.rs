//! Reasons why thresholds cannot be used.

use std::path::PathBuf;

/// Reason why thresholds cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThresholdsError {
    /// The user's file cannot be read.
    #[error("cannot read the thresholds {path}: {source}", path = path.display())]
    Read {
        /// File that cannot be read.
        path: PathBuf,
        /// Error of the operating system on reading the file.
        source: std::io::Error,
    },
    /// A value of the file cannot be used: it is not TOML, has an unknown name or a wrong type, or
    /// nothing or everything would meet it.
    #[error("{path}:{line}: {reason}", path = path.display())]
    Refused {
        /// File with the error.
        path: PathBuf,
        /// Line of the error, counted from 1.
        line: usize,
        /// Description of the error in words.
        reason: String,
        /// Advice what to write instead.
        remedy: String,
    },
}

impl ThresholdsError {
    /// Returns the advice that is shown with the error.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Read { .. } => {
                "--thresholds with a file that can be read; --print-thresholds prints one to begin with"
                    .to_owned()
            }
            Self::Refused { remedy, .. } => remedy.clone(),
        }
    }
}
