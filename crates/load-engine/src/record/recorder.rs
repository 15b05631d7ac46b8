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
use super::failure_samples::FailureSamples;
use super::interval::Interval;
use super::operation_table::{OperationId, OperationTable};
use super::operation_tally::OperationTally;
use super::outcome::{Outcome, Part};
use super::part_tally::PartTally;
use super::shard::{SegmentTallies, Shard};
use super::timestamps::Timestamps;
use super::within::Within;
use crate::plan::segments::SegmentIndex;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Gives the calling thread a shard of its own; threads that never call this share shard 0.
pub fn claim_shard(index: usize) {
    SHARD.set(index);
}

/// Measurements of one step, by all threads.
#[derive(Debug)]
pub struct Recorder {
    operations: OperationTable,
    parts: Vec<String>,
    shards: Vec<CachePadded<Mutex<Shard>>>,
    /// As many as shards.
    begun: Vec<BegunCounts>,
    /// Of whoever takes intervals.
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
    pub fn with_parts(mut self, parts: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.parts = parts.into_iter().map(|n| n.as_ref().to_owned()).collect();
        for shard in &mut self.shards {
            let shard = shard.get_mut().unwrap_or_else(PoisonError::into_inner);
            shard.parts = self.parts.iter().map(|_| PartTally::default()).collect();
        }
        self
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
    pub fn record_parts(&self, parts: &[Part], within: Within) {
        self.shard().record_parts(parts, within);
    }

    /// Records an arrival that was not over when the drain ended, or was never taken up (its start
    /// is 0). It counts for the operation that its timestamps name.
    pub fn record_censored(&self, timestamps: &Timestamps, segment: SegmentIndex, now_ns: u64) {
        self.shard()
            .record_censored(&self.operations, timestamps, segment, now_ns);
    }

    /// Counts a request that began at `begin_ns` as under way no longer, without recording it.
    pub fn forget(&self, begin_ns: u64) {
        let age_ns = monotonic_ns().saturating_sub(begin_ns);
        self.shard().finished.count(begin_ns, age_ns);
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
            shard.interval.latency.reset();
            shard.interval.failed = 0;
            balance.subtract(&shard.finished);
        }
        self.begun.iter().for_each(|begun| balance.add(begun));
        whole.in_flight = lock(&self.memory).in_flight(now_ns, &balance);
        whole
    }

    /// Merges all shards: what came out by part, those that never came left out.
    pub fn collect_parts(&self, measured_s: f64) -> BTreeMap<String, Operation> {
        let mut whole: Vec<PartTally> = self.parts.iter().map(|_| PartTally::default()).collect();
        for shard in &self.shards {
            let shard = lock(shard);
            for (sum, tally) in whole.iter_mut().zip(&shard.parts) {
                sum.merge(tally);
            }
        }
        let named = self.parts.iter().zip(&whole);
        named
            .map(|(name, tally)| (name.clone(), tally.operation(measured_s)))
            .filter(|(_, part)| part.attempted > 0)
            .collect()
    }

    /// Merges all shards: the parts of the checkouts behind what succeeded.
    pub fn collect_checkout(&self) -> Option<CheckoutParts> {
        let mut whole = CheckoutTally::default();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            whole.merge(&shard.checkout);
        }
        whole.parts()
    }

    /// Merges all shards and segments: what came out by operation (those without an arrival left out),
    /// and a bounded sample of failures, with one of each kind, in the order in which they happened.
    pub fn collect(&self, measured_s: f64) -> (BTreeMap<String, Operation>, Vec<FailureSample>) {
        let shards = self.shards.iter();
        let shards: Vec<_> = shards.map(|shard| lock(shard)).collect();
        let failures = FailureSamples::merged(shards.iter().map(|shard| &shard.failures));
        let segments = shards.iter().flat_map(|shard| &shard.segments);
        (self.operations(segments, measured_s), failures)
    }

    /// Merges all shards: what came out by operation in one measured segment of `segment_s` seconds.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "no load has several segments yet")
    )]
    pub(crate) fn collect_segment(
        &self,
        segment: SegmentIndex,
        segment_s: f64,
    ) -> BTreeMap<String, Operation> {
        let shards = self.shards.iter();
        let shards: Vec<_> = shards.map(|shard| lock(shard)).collect();
        let tallies = shards
            .iter()
            .filter_map(|s| s.segments.get(segment.index()));
        self.operations(tallies, segment_s)
    }

    fn operations<'a>(
        &self,
        segments: impl Iterator<Item = &'a SegmentTallies>,
        seconds: f64,
    ) -> BTreeMap<String, Operation> {
        let mut whole: BTreeMap<OperationId, OperationTally> = BTreeMap::new();
        for tallies in segments {
            for (index, tally) in tallies.iter().enumerate() {
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
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bench_report::Histogram;

    use super::*;
    use crate::plan::segments::Segments;
    use crate::record::failure::Failure;
    use crate::record::failure_samples;
    use crate::record::operation_table::OperationSpec;
    use crate::record::timestamps::CheckoutTimestamps;
    use crate::record::timestamps::PhaseEnds;

    const TIMESTAMPS: Timestamps = Timestamps {
        due_ns: 1_000,
        released_ns: 1_100,
        started_ns: 1_300,
        checkout: CheckoutTimestamps::UNTOLD,
        acquired_ns: 1_700,
        done_ns: 2_500,
        operation: OperationId::FIRST,
        phases: PhaseEnds::NONE,
    };

    #[test]
    fn phases_add_up() {
        let recorder = Recorder::new(&["get"], 2);
        recorder.record(
            &TIMESTAMPS,
            &Outcome::success(OperationId::FIRST),
            Within::WHOLLY,
        );
        let (operations, _) = recorder.collect(1.0);
        let get = &operations["get"];
        let at = |h: &Option<Histogram>| h.as_ref().unwrap().max_ns;
        assert_eq!(
            at(&get.pacing_lag) + at(&get.backlog) + at(&get.call),
            at(&get.response)
        );
        assert_eq!(at(&get.checkout) + at(&get.service), at(&get.call));
        assert_eq!(at(&get.response), 1_500);
    }

    #[test]
    fn a_closed_loop_has_call_time_and_no_response_time() {
        let recorder = Recorder::new(&["get"], 1);
        let timestamps = Timestamps {
            due_ns: 0,
            released_ns: 0,
            acquired_ns: 0,
            ..TIMESTAMPS
        };
        recorder.record(
            &timestamps,
            &Outcome::success(OperationId::FIRST),
            Within::WHOLLY,
        );
        let (operations, _) = recorder.collect(1.0);
        let get = &operations["get"];
        assert!(get.response.is_none() && get.backlog.is_none() && get.pacing_lag.is_none());
        assert!(get.checkout.is_none());
        assert_eq!(get.call, get.service);
    }

    #[test]
    fn failures_are_counted_by_kind_and_only_sampled_in_full() {
        let recorder = Recorder::new(&["get", "set"], 1);
        for _ in 0..100 {
            let failure = Failure::new("refused", "postgres://a:hunter2@h refused");
            recorder.record(
                &TIMESTAMPS,
                &Outcome::failed(OperationId::nth(1), failure),
                Within::WHOLLY,
            );
        }
        let (operations, failures) = recorder.collect(1.0);
        assert!(!operations.contains_key("get"));
        assert_eq!(operations["set"].errors["refused"], 100);
        assert_eq!(operations["set"].failed.as_ref().unwrap().count, 100);
        assert_eq!(failures.len(), failure_samples::KEPT);
        assert!(failures.iter().all(|f| !f.message.contains("hunter2")));
    }

    #[test]
    fn phases_add_up_to_the_call_and_name_where_it_failed() {
        const PHASES: &[&str] = &["tcp", "tls", "ready"];
        let operations = OperationTable::from(&["ping"]);
        let connect = operations.add(OperationSpec::new("connect").with_phases(PHASES));
        let recorder = Recorder::new(operations, 1);
        let mut timestamps = TIMESTAMPS;
        timestamps.phase_ended_at(1_400);
        let refused = Failure::new("refused", "refused");
        let failed = Outcome::failed(connect, refused.clone());
        recorder.record(&timestamps, &failed, Within::WHOLLY);
        timestamps.phase_ended_at(1_900);
        recorder.record(&timestamps, &Outcome::success(connect), Within::WHOLLY);
        let plain = Outcome::failed(OperationId::FIRST, refused);
        recorder.record(&timestamps, &plain, Within::WHOLLY);
        let (operations, failures) = recorder.collect(1.0);
        let took = |phase: &str| operations["connect"].phases[phase].max_ns;
        assert_eq!((took("tcp"), took("tls"), took("ready")), (100, 500, 600));
        let call = operations["connect"].call.as_ref().unwrap();
        assert_eq!(call.max_ns, 1_200);
        assert!(operations["ping"].phases.is_empty());
        let phases: Vec<&str> = failures.iter().map(|f| f.phase.as_str()).collect();
        assert_eq!(phases, ["tls", "service"]);
    }

    #[test]
    fn segments_add_up_to_the_step() {
        let recorder = Recorder::new(&["get"], 1);
        let lengths = [1, 2].map(std::time::Duration::from_secs);
        let segments = Segments::new(0, std::time::Duration::ZERO, &lengths);
        for n in 0..3_000_u64 {
            let begin_ns = n * 1_000_000;
            let timestamps = Timestamps {
                started_ns: begin_ns.max(1),
                done_ns: begin_ns + 1_000 * (n + 1),
                ..Timestamps::default()
            };
            let within = Within {
                due: segments.at(timestamps.begin_ns()),
                done: segments.at(timestamps.done_ns),
            };
            recorder.record(&timestamps, &Outcome::success(OperationId::FIRST), within);
        }
        let (whole, _) = recorder.collect(3.0);
        let parts = [0, 1_000_000_000].map(|at_ns| {
            let segment = segments.at(at_ns).unwrap();
            let seconds = lengths[segment.index()].as_secs_f64();
            recorder.collect_segment(segment, seconds)["get"].clone()
        });
        let get = &whole["get"];
        assert_eq!(parts[0].succeeded, 1_000);
        assert_eq!(parts[0].succeeded + parts[1].succeeded, get.succeeded);
        let carried = parts[0].throughput_per_s + 2.0 * parts[1].throughput_per_s;
        assert!((carried - 3.0 * get.throughput_per_s).abs() < 1e-6);
        let decode = |operation: &Operation| operation.call.as_ref().unwrap().decode().unwrap();
        let mut sum = decode(&parts[0]);
        sum.add(decode(&parts[1])).unwrap();
        assert!(sum.iter_recorded().eq(decode(get).iter_recorded()));
    }

    #[test]
    fn warm_up_shows_in_the_time_chart_only() {
        let recorder = Recorder::new(&["get"], 1);
        let before = Within::measured(false, false);
        recorder.record(&TIMESTAMPS, &Outcome::success(OperationId::FIRST), before);
        assert_eq!(recorder.take_interval().succeeded(), 1);
        assert_eq!(recorder.take_interval().succeeded(), 0);
        assert!(recorder.collect(1.0).0.is_empty());
    }

    #[test]
    fn what_is_answered_after_the_measured_part_was_not_carried_in_it() {
        let recorder = Recorder::new(&["get"], 1);
        let (early, late) = (Within::measured(false, true), Within::measured(true, false));
        for within in [early, Within::WHOLLY, late, late] {
            recorder.record(&TIMESTAMPS, &Outcome::success(OperationId::FIRST), within);
        }
        let (operations, _) = recorder.collect(1.0);
        let get = &operations["get"];
        assert_eq!((get.attempted, get.succeeded), (3, 3));
        assert_eq!(get.throughput_per_s, 2.0);
        assert_eq!(get.response.as_ref().unwrap().count, 3);
    }

    #[test]
    fn parts_are_recorded_beside_their_operation_and_failures_apart() {
        let recorder = Recorder::new(&["transaction"], 1).with_parts(&["begin", "update", "end"]);
        let part = |part, ended_ns, failure: Option<&'static str>| Part {
            part,
            began_ns: 1_000,
            ended_ns,
            failure: failure.map(Into::into),
        };
        let drained = Within::measured(true, false);
        let carried_over = Within::measured(false, true);
        let failed = Some("sqlstate.40001");
        recorder.record_parts(
            &[part(0, 1_100, None), part(1, 1_400, None)],
            Within::WHOLLY,
        );
        recorder.record_parts(&[part(0, 1_200, None), part(1, 1_900, failed)], drained);
        recorder.record_parts(&[part(0, 9_000, None)], carried_over);
        let parts = recorder.collect_parts(2.0);
        assert_eq!(parts.keys().collect::<Vec<_>>(), ["begin", "update"]);
        assert_eq!(
            (parts["begin"].succeeded, parts["begin"].throughput_per_s),
            (2, 1.0)
        );
        let update = &parts["update"];
        assert_eq!((update.attempted, update.succeeded), (2, 1));
        assert_eq!(update.errors["sqlstate.40001"], 1);
        assert_eq!(update.call.as_ref().unwrap().max_ns, 400);
        assert_eq!(update.failed.as_ref().unwrap().max_ns, 900);
        assert!(
            recorder.collect(2.0).0.is_empty(),
            "no part is an operation"
        );
    }

    #[test]
    fn threads_that_record_at_once_lose_nothing() {
        let recorder = Recorder::new(&["get"], 4);
        std::thread::scope(|scope| {
            for index in 1..=4 {
                let recorder = &recorder;
                scope.spawn(move || {
                    claim_shard(index);
                    for _ in 0..1_000 {
                        recorder.record(
                            &TIMESTAMPS,
                            &Outcome::success(OperationId::FIRST),
                            Within::WHOLLY,
                        );
                    }
                });
            }
        });
        let (operations, _) = recorder.collect(2.0);
        assert_eq!(operations["get"].succeeded, 4_000);
        assert_eq!(operations["get"].throughput_per_s, 2_000.0);
        assert_eq!(operations["get"].response.as_ref().unwrap().count, 4_000);
    }
}
