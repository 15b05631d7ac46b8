//! End of a file of raw samples: closed, cut short or damaged.

/// State in which the content of a file of raw samples ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The file was closed, so no sample is missing.
    Closed,
    /// The file was not closed, and ends with a complete batch: the recorder was killed between two
    /// batches, or it is still recording.
    Open,
    /// The file was not closed, and its last batch is incomplete: the recorder was killed while it
    /// was writing, or it is writing now.
    Torn,
    /// The bytes after the last valid batch are invalid; contains the reason.
    Damaged(String),
}
