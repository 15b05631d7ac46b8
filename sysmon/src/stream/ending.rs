//! End of a file of raw samples: closed, cut short or damaged.

/// End of a file of raw samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The file was closed: no sample is missing.
    Closed,
    /// The file was never closed and ends with a whole batch: the recorder was killed between two,
    /// or is still writing.
    Open,
    /// The file was never closed and its last batch is cut short: the recorder was killed while it
    /// wrote.
    Torn,
    /// The bytes after the last batch are invalid, for this reason.
    Damaged(String),
}
