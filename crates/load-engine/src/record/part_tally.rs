//! Counts and histograms of one part of requests, as of one statement of a transaction.

use std::collections::BTreeMap;

use bench_report::histogram::{Recording, recording};
use bench_report::{Histogram, Operation};

use super::operation_tally::gap;
use super::outcome::Part;
use super::within::Within;

/// Counts and distributions of one part in one shard. Most parts never fail, so what failures
/// need is made with the first.
#[derive(Debug)]
pub(crate) struct PartTally {
    /// Successes whose request was done in the measured part, whenever it was due.
    carried: u64,
    errors: BTreeMap<String, u64>,
    call: Recording,
    failed: Option<Recording>,
}

impl PartTally {
    pub(crate) fn new() -> Self {
        Self {
            carried: 0,
            errors: BTreeMap::new(),
            call: recording(),
            failed: None,
        }
    }

    /// Records a part of a request that lies `within` the measured part.
    pub(crate) fn record(&mut self, part: &Part, within: Within) {
        if within.done && part.failure.is_none() {
            self.carried += 1;
        }
        if !within.due {
            return;
        }
        let took = gap(part.began_ns, part.ended_ns);
        let Some(kind) = &part.failure else {
            return self.call.saturating_record(took);
        };
        self.failed
            .get_or_insert_with(recording)
            .saturating_record(took);
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
        // Equal bounds on both sides: adding cannot fail.
        let _ = self.call.add(&other.call);
        if let Some(failed) = &other.failed {
            let _ = self.failed.get_or_insert_with(recording).add(failed);
        }
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
            call: Histogram::from_recording(&self.call),
            failed: self.failed.as_ref().and_then(Histogram::from_recording),
            ..Operation::default()
        }
    }
}
