//! State that the workers of a step share with its controller.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bench_report::{PoolUsage, Window};
use tokio::sync::SetOnce;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::cpu_use::LoadThreads;
use crate::{PoolSample, Recorder, Timestamps, Within};

/// State that all workers share with the controller of a step.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) recorder: Recorder,
    /// Set by the controller once every session is open.
    pub(crate) window: SetOnce<Window>,
    /// Token by which the pacer and users who think learn that nothing more is to begin.
    halt: CancellationToken,
    /// Copy for the hot path: a token's own flag lies behind a lock.
    halted: AtomicBool,
    /// Whatever is still under way is cut off.
    pub(crate) abort: CancellationToken,
    pub(crate) opened: AtomicUsize,
    pub(crate) delayed_at_cap: AtomicU64,
    /// Trouble that ended the release of arrivals before its time.
    pub(crate) pacer_trouble: OnceLock<PacerTrouble>,
    /// Each worker's own: every worker has a pool of its own.
    pools: Vec<Mutex<PoolWatch>>,
    /// Threads whose CPU time is watched.
    pub(crate) threads: LoadThreads,
    /// Flags of the workers that have recorded all their arrivals.
    accounted: Vec<AtomicBool>,
}

impl Shared {
    pub(crate) fn new(recorder: Recorder, workers: u64) -> Self {
        Self {
            recorder,
            window: SetOnce::new(),
            halt: CancellationToken::new(),
            halted: AtomicBool::new(false),
            abort: CancellationToken::new(),
            opened: AtomicUsize::new(0),
            delayed_at_cap: AtomicU64::new(0),
            pacer_trouble: OnceLock::new(),
            pools: (0..workers).map(|_| Mutex::default()).collect(),
            threads: LoadThreads::default(),
            accounted: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Nothing more is to begin.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
        self.halt.cancel();
    }

    /// Ends once nothing more is to begin.
    pub(crate) fn halted(&self) -> WaitForCancellationFuture<'_> {
        self.halt.cancelled()
    }

    /// Returns true if nothing more is to begin.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Returns true if `instant_ns` lies in the measured part as it was planned.
    pub(crate) fn measures(&self, instant_ns: u64) -> bool {
        self.window
            .get()
            .is_some_and(|w| (w.measure_start_ns..w.measure_end_ns).contains(&instant_ns))
    }

    /// Position in the measured part of a request that is over, which a halt may have cut short.
    pub(crate) fn within(&self, timestamps: &Timestamps) -> Within {
        let measured = self
            .window
            .get()
            .map_or(0..0, |w| w.measure_start_ns..w.measure_end_ns);
        Within {
            due: measured.contains(&timestamps.begin_ns()),
            done: measured.contains(&timestamps.done_ns) && !self.is_halted(),
        }
    }

    /// This worker has recorded all its arrivals.
    pub(crate) fn account_for(&self, worker: usize) {
        self.accounted[worker].store(true, Ordering::Release);
    }

    /// Returns true if this worker has recorded all its arrivals.
    pub(crate) fn is_accounted(&self, worker: usize) -> bool {
        self.accounted[worker].load(Ordering::Acquire)
    }

    /// Adds what was seen of this worker's pool.
    pub(crate) fn add_pool_sample(&self, worker: usize, sample: PoolSample) {
        lock(&self.pools[worker]).add(sample);
    }

    /// Use of all workers' pools together.
    pub(crate) fn pool_usage(&self) -> Option<PoolUsage> {
        let watched = self.pools.iter().filter_map(|pool| lock(pool).usage());
        let usage = watched.reduce(|sum, one| PoolUsage {
            max_size: sum.max_size + one.max_size,
            size_mean: sum.size_mean + one.size_mean,
            in_use_mean: sum.in_use_mean + one.in_use_mean,
            in_use_max: sum.in_use_max + one.in_use_max,
            waiting_mean: sum.waiting_mean.zip(one.waiting_mean).map(|(a, b)| a + b),
            waiting_max: sum.waiting_max.zip(one.waiting_max).map(|(a, b)| a + b),
            samples: sum.samples.max(one.samples),
            checkout: None,
        })?;
        Some(PoolUsage {
            checkout: self.recorder.collect_checkout(),
            ..usage
        })
    }

    /// Says what ended the release of arrivals; the first is the one to tell.
    pub(crate) fn trouble(&self, trouble: PacerTrouble) {
        let _ = self.pacer_trouble.set(trouble);
    }
}

/// Reason why arrivals were no longer released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PacerTrouble {
    /// The backlog's bound was reached.
    BacklogFull,
    /// The system's timer failed.
    Timer(String),
}

/// Sums of one pool's samples.
#[derive(Debug, Default)]
struct PoolWatch {
    max_size: u64,
    samples: u64,
    size: u64,
    in_use: u64,
    in_use_max: u64,
    waiting: Option<u64>,
    waiting_max: Option<u64>,
}

impl PoolWatch {
    fn add(&mut self, sample: PoolSample) {
        self.max_size = self.max_size.max(sample.max_size);
        self.samples += 1;
        self.size += sample.size;
        self.in_use += sample.in_use;
        self.in_use_max = self.in_use_max.max(sample.in_use);
        if let Some(waiting) = sample.waiting {
            *self.waiting.get_or_insert(0) += waiting;
            self.waiting_max = Some(self.waiting_max.unwrap_or(0).max(waiting));
        }
    }

    fn usage(&self) -> Option<PoolUsage> {
        let samples = self.samples as f64;
        (self.samples > 0).then(|| PoolUsage {
            max_size: self.max_size,
            size_mean: self.size as f64 / samples,
            in_use_mean: self.in_use as f64 / samples,
            in_use_max: self.in_use_max,
            waiting_mean: self.waiting.map(|w| w as f64 / samples),
            waiting_max: self.waiting_max,
            samples: self.samples,
            checkout: None,
        })
    }
}

fn lock(pool: &Mutex<PoolWatch>) -> MutexGuard<'_, PoolWatch> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}
