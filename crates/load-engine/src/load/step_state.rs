//! State that the workers of a step in one process share with its controller.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bench_report::PoolUsage;
use bench_report::clock::monotonic_ns;
use bench_report::names::FigureName;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::cpu_use::LoadThreads;
use super::finished_users::FinishedUsers;
use super::load_changes::LoadChanges;
use crate::plan::intended_load::IntendedLoad;
use crate::plan::segments::{SegmentIndex, Segments};
use crate::plan::worker_share::WorkerShare;
use crate::record::pool_sums::{PoolSample, PoolSums};
use crate::record::recorder::Recorder;
use crate::record::session_tally::SessionTally;
use crate::record::step_recorder::StepRecorder;
use crate::record::tally_sums::TallySums;

/// State that all workers of this process share with the controller of a step.
#[derive(Debug)]
pub(crate) struct StepState {
    pub(crate) step: StepRecorder,
    /// Token that is cancelled once no further request may start.
    halt: CancellationToken,
    /// Changes of the load while the step runs.
    pub(crate) changes: LoadChanges,
    /// Notification that wakes waiting pacers and users at a halt and at each change of the load.
    disturbance: Notify,
    /// Token that is cancelled once sessions and pools may close.
    released: CancellationToken,
    /// Token that is cancelled to cut off the requests in flight.
    pub(crate) abort: CancellationToken,
    /// Number of sessions that have opened, or of ready workers if sessions open during the step.
    pub(crate) opened: AtomicUsize,
    /// Counts of the sessions that open and close during the step.
    pub(crate) sessions: SessionTally,
    /// Count of the users whose last request has finished.
    pub(crate) finished_users: FinishedUsers,
    /// Number of arrivals that waited because all sessions of their worker were busy, by the
    /// segment in which they were due. Those of the warm-up are counted in the first segment.
    delayed_at_cap: [AtomicU64; SegmentIndex::MOST],
    /// First error that stopped the release of arrivals; empty if there was none.
    pub(crate) pacer_error: OnceLock<PacerError>,
    /// First worker of this process, as a position among the workers of all processes.
    first_worker: WorkerShare,
    /// Sums over the samples of each worker's connection pool, by worker of this process and by
    /// segment.
    pools: Vec<Mutex<Vec<PoolSums>>>,
    /// Increases of the tallies of each worker's target, by worker of this process.
    tallies: Vec<Mutex<TallySums>>,
    /// Threads of this process that make the load, whose CPU time is measured.
    pub(crate) threads: LoadThreads,
    /// Flags, by worker of this process: true once all requests of the worker are recorded.
    recorded: Vec<AtomicBool>,
}

impl StepState {
    /// Creates the state of a step with `workers` workers in this process, whose first one is
    /// `first`.
    pub(crate) fn new(recorder: Recorder, first: WorkerShare, workers: u64) -> Self {
        Self {
            step: StepRecorder::new(recorder),
            halt: CancellationToken::new(),
            changes: LoadChanges::default(),
            disturbance: Notify::new(),
            released: CancellationToken::new(),
            abort: CancellationToken::new(),
            opened: AtomicUsize::new(0),
            sessions: SessionTally::default(),
            finished_users: FinishedUsers::default(),
            delayed_at_cap: [const { AtomicU64::new(0) }; SegmentIndex::MOST],
            pacer_error: OnceLock::new(),
            first_worker: first,
            pools: (0..workers).map(|_| Mutex::default()).collect(),
            tallies: (0..workers).map(|_| Mutex::default()).collect(),
            threads: LoadThreads::default(),
            recorded: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Prevents all workers from starting further requests, and wakes those that wait.
    pub(crate) fn halt(&self) {
        self.step.halt();
        self.halt.cancel();
        self.disturbance.notify_waiters();
    }

    /// Changes the intended load of the whole step to `load`, which differs from `at_ns` on, in
    /// nanoseconds on `CLOCK_MONOTONIC`. A new segment begins then.
    pub(crate) fn change(&self, at_ns: u64, load: IntendedLoad) {
        if let Some(segments) = self.step.segments.get() {
            segments.change_at(at_ns);
        }
        self.changes.push(load);
        self.disturbance.notify_waiters();
    }

    /// Allows sessions and pools to close.
    pub(crate) fn release(&self) {
        self.released.cancel();
    }

    /// Waits until sessions and pools may close, or requests in flight are cut off.
    pub(crate) async fn released(&self) {
        tokio::select! {
            () = self.released.cancelled() => {}
            () = self.abort.cancelled() => {}
        }
    }

    /// Waits until no further request may start, because the step has been halted.
    pub(crate) fn halted(&self) -> WaitForCancellationFuture<'_> {
        self.halt.cancelled()
    }

    /// Returns a token that is cancelled once no further request may start. Cancelling the token
    /// itself does not halt the step.
    pub(crate) fn halt_child(&self) -> CancellationToken {
        self.halt.child_token()
    }

    /// Adds one to the number of open sessions, and waits for the step to begin. Returns the
    /// segments of the step.
    pub(crate) async fn count_opened_and_wait(&self) -> &Segments {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.step.segments.wait().await
    }

    /// Returns true if no further request may start, or if the number of changes of the load is no
    /// longer `seen`.
    pub(crate) fn is_disturbed(&self, seen: usize) -> bool {
        self.step.is_halted() || self.changes.count() != seen
    }

    /// Waits until no further request may start, or the number of changes of the load is no longer
    /// `seen`.
    pub(crate) async fn disturbed(&self, seen: usize) {
        loop {
            // Created before the check, so that a later halt or change wakes it.
            let disturbed = self.disturbance.notified();
            if self.is_disturbed(seen) {
                return;
            }
            disturbed.await;
        }
    }

    /// Waits until `instant_ns`, on `CLOCK_MONOTONIC`, until no further request may start, or until
    /// the number of changes of the load is no longer `seen`.
    pub(crate) async fn sleep_until(&self, instant_ns: u64, seen: usize) {
        let left = Duration::from_nanos(instant_ns.saturating_sub(monotonic_ns()));
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = self.disturbed(seen) => {}
        }
    }

    /// Waits until `instant_ns`, on `CLOCK_MONOTONIC`, or until no further request may start.
    /// Changes of the load do not end the wait.
    pub(crate) async fn wait_until(&self, instant_ns: u64) {
        while monotonic_ns() < instant_ns && !self.step.is_halted() {
            self.sleep_until(instant_ns, self.changes.count()).await;
        }
    }

    /// Notes that all requests of `worker` are recorded.
    pub(crate) fn mark_recorded(&self, worker: WorkerShare) {
        self.recorded[self.local(worker)].store(true, Ordering::Release);
    }

    /// Returns the position of `worker` among the workers of this process, from 0.
    fn local(&self, worker: WorkerShare) -> usize {
        let processes = self.first_worker.count / self.recorded.len().max(1) as u64;
        let apart = worker.index.saturating_sub(self.first_worker.index);
        (apart / processes.max(1)) as usize
    }

    /// Returns true if all requests of the worker at position `worker` of this process are
    /// recorded.
    pub(crate) fn has_recorded(&self, worker: usize) -> bool {
        self.recorded[worker].load(Ordering::Acquire)
    }

    /// Counts an arrival that waited because all sessions of its worker were busy. `due_ns` is the
    /// instant at which it was due, on `CLOCK_MONOTONIC`.
    pub(crate) fn count_delayed(&self, due_ns: u64) {
        let segment = self.step.segment_at(due_ns).unwrap_or_default();
        self.delayed_at_cap[segment.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the segment in which a session that opens or closes at `instant_ns`, on
    /// `CLOCK_MONOTONIC`, is counted. That is the first one during the warm-up, and the last one
    /// during the drain.
    pub(crate) fn session_segment(&self, instant_ns: u64) -> SegmentIndex {
        let segments = self.step.segments.get();
        segments.map_or(SegmentIndex::FIRST, |segments| segments.nearest(instant_ns))
    }

    /// Returns the number of arrivals that waited because all sessions of their worker were busy,
    /// in the segment `of`, or in all if that is `None`.
    pub(crate) fn delayed_at_cap(&self, of: Option<SegmentIndex>) -> u64 {
        let delayed = |count: &AtomicU64| count.load(Ordering::Relaxed);
        match of {
            None => self.delayed_at_cap.iter().map(delayed).sum(),
            Some(segment) => delayed(&self.delayed_at_cap[segment.index()]),
        }
    }

    /// Adds a sample of the connection pool of `worker`, taken in `segment`.
    pub(crate) fn add_pool_sample(
        &self,
        worker: WorkerShare,
        segment: SegmentIndex,
        sample: PoolSample,
    ) {
        let mut sums = lock(&self.pools[self.local(worker)]);
        if sums.len() <= segment.index() {
            sums.resize_with(segment.index() + 1, PoolSums::default);
        }
        sums[segment.index()].add(sample);
    }

    /// Returns the use of the connection pools of all workers together, in the segment `of`, or in
    /// all if that is `None`. Returns `None` if there is no pool. The durations of checkouts are
    /// not included.
    pub(crate) fn pool_usage(&self, of: Option<SegmentIndex>) -> Option<PoolUsage> {
        let sums = |pool: &Mutex<Vec<PoolSums>>| {
            let mut whole = PoolSums::default();
            let segments = lock(pool);
            let segments = segments.iter().enumerate();
            let wanted = segments.filter(|(index, _)| of.is_none_or(|of| of.index() == *index));
            wanted.for_each(|(_, sums)| whole.merge(sums));
            whole.usage()
        };
        PoolUsage::merged(&self.pools.iter().filter_map(sums).collect::<Vec<_>>())
    }

    /// Adds a reading of the tallies of the target of `worker`. `segment` is the one in which it was
    /// taken, `None` outside the measured part.
    pub(crate) fn add_tallies(
        &self,
        worker: WorkerShare,
        segment: Option<SegmentIndex>,
        tallies: Vec<(FigureName, u64)>,
    ) {
        lock(&self.tallies[self.local(worker)]).add(segment, tallies);
    }

    /// Returns the increase of the tallies of all workers' targets together, by name, in the segment
    /// `of`, or in all if that is `None`.
    pub(crate) fn tallies(&self, of: Option<SegmentIndex>) -> BTreeMap<String, u64> {
        let mut whole = BTreeMap::new();
        for sums in &self.tallies {
            for (name, count) in lock(sums).increases(of) {
                *whole.entry(name.to_string()).or_default() += count;
            }
        }
        whole
    }

    /// Stores the error that stopped the release of arrivals, unless one is stored already.
    pub(crate) fn set_pacer_error(&self, error: PacerError) {
        let _ = self.pacer_error.set(error);
    }
}

/// Error that stopped the release of arrivals in an open loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacerError {
    /// The queue of arrivals is full: `capacity` arrivals wait for a session.
    QueueFull { capacity: usize },
    /// The system's timer failed, with this message.
    Timer(String),
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
