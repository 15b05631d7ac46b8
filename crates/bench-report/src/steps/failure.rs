//! Failures that a step keeps as samples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the failures of a step that are kept as samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureSample {
    /// End of the request on the monotonic clock, in nanoseconds.
    pub at_ns: u64,
    /// Name of the operation that failed.
    pub operation: String,
    /// Phase in which the request failed, such as `checkout`, `service` or one that the operation
    /// names.
    pub phase: String,
    /// Kind of the failure, as counted in `errors`.
    pub kind: String,
    /// Error message of the driver, with secrets masked.
    pub message: String,
    /// Detail and hint that the server sent with its error, with secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Statement or command that failed, without the values in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

impl FailureSample {
    /// Largest number of failures kept as samples, apart from the first one of each kind.
    pub const KEPT: usize = 32;
}
