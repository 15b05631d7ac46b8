//! Recorder of requests. Each thread records into a shard of its own; the shards are merged only
//! when results are read.
//!
//! Tasks move between threads, so a task records into the shard of the thread on which its request
//! finishes. The shard's mutex is then uncontended, and never held across an await.

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
use super::shard::{MOST_BY_INTERVAL, SegmentTally, Shard};
use super::timestamps::Timestamps;
use super::traced_request::TracedRequest;
use super::within::Within;
use crate::plan::segments::SegmentIndex;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Makes the calling thread record into shard `index`. Threads that never call this use shard 0; a
/// recorder with fewer shards uses its last one.
pub(crate) fn claim_shard(index: usize) {
    SHARD.set(index);
}

/// Measurements of a step or of one of its segments, merged over all threads.
#[derive(Debug)]
pub(crate) struct Measurements {
    /// Results by the operation's name; operations without requests are left out.
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Results by the part's name; parts that never ran are left out.
    pub(crate) parts: BTreeMap<String, Operation>,
    /// Mean times of the parts of successful requests' checkouts; `None` if no pool reported parts.
    pub(crate) checkout: Option<CheckoutParts>,
    /// Bounded sample of failures in the order of time, with at least one of each kind.
    pub(crate) failures: Vec<FailureSample>,
}

/// Recorder of the requests of one step, shared by all threads.
#[derive(Debug)]
pub(crate) struct Recorder {
    operations: OperationTable,
    parts: Vec<String>,
    shards: Vec<CachePadded<Mutex<Shard>>>,
    /// Number of requests that each thread began, by the time of their beginning; one entry per
    /// shard, in the same order.
    begun: Vec<BegunCounts>,
    /// State from which requests in flight are counted, kept from one interval to the next.
    memory: Mutex<CohortHistory>,
}

impl Recorder {
    /// Creates a recorder of requests on `operations` for `threads` threads, which claim the shards
    /// 1 to `threads`. All other threads use shard 0.
    pub(crate) fn new(operations: impl Into<OperationTable>, threads: usize) -> Self {
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

    /// Sets the names of the parts of requests. `Part::part` is an index into them.
    #[must_use]
    pub(crate) fn with_parts(mut self, parts: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.parts = parts.into_iter().map(|n| n.as_ref().to_owned()).collect();
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.parts = self.parts.len();
        }
        self
    }

    /// Makes stop rules ignore the failures for whose kinds `excused` returns true; `None` ignores
    /// none.
    #[must_use]
    pub(crate) fn with_excused(mut self, excused: Option<fn(&str) -> bool>) -> Self {
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.excused = excused;
        }
        self
    }

    /// Makes the recorder keep a record of every single request, for [`Recorder::take_trace`].
    #[must_use]
    pub(crate) fn with_trace(mut self) -> Self {
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.trace = Some(Vec::new());
        }
        self
    }

    /// Returns true if the recorder keeps a record of every single request.
    pub(crate) fn is_traced(&self) -> bool {
        self.shards.iter().any(|shard| lock(shard).trace.is_some())
    }

    /// Takes the records of all single requests since the last call, in the order in which they
    /// began. Empty unless the recorder was created with a trace.
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

    /// Counts a request as in flight from `begin_ns` (on `CLOCK_MONOTONIC`) until it is recorded.
    /// `begin_ns` is the instant at which the request was due, or in a closed loop started.
    pub(crate) fn begin(&self, begin_ns: u64) {
        self.begun[self.index()].count(begin_ns);
    }

    /// Records one finished request. `within` names the segments in whose results it counts; the
    /// intervals of the time chart count every request, also those of warm-up and drain.
    pub(crate) fn record(&self, timestamps: &Timestamps, outcome: &Outcome, within: Within) {
        let mut shard = self.shard();
        shard.record(&self.operations, timestamps, outcome, within);
    }

    /// Records the parts of one finished request. `within` names the segments in whose results they
    /// count.
    pub(crate) fn record_parts(&self, parts: &[Part], within: Within) {
        self.shard().record_parts(parts, within);
    }

    /// Records a request that was unfinished when the drain ended, or an arrival that no session
    /// took up (its start is 0), as censored in the results of `segment`. It counts for the
    /// operation in its timestamps, with its age at `now_ns` on `CLOCK_MONOTONIC`.
    pub(crate) fn record_censored(
        &self,
        timestamps: &Timestamps,
        segment: SegmentIndex,
        now_ns: u64,
    ) {
        self.shard()
            .record_censored(&self.operations, timestamps, segment, now_ns);
    }

    /// Counts a failure that happened outside the requests of the load. Stop rules count it; the
    /// results do not.
    pub(crate) fn note_failure(&self, failure: &Failure) {
        self.shard().note_failure(failure);
    }

    /// Takes the requests that finished since the last call, and the requests in flight now.
    pub(crate) fn take_interval(&self) -> Interval {
        self.take_interval_at(monotonic_ns())
    }

    pub(crate) fn take_interval_at(&self, now_ns: u64) -> Interval {
        let mut whole = Interval::new();
        let mut balance = InFlightBalance::new();
        let mut by_operation = [0; MOST_BY_INTERVAL];
        for shard in &self.shards {
            let mut shard = lock(shard);
            whole.add(&shard.interval);
            shard.interval.clear();
            let counts = std::mem::take(&mut shard.interval_operations);
            by_operation
                .iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
            balance.subtract(&shard.finished);
        }
        let names = self.operations.names();
        if (2..=MOST_BY_INTERVAL).contains(&names.len()) {
            // Two operations of one name count together, as in the results of the step.
            for (name, count) in names.into_iter().zip(by_operation) {
                *whole.operations.entry(name.into_owned()).or_default() += count;
            }
        }
        self.begun.iter().for_each(|begun| balance.add(begun));
        whole.in_flight = lock(&self.memory).in_flight(now_ns, &balance);
        whole
    }

    /// Merges all shards and segments. Returns the results by operation, without operations that
    /// had no requests, and a bounded sample of failures in the order of time with at least one of
    /// each kind. `measured_s` is the length in seconds over which throughput is calculated.
    pub(crate) fn collect(
        &self,
        measured_s: f64,
    ) -> (BTreeMap<String, Operation>, Vec<FailureSample>) {
        let whole = self.measurements(None, measured_s);
        (whole.operations, whole.failures)
    }

    /// Merges the shards into the measurements of the segment `of`, or of all segments if it is
    /// `None`. `seconds` is the measured time in seconds over which throughput is calculated.
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

    /// Returns the results by name of the part, merged over `segments`; parts that never ran are
    /// left out. Throughput is calculated over `seconds`.
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
