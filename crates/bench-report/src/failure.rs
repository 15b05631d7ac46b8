//! Failures that a step keeps as examples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One failure out of a bounded sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureSample {
    /// When it was over, on the monotonic clock.
    pub at_ns: u64,
    /// The operation that failed.
    pub operation: String,
    /// The phase it failed in: `checkout` or `service`.
    pub phase: String,
    /// Its kind, as counted in `errors`.
    pub kind: String,
    /// What the driver said, secrets redacted.
    pub message: String,
    /// What the server added to its message: detail and hint, secrets redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The statement or command that failed, without values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}
