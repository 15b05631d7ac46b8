//! What finished between two looks.

use bench_report::histogram::{HIGHEST_NS, Recording, recording};

/// All that finished since the last look, measured or not: for time charts and guards.
#[derive(Debug)]
pub struct Interval {
    /// Response times (call times in a closed loop) of successes; one significant digit less
    /// than a step's, so that taking it is cheap.
    pub latency: Recording,
    /// Hits that failed.
    pub failed: u64,
}

impl Interval {
    pub(crate) fn new() -> Self {
        let bounds = Recording::new_with_bounds(1, HIGHEST_NS, 2);
        Self {
            latency: bounds.unwrap_or_else(|_| recording()),
            failed: 0,
        }
    }

    /// Hits that succeeded.
    pub fn succeeded(&self) -> u64 {
        self.latency.len()
    }

    /// Adds what finished in another.
    pub(crate) fn add(&mut self, other: &Self) {
        // Equal bounds on both sides: adding cannot fail.
        let _ = self.latency.add(&other.latency);
        self.failed += other.failed;
    }
}
