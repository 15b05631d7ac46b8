//! What recording costs the load generator itself.

use std::time::Instant;

use load_engine::{OperationId, Outcome, Recorder, Timestamps, Within, claim_shard};
use serde::{Deserialize, Serialize};
use statistics::median;

use crate::results::{ContestResult, Verdict};

/// Share of a core that recording may take at the measured rate.
pub const EXPECTED_CORE_RATIO: f64 = 0.02;
const OPERATIONS: &[&str] = &["select"];
const BATCHES: usize = 15;
/// A power of two.
const RECORDS_PER_BATCH: usize = 1 << 15;
const KINDS: usize = 1 << 10;

/// What recording costs at the highest rate that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecorderCost {
    /// Of a record of the most expensive kind: a success with every phase there is.
    pub ns_per_record: f64,
    /// The highest rate of `db-pool-bench` in these contests.
    pub operations_per_s: f64,
    /// The product of both, as a share of one core.
    pub core_ratio: f64,
    /// Below this it is as expected.
    pub expected_ratio: f64,
    /// Whether it is.
    pub verdict: Verdict,
}

impl RecorderCost {
    /// The cost of a record at the highest rate that `contests` saw of `program`; `None` where
    /// they saw none.
    pub fn of(program: &str, contests: &[ContestResult]) -> Option<Self> {
        let ours = contests.iter().filter(|contest| contest.ours == program);
        let rates = ours.filter_map(|contest| Some(contest.medians?.ours_operations_per_s));
        let operations_per_s = rates.max_by(f64::total_cmp)?;
        Some(Self::at(ns_per_record()?, operations_per_s))
    }

    fn at(ns_per_record: f64, operations_per_s: f64) -> Self {
        let core_ratio = ns_per_record * operations_per_s / 1e9;
        let verdict = Verdict::of(core_ratio < EXPECTED_CORE_RATIO);
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
    use crate::contest::{CARDS, Shot};
    use crate::pairs::Pair;
    use crate::results::Outcome;

    #[test]
    fn a_hundred_nanoseconds_at_a_hundred_thousand_a_second_are_a_hundredth_of_a_core() {
        let cost = RecorderCost::at(100.0, 100_000.0);
        assert!((cost.core_ratio - 0.01).abs() < 1e-12);
        assert_eq!(cost.verdict, Verdict::AsExpected);
        assert_eq!(
            RecorderCost::at(100.0, 300_000.0).verdict,
            Verdict::FallsShort
        );
    }

    #[test]
    fn it_is_reckoned_at_the_highest_rate_of_that_program() {
        let shot = |operations_per_s| Shot {
            operations_per_s,
            cpu_per_operation_ns: 1.0,
        };
        let result = |name: &str, rate| {
            let card = CARDS.iter().find(|card| card.name == name).unwrap();
            let pair = Pair {
                ours_first: true,
                ours: shot(rate),
                peer: shot(1.0),
            };
            ContestResult::of(card, Outcome::Measured, vec![pair])
        };
        let contests = [
            result("wire-2", 500.0),
            result("direct-2", 300.0),
            result("redis-multiplexed", 900.0),
        ];
        let cost = RecorderCost::of("db-pool-bench", &contests).unwrap();
        assert!((cost.operations_per_s - 500.0).abs() < 1e-9);
        assert!(cost.ns_per_record > 0.0);
        assert_eq!(RecorderCost::of("db-pool-bench", &contests[2..]), None);
    }
}
