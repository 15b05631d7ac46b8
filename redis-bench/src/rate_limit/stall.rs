//! What a client does if Redis does not answer in time.

use std::time::Duration;

/// What a client does if Redis does not answer in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StallPolicy {
    /// Longest wait for a decision.
    pub(crate) patience: Duration,
    /// True if the client then admits the request itself, false if it refuses it.
    pub(crate) is_open: bool,
}
