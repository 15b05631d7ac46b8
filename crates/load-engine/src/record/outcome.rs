//! Outcomes of requests and of their parts.

use std::borrow::Cow;

use super::failure::Failure;
use super::operation_table::OperationId;

/// Outcome of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Operation of the request, by its position in the target's table.
    pub operation: OperationId,
    /// Number of attempts after the first one.
    pub retries: u64,
    /// Reason of the failure; absent on success. Boxed to keep the outcome of a success small.
    pub failure: Option<Box<Failure>>,
}

impl Outcome {
    /// Creates the outcome of a successful request.
    pub fn success(operation: OperationId) -> Self {
        Self {
            operation,
            retries: 0,
            failure: None,
        }
    }

    /// Creates the outcome of a failed request.
    pub fn failed(operation: OperationId, failure: Failure) -> Self {
        Self {
            operation,
            retries: 0,
            failure: Some(Box::new(failure)),
        }
    }
}

/// One part of a request, such as a statement of a transaction. It has its own figures beside those
/// of the request's operation. Parts do not count as requests, so they add nothing to throughput.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Position of the part's name in the target's list of parts.
    pub part: usize,
    /// Instant at which the part began, on `CLOCK_MONOTONIC`, in nanoseconds.
    pub began_ns: u64,
    /// Instant at which the part ended, on `CLOCK_MONOTONIC`, in nanoseconds.
    pub ended_ns: u64,
    /// Kind of the part's failure; absent on success.
    pub failure: Option<Cow<'static, str>>,
}
