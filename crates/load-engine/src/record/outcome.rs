//! Outcomes of requests and of their parts, as sessions report them.

use std::borrow::Cow;

use super::failure::Failure;
use super::operation_table::OperationId;

/// Outcome of one request: its operation, the number of retries, and the failure if it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Operation of the request, as an id of the target's table of operations.
    pub operation: OperationId,
    /// Number of attempts after the first one: 0 if the request was tried once.
    pub retries: u64,
    /// Reason of the failure; `None` if the request succeeded. Boxed to keep the outcome of a
    /// success small.
    pub failure: Option<Box<Failure>>,
}

impl Outcome {
    /// Creates the outcome of a successful request without retries.
    pub fn success(operation: OperationId) -> Self {
        Self {
            operation,
            retries: 0,
            failure: None,
        }
    }

    /// Creates the outcome of a failed request without retries.
    pub fn failed(operation: OperationId, failure: Failure) -> Self {
        Self {
            operation,
            retries: 0,
            failure: Some(Box::new(failure)),
        }
    }
}

/// One part of a request, such as a statement of a transaction. Parts have results of their own
/// beside those of the request's operation. They do not count as requests, so they add nothing to
/// throughput.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Position of the part's name in the target's list of parts, counted from 0.
    pub part: usize,
    /// Instant at which the part began, on `CLOCK_MONOTONIC`, in nanoseconds.
    pub began_ns: u64,
    /// Instant at which the part ended, on `CLOCK_MONOTONIC`, in nanoseconds.
    pub ended_ns: u64,
    /// Kind of the part's failure, as in [`Failure`]; `None` on success.
    pub failure: Option<Cow<'static, str>>,
}
