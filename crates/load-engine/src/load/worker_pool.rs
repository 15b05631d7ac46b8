//! Worker threads that make a step's load. All of them start together and end together.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::cpu_use::LoadThreads;
use super::step_state::StepState;
use crate::plan::load_change::ChangeError;
use crate::plan::step_plan::{RuntimeKind, StepPlan};
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::recorder::claim_shard;

const SHUTDOWN_BOUND: Duration = Duration::from_millis(300);
/// Longest wait for the recording of requests that were cut off, without the addition for each
/// session. Recording takes no network traffic.
const RECORDING_BOUND: Duration = Duration::from_millis(500);
/// Addition to the longest wait for the recording for each session, idle or not, because sessions
/// are ended one by one.
const RECORDING_BOUND_PER_SESSION: Duration = Duration::from_micros(50);

/// Worker threads of a step, each with a tokio runtime of its own. With a runtime that all load
/// threads share, there is one worker.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    workers: Vec<JoinHandle<Result<(), Failure>>>,
    recording_bound: Duration,
}

/// Numbers of threads, workers and sessions of a step's load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolThreads {
    pub(crate) runtime: RuntimeKind,
    /// Number of threads on which all workers of this process run.
    pub(crate) threads: usize,
    /// Number of workers in this process. Each other process of the load has the same number.
    pub(crate) workers: u64,
    /// Largest number of sessions, over all workers of all processes.
    pub(crate) sessions: u64,
    /// Share of the load that this process makes.
    pub(crate) process: WorkerShare,
}

impl PoolThreads {
    /// Returns the numbers for the load of `plan`: one worker on a shared runtime, else one per
    /// thread but no more than sessions.
    pub(crate) fn of_plan(plan: &StepPlan) -> Self {
        let sessions = plan.load.sessions();
        let threads = Self {
            runtime: plan.runtime,
            threads: plan.threads.max(1),
            workers: 1,
            sessions,
            process: plan.process,
        };
        Self {
            workers: threads.workers_of(sessions),
            ..threads
        }
    }

    /// Returns the number of workers in this process for a load of `sessions` sessions over all
    /// processes.
    fn workers_of(self, sessions: u64) -> u64 {
        let sessions_here = sessions / self.process.count.max(1);
        match self.runtime {
            RuntimeKind::Shared => 1,
            // At most one worker per session: a worker without sessions would release arrivals that
            // it cannot serve.
            RuntimeKind::PerCore => (self.threads as u64).min(sessions_here).max(1),
        }
    }

    /// Checks that these workers suffice for a load of `sessions` sessions: a plan for it would not
    /// have started more.
    ///
    /// # Errors
    /// Fails with both numbers of workers if it would have.
    pub(crate) fn check(self, sessions: u64) -> Result<(), ChangeError> {
        let (threads, wanted) = (self.workers, self.workers_of(sessions));
        if wanted > threads {
            return Err(ChangeError::TooFewThreads { threads, wanted });
        }
        Ok(())
    }

    /// Returns the position of the first worker of this process among the workers of all processes.
    pub(crate) fn first_worker(self) -> WorkerShare {
        self.process.of_thread(0, self.workers)
    }

    /// Returns the position of each worker of this process among the workers of all processes.
    pub(crate) fn shares(self) -> impl Iterator<Item = WorkerShare> {
        (0..self.workers).map(move |thread| self.process.of_thread(thread, self.workers))
    }
}

impl WorkerPool {
    /// Starts the workers. Each runs the future that `work` creates for its share. Their threads
    /// are added to `load_threads`, so that their CPU time is measured.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread, or tokio a runtime.
    pub(crate) fn start<W>(
        pool: PoolThreads,
        load_threads: &LoadThreads,
        mut work: impl FnMut(WorkerShare) -> W,
    ) -> io::Result<Self>
    where
        W: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let start = |(index, worker)| {
            let runtime = build_runtime(pool, worker, load_threads)?;
            let load_threads = load_threads.clone();
            let work = work(worker);
            std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    claim_shard(index + 1);
                    load_threads.enlist();
                    let result = runtime.block_on(work);
                    runtime.shutdown_timeout(SHUTDOWN_BOUND);
                    result
                })
        };
        let workers = pool
            .shares()
            .enumerate()
            .map(start)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            recording_bound: recording_bound(pool.sessions),
        })
    }

    /// Raises the longest wait for the recording of requests that are cut off to that of `sessions`
    /// sessions.
    pub(crate) fn expect_sessions(&mut self, sessions: u64) {
        self.recording_bound = self.recording_bound.max(recording_bound(sessions));
    }

    /// Returns true if every worker thread has ended.
    pub(crate) fn all_finished(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    /// Returns true if no worker has a request in flight: each has recorded all its requests, or
    /// has ended.
    pub(crate) fn all_recorded(&self, shared: &StepState) -> bool {
        let mut workers = self.workers.iter().enumerate();
        workers.all(|(index, worker)| worker.is_finished() || shared.has_recorded(index))
    }

    /// Returns true if at least one worker thread has ended.
    pub(crate) fn any_finished(&self) -> bool {
        self.workers.iter().any(JoinHandle::is_finished)
    }

    /// Waits, for a bounded time, until the workers have recorded the requests that were cut off.
    /// This is needed however the step ended: such requests count, and they must not run on during
    /// the next step.
    pub(crate) fn wait_until_recorded(&self, shared: &StepState) {
        let started = Instant::now();
        while !self.all_recorded(shared) && started.elapsed() < self.recording_bound {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the end of all workers, without a time limit. Returns the error of the first
    /// worker that failed; `None` if none failed.
    pub(crate) fn join(&mut self) -> Option<String> {
        let mut reason = None;
        for worker in self.workers.drain(..) {
            match worker.join() {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => reason = reason.or(Some(failure.to_string())),
                Err(_) => reason = reason.or(Some("a worker thread panicked".to_owned())),
            }
        }
        reason
    }
}

/// Returns the longest wait for the recording of the requests that are cut off in `sessions`
/// sessions.
fn recording_bound(sessions: u64) -> Duration {
    let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
    RECORDING_BOUND + RECORDING_BOUND_PER_SESSION.saturating_mul(sessions)
}

fn build_runtime(
    pool: PoolThreads,
    worker: WorkerShare,
    load_threads: &LoadThreads,
) -> io::Result<Runtime> {
    match pool.runtime {
        RuntimeKind::PerCore => Builder::new_current_thread().enable_all().build(),
        RuntimeKind::Shared => {
            let next = AtomicUsize::new(1);
            let load_threads = load_threads.clone();
            Builder::new_multi_thread()
                .worker_threads(pool.threads)
                .thread_name(format!("load-{}", worker.index))
                .on_thread_start(move || {
                    claim_shard(next.fetch_add(1, Ordering::Relaxed));
                    load_threads.enlist();
                })
                .enable_all()
                .build()
        }
    }
}
