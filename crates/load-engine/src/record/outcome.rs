//! Outcomes of requests and of their parts.

use std::borrow::Cow;

use super::failure::Failure;
use super::operation_table::OperationId;

/// Outcome of one arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Operation of the target's table.
    pub operation: OperationId,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Absent on success; boxed, so that success stays small.
    pub failure: Option<Box<Failure>>,
}

impl Outcome {
    /// It did what it should.
    pub fn success(operation: OperationId) -> Self {
        Self {
            operation,
            retries: 0,
            failure: None,
        }
    }

    /// It failed.
    pub fn failed(operation: OperationId, failure: Failure) -> Self {
        Self {
            operation,
            retries: 0,
            failure: Some(Box::new(failure)),
        }
    }
}

/// A part of one arrival, as a statement of a transaction is; recorded beside its operation, of
/// which it is a share: parts add nothing to throughput.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Index into the names of the target's parts.
    pub part: usize,
    /// Instant at which it began, on `CLOCK_MONOTONIC`, in nanoseconds.
    pub began_ns: u64,
    /// Instant at which it was over.
    pub ended_ns: u64,
    /// Kind of its failure; absent on success.
    pub failure: Option<Cow<'static, str>>,
}
