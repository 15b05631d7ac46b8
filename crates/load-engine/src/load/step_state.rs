//! State that the workers of a step share with its controller.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bench_report::PoolUsage;
use bench_report::clock::monotonic_ns;
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

/// State that all workers share with the controller of a step.
#[derive(Debug)]
pub(crate) struct StepState {
    pub(crate) step: StepRecorder,
    /// Token that tells everybody to start no further request.
    halt: CancellationToken,
    /// Changes of the load.
    pub(crate) changes: LoadChanges,
    /// Wakes waiting pacers and users at a halt and at each change of the load.
    disturbance: Notify,
    /// Token that allows sessions and pools to close.
    released: CancellationToken,
    /// Token that cuts off the requests in flight.
    pub(crate) abort: CancellationToken,
    /// Number of open sessions, or of ready workers where sessions open during the step.
    pub(crate) opened: AtomicUsize,
    /// Counts of the sessions that open during the step.
    pub(crate) sessions: SessionTally,
    /// Count of the users who have made their last request.
    pub(crate) finished_users: FinishedUsers,
    /// Number of arrivals that waited because all sessions of their worker were busy, by the
    /// segment in which they were due. Those of the warm-up are counted in the first segment.
    delayed_at_cap: [AtomicU64; SegmentIndex::MOST],
    /// First error that stopped the release of arrivals.
    pub(crate) pacer_error: OnceLock<PacerError>,
    /// First worker of this process, as a share among the workers of all processes.
    first_worker: WorkerShare,
    /// Sums over the samples of each worker's pool, by worker and segment.
    pools: Vec<Mutex<Vec<PoolSums>>>,
    /// Threads whose CPU time is measured.
    pub(crate) threads: LoadThreads,
    /// Flags, by worker of this process: true once all requests of the worker are recorded.
    recorded: Vec<AtomicBool>,
}

impl StepState {
    /// Creates the state of `workers` workers in this process, whose first one is `first`.
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
            threads: LoadThreads::default(),
            recorded: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Tells all workers to start no further request.
    pub(crate) fn halt(&self) {
        self.step.halt();
        self.halt.cancel();
        self.disturbance.notify_waiters();
    }

    /// Changes the load to `load` from `at_ns` on, which begins a segment.
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

    /// Waits until no further request may start.
    pub(crate) fn halted(&self) -> WaitForCancellationFuture<'_> {
        self.halt.cancelled()
    }

    /// Returns a token that is cancelled once no further request may start; it can also be
    /// cancelled by itself.
    pub(crate) fn halt_child(&self) -> CancellationToken {
        self.halt.child_token()
    }

    /// Counts a session as open, and waits for the step to begin. Returns the segments of the step.
    pub(crate) async fn count_opened_and_wait(&self) -> &Segments {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.step.segments.wait().await
    }

    /// Returns true if no further request may start, or the load was changed more than `seen` times.
    pub(crate) fn is_disturbed(&self, seen: usize) -> bool {
        self.step.is_halted() || self.changes.count() != seen
    }

    /// Waits until no further request may start, or the load was changed more than `seen` times.
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

    /// Waits until `instant_ns`, until no further request may start, or until the load was changed more
    /// than `seen` times.
    pub(crate) async fn sleep_until(&self, instant_ns: u64, seen: usize) {
        let left = Duration::from_nanos(instant_ns.saturating_sub(monotonic_ns()));
        tokio::select! {
            () = tokio::time::sleep(left) => {}
            () = self.disturbed(seen) => {}
        }
    }

    /// Waits until `instant_ns`, or until no further request may start, whatever changes meanwhile.
    pub(crate) async fn wait_until(&self, instant_ns: u64) {
        while monotonic_ns() < instant_ns && !self.step.is_halted() {
            self.sleep_until(instant_ns, self.changes.count()).await;
        }
    }

    /// Notes that all requests of `worker` are recorded.
    pub(crate) fn mark_recorded(&self, worker: WorkerShare) {
        self.recorded[self.local(worker)].store(true, Ordering::Release);
    }

    /// Returns the position of a worker among those of this process, from 0.
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

    /// Counts an arrival due at `due_ns` that waited because all sessions of its worker were busy.
    pub(crate) fn count_delayed(&self, due_ns: u64) {
        let segment = self.step.segment_at(due_ns).unwrap_or_default();
        self.delayed_at_cap[segment.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the segment in which a session that opens or closes at `instant_ns` is counted. That
    /// is the first one during the warm-up, and the last one during the drain.
    pub(crate) fn session_segment(&self, instant_ns: u64) -> SegmentIndex {
        let segments = self.step.segments.get();
        segments.map_or(SegmentIndex::FIRST, |segments| segments.nearest(instant_ns))
    }

    /// Returns the number of arrivals that waited because all sessions were busy, in one segment
    /// or, if `of` is `None`, in all.
    pub(crate) fn delayed_at_cap(&self, of: Option<SegmentIndex>) -> u64 {
        let delayed = |count: &AtomicU64| count.load(Ordering::Relaxed);
        match of {
            None => self.delayed_at_cap.iter().map(delayed).sum(),
            Some(segment) => delayed(&self.delayed_at_cap[segment.index()]),
        }
    }

    /// Adds a sample of the pool of `worker`, taken in `segment`.
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

    /// Returns the use of all workers' pools together, in one segment or, if `of` is `None`, in
    /// all. `None` where there is no pool. The parts of checkouts are left out.
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

    /// Stores the error that stopped the release of arrivals, unless one is stored already.
    pub(crate) fn set_pacer_error(&self, error: PacerError) {
        let _ = self.pacer_error.set(error);
    }
}

/// Error that stopped the release of arrivals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacerError {
    /// The arrival queue is full: `capacity` arrivals wait.
    QueueFull { capacity: usize },
    /// The system's timer failed.
    Timer(String),
}

fn lock(pool: &Mutex<Vec<PoolSums>>) -> MutexGuard<'_, Vec<PoolSums>> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
