//! Samples of the failures of a step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the failures of a step that are kept as samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureSample {
    /// Instant at which the request failed, in nanoseconds on the host's monotonic clock
    /// (`CLOCK_MONOTONIC`).
    pub at_ns: u64,
    /// Name of the operation that failed.
    pub operation: String,
    /// Phase in which the request failed, such as `checkout`, `service` or one that the operation
    /// names.
    pub phase: String,
    /// Kind of the failure, as counted in `errors` of the operation.
    pub kind: String,
    /// Error message of the driver or the server, with secrets masked.
    pub message: String,
    /// Detail and hint that the server sent with its error, with secrets masked; absent if it sent
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Statement or command that failed, without the values in it; absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

impl FailureSample {
    /// Largest number of failures of a step that are kept as samples. The first one of each kind
    /// is kept beyond that.
    pub const KEPT: usize = 32;
}
