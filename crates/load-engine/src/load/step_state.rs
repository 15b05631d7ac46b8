//! State that the workers of a step share with its controller.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bench_report::PoolUsage;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::cpu_use::LoadThreads;
use crate::plan::worker_share::WorkerShare;
use crate::record::pool_sums::{PoolSample, PoolSums};
use crate::record::recorder::Recorder;
use crate::record::step_recorder::StepRecorder;

/// State that all workers share with the controller of a step.
#[derive(Debug)]
pub(crate) struct StepState {
    pub(crate) step: StepRecorder,
    /// Token by which the pacer and users who think learn that nothing more is to begin.
    halt: CancellationToken,
    /// Token that cuts off whatever is still under way.
    pub(crate) abort: CancellationToken,
    /// Number of sessions that are open.
    pub(crate) opened: AtomicUsize,
    /// Number of arrivals that waited because all sessions of their worker were busy.
    pub(crate) delayed_at_cap: AtomicU64,
    /// Error that ended the release of arrivals before its time.
    pub(crate) pacer_error: OnceLock<PacerError>,
    /// Index of this process's first worker among those of all processes.
    first_worker: u64,
    /// Each worker's own: every worker has a pool of its own.
    pools: Vec<Mutex<PoolSums>>,
    /// Threads whose CPU time is watched.
    pub(crate) threads: LoadThreads,
    /// Flags of the workers that have recorded all their requests.
    recorded: Vec<AtomicBool>,
}

impl StepState {
    /// Creates the state of `workers` workers in this process, the first of whom is `first`.
    pub(crate) fn new(recorder: Recorder, first: WorkerShare, workers: u64) -> Self {
        Self {
            step: StepRecorder::new(recorder),
            halt: CancellationToken::new(),
            abort: CancellationToken::new(),
            opened: AtomicUsize::new(0),
            delayed_at_cap: AtomicU64::new(0),
            pacer_error: OnceLock::new(),
            first_worker: first.index,
            pools: (0..workers).map(|_| Mutex::default()).collect(),
            threads: LoadThreads::default(),
            recorded: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Tells everybody that nothing more is to begin.
    pub(crate) fn halt(&self) {
        self.step.halt();
        self.halt.cancel();
    }

    /// Returns once nothing more is to begin.
    pub(crate) fn halted(&self) -> WaitForCancellationFuture<'_> {
        self.halt.cancelled()
    }

    /// Notes that `worker` has recorded all its requests.
    pub(crate) fn mark_recorded(&self, worker: WorkerShare) {
        self.recorded[self.local(worker)].store(true, Ordering::Release);
    }

    /// Position of a worker among those of this process.
    fn local(&self, worker: WorkerShare) -> usize {
        worker.index.saturating_sub(self.first_worker) as usize
    }

    /// Returns true if the worker at position `worker` of this process has recorded all its requests.
    pub(crate) fn has_recorded(&self, worker: usize) -> bool {
        self.recorded[worker].load(Ordering::Acquire)
    }

    /// Adds a sample of the pool of `worker`.
    pub(crate) fn add_pool_sample(&self, worker: WorkerShare, sample: PoolSample) {
        lock(&self.pools[self.local(worker)]).add(sample);
    }

    /// Returns the use of all workers' pools together; `None` where there is no pool.
    pub(crate) fn pool_usage(&self) -> Option<PoolUsage> {
        let watched = self.pools.iter().filter_map(|pool| lock(pool).usage());
        let usage = PoolUsage::merged(&watched.collect::<Vec<_>>())?;
        Some(PoolUsage {
            checkout: self.step.recorder.collect_checkout(),
            ..usage
        })
    }

    /// Notes the error that ended the release of arrivals; the first one stays.
    pub(crate) fn set_pacer_error(&self, error: PacerError) {
        let _ = self.pacer_error.set(error);
    }
}

/// Reason why arrivals are no longer released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacerError {
    /// The arrival queue is full: this many arrivals wait.
    QueueFull { capacity: usize },
    /// The system's timer failed.
    Timer(String),
}

fn lock(pool: &Mutex<PoolSums>) -> MutexGuard<'_, PoolSums> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
