//! Cost of recording for the load generator itself.

use std::time::Instant;

use load_engine::{OperationId, Outcome, Recorder, Timestamps, Within, claim_shard};
use serde::{Deserialize, Serialize};
use statistics::median;

use crate::verdict::BoundVerdict;

/// Share of a core that recording may take at the measured rate.
pub(crate) const EXPECTED_CORE_RATIO: f64 = 0.02;
const OPERATIONS: &[&str] = &["select"];
const BATCHES: usize = 15;
/// A power of two.
const RECORDS_PER_BATCH: usize = 1 << 15;
const KINDS: usize = 1 << 10;

/// Cost of recording at the highest rate that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecorderCost {
    /// Time per record of the most expensive kind: a success with every phase.
    pub(crate) ns_per_record: f64,
    /// Highest rate of `db-pool-bench` in these contests.
    pub(crate) operations_per_s: f64,
    /// The product of both, as a share of one core.
    pub(crate) core_ratio: f64,
    /// Share below which it is as expected.
    pub(crate) expected_ratio: f64,
    /// Verdict on that share.
    pub(crate) verdict: BoundVerdict,
}

impl RecorderCost {
    /// Measures the cost of a record and relates it to `operations_per_s`; `None` where it cannot be
    /// measured.
    pub(crate) fn measure(operations_per_s: f64) -> Option<Self> {
        Some(Self::at(ns_per_record()?, operations_per_s))
    }

    fn at(ns_per_record: f64, operations_per_s: f64) -> Self {
        let core_ratio = ns_per_record * operations_per_s / 1e9;
        let verdict = BoundVerdict::from_good(core_ratio < EXPECTED_CORE_RATIO);
        Self {
            ns_per_record,
            operations_per_s,
            core_ratio,
            expected_ratio: EXPECTED_CORE_RATIO,
            verdict,
        }
    }
}

/// Median over some batches of records by one thread, as in the benches.
fn ns_per_record() -> Option<f64> {
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

/// Requests whose phases last from some microseconds to some milliseconds, so that they fall into as
/// many buckets as those of a real step.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_nanoseconds_at_a_hundred_thousand_a_second_are_a_hundredth_of_a_core() {
        let cost = RecorderCost::at(100.0, 100_000.0);
        assert!((cost.core_ratio - 0.01).abs() < 1e-12);
        assert_eq!(cost.verdict, BoundVerdict::AsExpected);
        assert_eq!(
            RecorderCost::at(100.0, 300_000.0).verdict,
            BoundVerdict::FallsShort
        );
    }

    #[test]
    fn a_measured_cost_is_that_of_the_given_rate() {
        let cost = RecorderCost::measure(500.0).unwrap();
        assert!((cost.operations_per_s - 500.0).abs() < 1e-9);
        assert!(cost.ns_per_record > 0.0);
    }
}
