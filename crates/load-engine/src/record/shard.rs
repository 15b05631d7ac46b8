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
use crate::plan::segments::SegmentIndex;

/// Tallies of one segment by operation; absent where nothing was recorded.
pub(crate) type SegmentTallies = Vec<Option<Box<OperationTally>>>;

/// Records of one thread.
#[derive(Debug)]
pub(crate) struct Shard {
    /// By measured segment.
    pub(crate) segments: Vec<SegmentTallies>,
    pub(crate) parts: Vec<PartTally>,
    pub(crate) checkout: CheckoutTally,
    pub(crate) interval: Interval,
    pub(crate) failures: FailureSamples,
    pub(crate) finished: FinishedCounts,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            segments: Vec::new(),
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
        let id = outcome.operation;
        if let Some(done) = within.done.filter(|_| outcome.failure.is_none())
            && let Some(tally) = tally(&mut self.segments, operations, done, id)
        {
            tally.carried += 1;
        }
        let due = within.due;
        let Some(tally) = due.and_then(|due| tally(&mut self.segments, operations, due, id)) else {
            return;
        };
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
        let phase = tally.failed_phase(timestamps);
        self.failures.offer(is_first, || {
            let operation = operations.name(outcome.operation).unwrap_or_default();
            sample(&operation, phase, timestamps.done_ns, failure)
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
        segment: SegmentIndex,
        now_ns: u64,
    ) {
        let age_ns = gap(timestamps.begin_ns(), now_ns);
        self.finished.count(timestamps.begin_ns(), age_ns);
        if let Some(tally) = tally(
            &mut self.segments,
            operations,
            segment,
            timestamps.operation,
        ) {
            tally.censored += 1;
            tally.never_started += u64::from(timestamps.started_ns == 0);
            tally.lag(timestamps);
            tally.unfinished.record(age_ns);
        }
    }
}

/// Returns the tally of `id` in `segment`, created where it is the first record; `None` where the table
/// has no such operation.
fn tally<'a>(
    segments: &'a mut Vec<SegmentTallies>,
    operations: &OperationTable,
    segment: SegmentIndex,
    id: OperationId,
) -> Option<&'a mut OperationTally> {
    let is_new = |tallies: &SegmentTallies| tallies.get(id.index()).is_none_or(Option::is_none);
    if segments.get(segment.index()).is_none_or(is_new) {
        add_tally(segments, operations, segment, id)?;
    }
    segments[segment.index()][id.index()].as_deref_mut()
}

#[cold]
fn add_tally(
    segments: &mut Vec<SegmentTallies>,
    operations: &OperationTable,
    segment: SegmentIndex,
    id: OperationId,
) -> Option<()> {
    let phases = operations.phases(id)?;
    if segments.len() <= segment.index() {
        segments.resize_with(segment.index() + 1, Vec::new);
    }
    let tallies = &mut segments[segment.index()];
    if tallies.len() <= id.index() {
        tallies.resize_with(id.index() + 1, || None);
    }
    tallies[id.index()] = Some(Box::new(OperationTally::new(phases)));
    Some(())
}

/// Masks the secrets of the texts: only what is kept pays for it.
fn sample(operation: &str, phase: &str, at_ns: u64, failure: &Failure) -> FailureSample {
    FailureSample {
        at_ns,
        operation: operation.to_owned(),
        phase: phase.to_owned(),
        kind: failure.kind.to_string(),
        message: failure.message.to_string(),
        detail: failure.detail.as_ref().map(ToString::to_string),
        statement: failure.statement.clone(),
    }
}
