//! Recording without waiting: a shard for each thread, merged off the hot path.
//!
//! Tasks migrate between threads, so a task records into the shard of the thread it is on when
//! its request is over. The shard's mutex is then uncontended and never held across an await.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_report::clock::monotonic_ns;
use bench_report::{CheckoutParts, FailureSample, Operation};
use crossbeam_utils::CachePadded;

use super::checkout_tally::CheckoutTally;
use super::cohort_counts::{BegunCounts, CohortHistory, InFlightBalance};
use super::failure::Failure;
use super::failure_samples::FailureSamples;
use super::interval::Interval;
use super::operation_table::{OperationId, OperationTable};
use super::operation_tally::OperationTally;
use super::outcome::{Outcome, Part};
use super::part_tally::PartTally;
use super::shard::{SegmentTally, Shard};
use super::timestamps::Timestamps;
use super::traced_request::TracedRequest;
use super::within::Within;
use crate::plan::segments::SegmentIndex;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Gives the calling thread a shard of its own; threads that never call this share shard 0.
pub fn claim_shard(index: usize) {
    SHARD.set(index);
}

/// Measurements of a step or of one of its segments, merged over all threads.
#[derive(Debug)]
pub(crate) struct Measurements {
    /// By operation, those without an arrival left out.
    pub(crate) operations: BTreeMap<String, Operation>,
    /// By part, those that never came left out.
    pub(crate) parts: BTreeMap<String, Operation>,
    /// Parts of the checkouts behind what succeeded.
    pub(crate) checkout: Option<CheckoutParts>,
    /// Bounded sample of failures, with one of each kind, in the order in which they happened.
    pub(crate) failures: Vec<FailureSample>,
}

/// Recorder of one step, for all threads.
#[derive(Debug)]
pub struct Recorder {
    operations: OperationTable,
    parts: Vec<String>,
    shards: Vec<CachePadded<Mutex<Shard>>>,
    /// Requests that each thread began: one entry for each shard.
    begun: Vec<BegunCounts>,
    /// History of the requests under way, kept from one interval to the next.
    memory: Mutex<CohortHistory>,
}

impl Recorder {
    /// A recorder for requests on `operations` by `threads` threads that claim shards 1..=threads;
    /// shard 0 is everybody else's.
    pub fn new(operations: impl Into<OperationTable>, threads: usize) -> Self {
        let shards = (0..=threads)
            .map(|_| CachePadded::new(Mutex::new(Shard::new())))
            .collect();
        Self {
            operations: operations.into(),
            parts: Vec::new(),
            shards,
            begun: (0..=threads).map(|_| BegunCounts::new()).collect(),
            memory: Mutex::new(CohortHistory::new()),
        }
    }

    /// Sets the names of the parts that requests consist of.
    #[must_use]
    pub(crate) fn with_parts(mut self, parts: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.parts = parts.into_iter().map(|n| n.as_ref().to_owned()).collect();
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.parts = self.parts.len();
        }
        self
    }

    /// Leaves failures of the kinds for which `excused` returns true out of what stop rules see.
    #[must_use]
    pub(crate) fn with_excused(mut self, excused: Option<fn(&str) -> bool>) -> Self {
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.excused = excused;
        }
        self
    }

    /// Keeps each request apart, for [`Recorder::take_trace`].
    #[must_use]
    pub(crate) fn with_trace(mut self) -> Self {
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.trace = Some(Vec::new());
        }
        self
    }

    /// Returns true if each request is kept apart.
    pub(crate) fn is_traced(&self) -> bool {
        self.shards.iter().any(|shard| lock(shard).trace.is_some())
    }

    /// Takes all requests that were traced, in the order in which they began.
    pub(crate) fn take_trace(&self) -> Vec<TracedRequest> {
        let shards = self.shards.iter();
        let traces = shards.filter_map(|shard| lock(shard).trace.as_mut().map(std::mem::take));
        let mut all: Vec<TracedRequest> = traces.flatten().collect();
        all.sort_by_key(|request| request.timestamps.begin_ns());
        all
    }

    fn index(&self) -> usize {
        SHARD.get().min(self.shards.len() - 1)
    }

    fn shard(&self) -> MutexGuard<'_, Shard> {
        lock(&self.shards[self.index()])
    }

    /// Counts a request as under way from `begin_ns` (when it was due, or else started) until it is
    /// recorded.
    pub fn begin(&self, begin_ns: u64) {
        self.begun[self.index()].count(begin_ns);
    }

    /// Records one finished request. `within` says what it counts for beside the time chart, which
    /// shows warm-up and drain too.
    pub fn record(&self, timestamps: &Timestamps, outcome: &Outcome, within: Within) {
        let mut shard = self.shard();
        shard.record(&self.operations, timestamps, outcome, within);
    }

    /// Records the parts of one finished request; `within` says what they count for.
    pub(crate) fn record_parts(&self, parts: &[Part], within: Within) {
        self.shard().record_parts(parts, within);
    }

    /// Records an arrival that was not over when the drain ended, or was never taken up (its start
    /// is 0). It counts for the operation that its timestamps name.
    pub(crate) fn record_censored(
        &self,
        timestamps: &Timestamps,
        segment: SegmentIndex,
        now_ns: u64,
    ) {
        self.shard()
            .record_censored(&self.operations, timestamps, segment, now_ns);
    }

    /// Counts a failure beside the load: stop rules see it, the result does not.
    pub(crate) fn note_failure(&self, failure: &Failure) {
        self.shard().note_failure(failure);
    }

    /// Takes what finished since the last call, and looks at what is under way.
    pub fn take_interval(&self) -> Interval {
        self.take_interval_at(monotonic_ns())
    }

    pub(crate) fn take_interval_at(&self, now_ns: u64) -> Interval {
        let mut whole = Interval::new();
        let mut balance = InFlightBalance::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            whole.add(&shard.interval);
            shard.interval.clear();
            balance.subtract(&shard.finished);
        }
        self.begun.iter().for_each(|begun| balance.add(begun));
        whole.in_flight = lock(&self.memory).in_flight(now_ns, &balance);
        whole
    }

    /// Merges all shards and segments: what came out by operation (those without an arrival left out),
    /// and a bounded sample of failures, with one of each kind, in the order in which they happened.
    pub fn collect(&self, measured_s: f64) -> (BTreeMap<String, Operation>, Vec<FailureSample>) {
        let whole = self.measurements(None, measured_s);
        (whole.operations, whole.failures)
    }

    /// Merges all shards: what was measured in the `seconds` of one segment, or of all of them.
    pub(crate) fn measurements(&self, of: Option<SegmentIndex>, seconds: f64) -> Measurements {
        let shards: Vec<_> = self.shards.iter().map(|shard| lock(shard)).collect();
        let tallies = || {
            shards.iter().flat_map(|shard| match of {
                None => shard.segments.as_slice(),
                Some(segment) => shard
                    .segments
                    .get(segment.index()..)
                    .map_or(&[][..], |from| &from[..from.len().min(1)]),
            })
        };
        let mut checkout = CheckoutTally::default();
        tallies().for_each(|tally| checkout.merge(&tally.checkout));
        Measurements {
            operations: self.operations(tallies(), seconds),
            parts: self.parts(tallies(), seconds),
            checkout: checkout.parts(),
            failures: FailureSamples::merged(tallies().map(|tally| &tally.failures)),
        }
    }

    fn operations<'a>(
        &self,
        segments: impl Iterator<Item = &'a SegmentTally>,
        seconds: f64,
    ) -> BTreeMap<String, Operation> {
        let mut whole: BTreeMap<OperationId, OperationTally> = BTreeMap::new();
        for segment in segments {
            for (index, tally) in segment.operations.iter().enumerate() {
                if let Some(tally) = tally {
                    let sum = whole.entry(OperationId::nth(index)).or_default();
                    sum.merge(tally);
                }
            }
        }
        let named = whole.iter().filter_map(|(id, tally)| {
            let name = self.operations.name(*id)?.into_owned();
            Some((name, tally.operation(seconds)))
        });
        named.filter(|(_, sum)| sum.attempted > 0).collect()
    }

    /// Merges the parts of requests; those that never came are left out.
    fn parts<'a>(
        &self,
        segments: impl Iterator<Item = &'a SegmentTally>,
        seconds: f64,
    ) -> BTreeMap<String, Operation> {
        let mut whole: Vec<PartTally> = self.parts.iter().map(|_| PartTally::default()).collect();
        for segment in segments {
            for (sum, tally) in whole.iter_mut().zip(&segment.parts) {
                sum.merge(tally);
            }
        }
        let named = self.parts.iter().zip(&whole);
        named
            .map(|(name, tally)| (name.clone(), tally.operation(seconds)))
            .filter(|(_, part)| part.attempted > 0)
            .collect()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
