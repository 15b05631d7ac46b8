//! Measurements of one thread in a step.

use bench_report::FailureSample;

use super::checkout_tally::CheckoutTally;
use super::cohort_counts::FinishedCounts;
use super::failure::Failure;
use super::failure_samples::FailureSamples;
use super::interval::Interval;
use super::operation_tally::{OperationTally, gap};
use super::outcome::{Outcome, Part};
use super::part_tally::PartTally;
use super::timestamps::Timestamps;
use super::within::Within;

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) tallies: Vec<OperationTally>,
    pub(crate) parts: Vec<PartTally>,
    pub(crate) checkout: CheckoutTally,
    pub(crate) interval: Interval,
    pub(crate) failures: FailureSamples,
    pub(crate) finished: FinishedCounts,
}

impl Shard {
    pub(crate) fn new(operations: usize, parts: usize) -> Self {
        Self {
            tallies: (0..operations).map(|_| OperationTally::default()).collect(),
            parts: (0..parts).map(|_| PartTally::default()).collect(),
            checkout: CheckoutTally::default(),
            interval: Interval::new(),
            failures: FailureSamples::default(),
            finished: FinishedCounts::new(),
        }
    }

    pub(crate) fn record(
        &mut self,
        operations: &[&str],
        timestamps: &Timestamps,
        outcome: &Outcome,
        within: Within,
    ) {
        let felt = gap(timestamps.begin_ns(), timestamps.done_ns);
        self.finished.count(timestamps.begin_ns(), felt);
        match &outcome.failure {
            None => self.interval.latency.saturating_record(felt),
            Some(_) => self.interval.failed += 1,
        }
        let Some(tally) = self.tallies.get_mut(outcome.operation) else {
            return;
        };
        if within.done && outcome.failure.is_none() {
            tally.carried += 1;
        }
        if !within.due {
            return;
        }
        tally.retries += outcome.retries;
        tally.lag(timestamps);
        let Some(failure) = &outcome.failure else {
            self.checkout.add(timestamps);
            return tally.success(timestamps);
        };
        tally.failed.record(felt);
        let known = tally.errors.get_mut(failure.kind.as_ref());
        let is_first = known.is_none();
        match known {
            Some(count) => *count += 1,
            None => drop(tally.errors.insert(failure.kind.to_string(), 1)),
        }
        let operation = operations[outcome.operation];
        let sample = || sample(operation, timestamps, failure);
        self.failures.offer(is_first, sample);
    }

    pub(crate) fn record_parts(&mut self, parts: &[Part], within: Within) {
        for part in parts {
            if let Some(tally) = self.parts.get_mut(part.part) {
                tally.record(part, within);
            }
        }
    }

    pub(crate) fn record_censored(&mut self, timestamps: &Timestamps, now_ns: u64) {
        let age_ns = gap(timestamps.begin_ns(), now_ns);
        self.finished.count(timestamps.begin_ns(), age_ns);
        if let Some(tally) = self.tallies.get_mut(timestamps.operation) {
            tally.censored += 1;
            tally.never_started += u64::from(timestamps.started_ns == 0);
            tally.lag(timestamps);
            tally.unfinished.record(age_ns);
        }
    }
}

/// Masks the secrets of the texts: only what is kept pays for it.
fn sample(operation: &str, timestamps: &Timestamps, failure: &Failure) -> FailureSample {
    let held = timestamps.acquired_ns > 0;
    FailureSample {
        at_ns: timestamps.done_ns,
        operation: operation.to_owned(),
        phase: if held { "service" } else { "call" }.to_owned(),
        kind: failure.kind.to_string(),
        message: failure.message.to_string(),
        detail: failure.detail.as_ref().map(ToString::to_string),
        statement: failure.statement.clone(),
    }
}
