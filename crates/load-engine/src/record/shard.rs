//! Measurements that one thread records in a step.

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
use super::traced_request::TracedRequest;
use super::within::Within;
use crate::plan::segments::SegmentIndex;

/// Largest number of operations of a step whose successful requests are counted by interval.
pub(crate) const MOST_BY_INTERVAL: usize = 8;

/// Measurements that one thread recorded for one segment of a step.
#[derive(Debug, Default)]
pub(crate) struct SegmentTally {
    /// Counts of each operation, by its position in the table; `None` if nothing was recorded for
    /// it.
    pub(crate) operations: Vec<Option<Box<OperationTally>>>,
    pub(crate) parts: Vec<PartTally>,
    pub(crate) checkout: CheckoutTally,
    pub(crate) failures: FailureSamples,
}

/// Measurements that one thread records in a step, by segment and for the current interval.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Measurements of each segment, by its number, up to the last one in which something was
    /// recorded.
    pub(crate) segments: Vec<SegmentTally>,
    /// Number of parts that requests can have; a part with this index or a higher one is not
    /// recorded.
    pub(crate) parts: usize,
    pub(crate) interval: Interval,
    /// Number of successful requests of the interval by operation, for the first operations of the
    /// table.
    pub(crate) interval_operations: [u64; MOST_BY_INTERVAL],
    pub(crate) finished: FinishedCounts,
    /// Returns true for the kinds of failures that stop rules ignore; `None` if they ignore none.
    pub(crate) excused: Option<fn(&str) -> bool>,
    /// Records of single requests in the order in which they finished; `None` if the recorder keeps
    /// none.
    pub(crate) trace: Option<Vec<TracedRequest>>,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            segments: Vec::new(),
            parts: 0,
            interval: Interval::new(),
            interval_operations: [0; MOST_BY_INTERVAL],
            finished: FinishedCounts::new(),
            excused: None,
            trace: None,
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
            None => {
                self.interval.record(felt);
                let index = outcome.operation.index();
                if let Some(count) = self.interval_operations.get_mut(index) {
                    *count += 1;
                }
                if within.began_earlier {
                    self.interval.record_earlier(felt);
                }
            }
            Some(failure) => {
                self.interval.failed += 1;
                self.interval.excused += u64::from(self.is_excused(failure));
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.push(TracedRequest {
                segment: within.due.map(SegmentIndex::index),
                timestamps: *timestamps,
                retries: outcome.retries,
                failure: outcome.failure.as_deref().cloned(),
                cut_off: false,
            });
        }
        let id = outcome.operation;
        if let Some(done) = within.done.filter(|_| outcome.failure.is_none())
            && let Some(tally) = self.segment(done).operation(operations, id)
        {
            tally.carried += 1;
        }
        let Some(due) = within.due else { return };
        let segment = self.segment(due);
        let Some(tally) = segment.operation(operations, id) else {
            return;
        };
        tally.retries += outcome.retries;
        tally.lag(timestamps);
        let Some(failure) = &outcome.failure else {
            tally.success(timestamps);
            return segment.checkout.add(timestamps);
        };
        let is_first = tally.failure(&failure.kind, felt);
        let phase = tally.failed_phase(timestamps);
        segment.failures.offer(is_first, || {
            let operation = operations.name(outcome.operation).unwrap_or_default();
            sample(&operation, phase, timestamps.done_ns, failure)
        });
    }

    pub(crate) fn record_parts(&mut self, parts: &[Part], within: Within) {
        let count = self.parts;
        for part in parts.iter().filter(|part| part.part < count) {
            if let Some(done) = within.done.filter(|_| part.failure.is_none()) {
                self.segment(done).part(part.part).carried += 1;
            }
            if let Some(due) = within.due {
                self.segment(due).part(part.part).record(part);
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
        if let Some(trace) = &mut self.trace {
            trace.push(TracedRequest {
                segment: Some(segment.index()),
                timestamps: Timestamps {
                    done_ns: now_ns,
                    ..*timestamps
                },
                retries: 0,
                failure: None,
                cut_off: true,
            });
        }
        let segment = self.segment(segment);
        if let Some(tally) = segment.operation(operations, timestamps.operation) {
            tally.censored += 1;
            tally.never_started += u64::from(timestamps.started_ns == 0);
            tally.lag(timestamps);
            tally.unfinished.record(age_ns);
        }
    }

    /// Counts a failure that happened outside the requests of the load. Stop rules count it unless
    /// its kind is excused; the results do not include it.
    pub(crate) fn note_failure(&mut self, failure: &Failure) {
        self.interval.beside += u64::from(!self.is_excused(failure));
    }

    fn is_excused(&self, failure: &Failure) -> bool {
        self.excused
            .is_some_and(|is_excused| is_excused(&failure.kind))
    }

    /// Returns the measurements of `segment`, created on first use.
    fn segment(&mut self, segment: SegmentIndex) -> &mut SegmentTally {
        if self.segments.len() <= segment.index() {
            self.add_segments(segment);
        }
        &mut self.segments[segment.index()]
    }

    #[cold]
    fn add_segments(&mut self, last: SegmentIndex) {
        self.segments
            .resize_with(last.index() + 1, SegmentTally::default);
    }
}

impl SegmentTally {
    /// Returns the counts of operation `id`, created on first use; `None` if the table `operations`
    /// has no such operation.
    fn operation(
        &mut self,
        operations: &OperationTable,
        id: OperationId,
    ) -> Option<&mut OperationTally> {
        let known = self.operations.get(id.index());
        if known.is_none_or(Option::is_none) {
            self.add_operation(operations, id)?;
        }
        self.operations[id.index()].as_deref_mut()
    }

    #[cold]
    fn add_operation(&mut self, operations: &OperationTable, id: OperationId) -> Option<()> {
        let phases = operations.phases(id)?;
        if self.operations.len() <= id.index() {
            self.operations.resize_with(id.index() + 1, || None);
        }
        self.operations[id.index()] = Some(Box::new(OperationTally::new(phases)));
        Some(())
    }

    /// Returns the counts of the part at `index`, counted from 0; created on first use.
    fn part(&mut self, index: usize) -> &mut PartTally {
        if self.parts.len() <= index {
            self.parts.resize_with(index + 1, PartTally::default);
        }
        &mut self.parts[index]
    }
}

/// Creates a failure sample in which the secrets in message and detail are masked. Masking is slow,
/// so it is done only for samples that are kept. `at_ns` is the instant on `CLOCK_MONOTONIC`.
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
