//! Counts and histograms of one part of requests, such as one statement of a transaction.

use std::collections::BTreeMap;

use bench_report::Operation;

use super::lazy_histogram::LazyHistogram;
use super::operation_tally::gap;
use super::outcome::Part;

/// Counts of one part of requests in one segment on one thread, and histograms of its times in
/// nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct PartTally {
    /// Number of successful parts whose requests finished in the segment, even if they were due
    /// before it.
    pub(crate) carried: u64,
    errors: BTreeMap<String, u64>,
    call: LazyHistogram,
    failed: LazyHistogram,
}

impl PartTally {
    /// Records the duration of a part, and its failure if it failed. The part's request must have
    /// been due in the segment.
    pub(crate) fn record(&mut self, part: &Part) {
        let took = gap(part.began_ns, part.ended_ns);
        let Some(kind) = &part.failure else {
            return self.call.record(took);
        };
        self.failed.record(took);
        match self.errors.get_mut(kind.as_ref()) {
            Some(count) => *count += 1,
            None => drop(self.errors.insert(kind.to_string(), 1)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        self.call.merge(&other.call);
        self.failed.merge(&other.failed);
    }

    pub(crate) fn operation(&self, measured_s: f64) -> Operation {
        let (succeeded, failed) = (self.call.len(), self.errors.values().sum::<u64>());
        let throughput = self.carried as f64 / measured_s;
        Operation {
            attempted: succeeded + failed,
            succeeded,
            errors: self.errors.clone(),
            throughput_per_s: if throughput.is_finite() {
                throughput
            } else {
                0.0
            },
            call: self.call.histogram(),
            failed: self.failed.histogram(),
            ..Operation::default()
        }
    }
}
