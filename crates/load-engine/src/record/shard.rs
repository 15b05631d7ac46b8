//! Measurements of one thread in a step.

use bench_report::FailureSample;

use super::checkout_tally::CheckoutTally;
use super::cohort_counts::FinishedCounts;
use super::failure::Failure;
use super::failure_samples::FailureSamples;
use super::interval::Interval;
use super::operation_table::{OperationId, OperationTable};
use super::operation_tally::{OperationTally, gap};
use super::outcome::{Outcome, Part};
use super::part_tally::PartTally;
use super::timestamps::Timestamps;
use super::within::Within;

#[derive(Debug)]
pub(crate) struct Shard {
    /// By operation; absent where nothing was recorded.
    pub(crate) tallies: Vec<Option<Box<OperationTally>>>,
    pub(crate) parts: Vec<PartTally>,
    pub(crate) checkout: CheckoutTally,
    pub(crate) interval: Interval,
    pub(crate) failures: FailureSamples,
    pub(crate) finished: FinishedCounts,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            tallies: Vec::new(),
            parts: Vec::new(),
            checkout: CheckoutTally::default(),
            interval: Interval::new(),
            failures: FailureSamples::default(),
            finished: FinishedCounts::new(),
        }
    }

    pub(crate) fn record(
        &mut self,
        operations: &OperationTable,
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
        let Some(tally) = tally(&mut self.tallies, operations, outcome.operation) else {
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
        self.failures.offer(is_first, || {
            let operation = operations.name(outcome.operation).unwrap_or_default();
            sample(&operation, timestamps, failure)
        });
    }

    pub(crate) fn record_parts(&mut self, parts: &[Part], within: Within) {
        for part in parts {
            if let Some(tally) = self.parts.get_mut(part.part) {
                tally.record(part, within);
            }
        }
    }

    pub(crate) fn record_censored(
        &mut self,
        operations: &OperationTable,
        timestamps: &Timestamps,
        now_ns: u64,
    ) {
        let age_ns = gap(timestamps.begin_ns(), now_ns);
        self.finished.count(timestamps.begin_ns(), age_ns);
        if let Some(tally) = tally(&mut self.tallies, operations, timestamps.operation) {
            tally.censored += 1;
            tally.never_started += u64::from(timestamps.started_ns == 0);
            tally.lag(timestamps);
            tally.unfinished.record(age_ns);
        }
    }
}

/// Returns the tally of `id`, created where it is the first record; `None` where the table has no such
/// operation.
fn tally<'a>(
    tallies: &'a mut Vec<Option<Box<OperationTally>>>,
    operations: &OperationTable,
    id: OperationId,
) -> Option<&'a mut OperationTally> {
    let at = id.index();
    if tallies.get(at).is_none_or(Option::is_none) {
        add_tally(tallies, operations, id)?;
    }
    tallies[at].as_deref_mut()
}

#[cold]
fn add_tally(
    tallies: &mut Vec<Option<Box<OperationTally>>>,
    operations: &OperationTable,
    id: OperationId,
) -> Option<()> {
    operations.name(id)?;
    if tallies.len() <= id.index() {
        tallies.resize_with(id.index() + 1, || None);
    }
    tallies[id.index()] = Some(Box::default());
    Some(())
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
