//! Cost of recording requests for the load generator itself, as a share of a core.

use load_engine::recording_cost_ns;
use serde::{Deserialize, Serialize};

use crate::verdict::BoundVerdict;

/// Largest expected share of one core, from 0 to 1, that recording takes at the measured rate.
pub(crate) const EXPECTED_CORE_RATIO: f64 = 0.02;

/// Cost of recording requests at the highest rate of the bench that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecorderCost {
    /// Time in nanoseconds that recording one request takes, for the most expensive kind: a success
    /// with every timestamp.
    pub(crate) ns_per_record: f64,
    /// Highest median throughput of `db-pool-bench` in these contests, in operations per second.
    pub(crate) operations_per_s: f64,
    /// Product of both as a share of one core, from 0; 1 is a whole core.
    pub(crate) core_ratio: f64,
    /// Share of one core below which the cost is as expected.
    pub(crate) expected_ratio: f64,
    /// Verdict on `core_ratio`: as expected if it is below `expected_ratio`.
    pub(crate) verdict: BoundVerdict,
}

impl RecorderCost {
    /// Measures the cost of recording one request, and calculates the share of a core at
    /// `operations_per_s`. `None` if the cost cannot be measured.
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
