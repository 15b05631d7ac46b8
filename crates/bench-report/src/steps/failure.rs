//! Failures that a step keeps as samples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One failure out of a bounded sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureSample {
    /// End of the request, on the monotonic clock.
    pub at_ns: u64,
    /// The operation that failed.
    pub operation: String,
    /// The phase it failed in: `checkout` or `service`.
    pub phase: String,
    /// Its kind, as counted in `errors`.
    pub kind: String,
    /// Message of the driver, secrets redacted.
    pub message: String,
    /// Detail and hint that the server added to its message, secrets redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The statement or command that failed, without values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

impl FailureSample {
    /// Number of failures that are kept as samples, beside the first of each kind.
    pub const KEPT: usize = 32;
}
