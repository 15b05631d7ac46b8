//! Measurement of the CPU time that recording costs the load generator.

use std::time::Instant;

use statistics::median;

use super::operation_table::OperationId;
use super::outcome::Outcome;
use super::recorder::{Recorder, claim_shard};
use super::timestamps::Timestamps;
use super::within::Within;

const OPERATIONS: &[&str] = &["select"];
const BATCHES: usize = 15;
/// Number of requests recorded in one timed batch; a power of two.
const RECORDS_PER_BATCH: usize = 1 << 15;
const KINDS: usize = 1 << 10;

/// Measures the time in nanoseconds that a thread takes to record one request of the most expensive
/// kind, a success with every timestamp: the median over 15 batches, so never `None`. Leaves the
/// calling thread with shard 0.
pub fn recording_cost_ns() -> Option<f64> {
    let recorder = Recorder::new(OPERATIONS, 1);
    claim_shard(1);
    let (requests, outcome) = (requests(), Outcome::success(OperationId::FIRST));
    let batch = || {
        let begun = Instant::now();
        for n in 0..RECORDS_PER_BATCH {
            recorder.record(&requests[n % KINDS], &outcome, Within::WHOLLY);
        }
        begun.elapsed().as_nanos() as f64 / RECORDS_PER_BATCH as f64
    };
    let batches: Vec<f64> = (0..BATCHES).map(|_| batch()).collect();
    claim_shard(0);
    median(&batches)
}

/// Creates timestamps of requests whose parts last from some microseconds to some hundred
/// microseconds, so that they fall into many buckets, like those of a real step.
fn requests() -> Vec<Timestamps> {
    let length = |seed: u64| 2_000 << (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 & 7);
    (0..KINDS as u64)
        .map(|n| {
            let (due_ns, released_ns) = (1_000_000, 1_000_000 + length(n));
            let started_ns = released_ns + length(n + 1) + n;
            let acquired_ns = started_ns + length(n + 2) + n;
            Timestamps {
                due_ns,
                released_ns,
                started_ns,
                acquired_ns,
                done_ns: acquired_ns + length(n + 3) + n,
                ..Timestamps::default()
            }
        })
        .collect()
}
