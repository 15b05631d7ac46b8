//! Cost of recording for the load generator itself.

use load_engine::recording_cost_ns;
use serde::{Deserialize, Serialize};

use crate::verdict::BoundVerdict;

/// Largest share of a core that recording should take at the measured rate.
pub(crate) const EXPECTED_CORE_RATIO: f64 = 0.02;

/// Cost of recording at the highest rate that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecorderCost {
    /// Time in nanoseconds per record of the most expensive kind: a success with every phase.
    pub(crate) ns_per_record: f64,
    /// Highest rate of `db-pool-bench` in these contests, in operations per second.
    pub(crate) operations_per_s: f64,
    /// Product of both, as a share of one core.
    pub(crate) core_ratio: f64,
    /// Share below which the cost is as expected.
    pub(crate) expected_ratio: f64,
    /// Verdict on the share.
    pub(crate) verdict: BoundVerdict,
}

impl RecorderCost {
    /// Measures the cost of a record, and calculates the share at `operations_per_s`. `None` if it
    /// cannot be measured.
    pub(crate) fn measure(operations_per_s: f64) -> Option<Self> {
        Some(Self::at(recording_cost_ns()?, operations_per_s))
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
