//! Worker threads that make a step's load: started together, ended together.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::step_state::StepState;
use crate::plan::step_plan::{RuntimeKind, StepPlan};
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::recorder::claim_shard;

const SHUTDOWN_BOUND: Duration = Duration::from_millis(300);
/// Bound for recording what was cut off, which waits for nobody.
const RECORDING_BOUND: Duration = Duration::from_millis(500);
/// Bound for each session, idle or not: all are ended one by one.
const RECORDING_BOUND_PER_SESSION: Duration = Duration::from_micros(50);

/// Workers of a step, each with a thread and a runtime of its own.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    workers: Vec<JoinHandle<Result<(), Failure>>>,
    recording_bound: Duration,
}

/// Number of workers of this process that share a step: the same in each of several processes.
pub(crate) fn worker_count(plan: &StepPlan) -> u64 {
    match plan.runtime {
        RuntimeKind::Shared => 1,
        // A worker without a session would release arrivals that nobody takes up.
        RuntimeKind::PerCore => {
            let sessions = plan.load.sessions() / plan.process.count.max(1);
            (plan.threads as u64).min(sessions).max(1)
        }
    }
}

/// Shares of the workers of this process, of all that make the step's load.
pub(crate) fn workers(plan: &StepPlan) -> impl Iterator<Item = WorkerShare> {
    let (process, count) = (plan.process, worker_count(plan));
    (0..count).map(move |thread| process.of_thread(thread, count))
}

impl WorkerPool {
    /// Starts the workers of a step, each with the future that `work` makes of its share.
    ///
    /// # Errors
    /// Fails if the system gives no thread or no runtime.
    pub(crate) fn start<W>(
        plan: &StepPlan,
        shared: &Arc<StepState>,
        work: impl Fn(WorkerShare) -> W,
    ) -> io::Result<Self>
    where
        W: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let sessions = u32::try_from(plan.load.sessions()).unwrap_or(u32::MAX);
        let start = |(index, worker)| {
            let runtime = build_runtime(plan, worker, shared)?;
            let shared = Arc::clone(shared);
            let work = work(worker);
            std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    claim_shard(index + 1);
                    shared.threads.enlist();
                    let result = runtime.block_on(work);
                    runtime.shutdown_timeout(SHUTDOWN_BOUND);
                    result
                })
        };
        let workers = workers(plan)
            .enumerate()
            .map(start)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            recording_bound: RECORDING_BOUND + RECORDING_BOUND_PER_SESSION.saturating_mul(sessions),
        })
    }

    /// Returns true if every worker has finished.
    pub(crate) fn all_finished(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    /// Returns true if at least one worker has finished.
    pub(crate) fn any_finished(&self) -> bool {
        self.workers.iter().any(JoinHandle::is_finished)
    }

    /// Waits until the workers have recorded what was cut off, however the step ended: a request that
    /// was due counts, and the next step must not share the machine with this one's remains.
    pub(crate) fn wait_until_recorded(&self, shared: &StepState) {
        let started = Instant::now();
        let has_recorded = |worker| shared.has_recorded(worker);
        let over = || {
            let mut workers = self.workers.iter().enumerate();
            workers.all(|(index, worker)| worker.is_finished() || has_recorded(index))
        };
        while !over() && started.elapsed() < self.recording_bound {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for all workers, who have finished or are about to; returns the error of the first that
    /// failed.
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

fn build_runtime(
    plan: &StepPlan,
    worker: WorkerShare,
    shared: &Arc<StepState>,
) -> io::Result<Runtime> {
    match plan.runtime {
        RuntimeKind::PerCore => Builder::new_current_thread().enable_all().build(),
        RuntimeKind::Shared => {
            let next = AtomicUsize::new(1);
            let shared = Arc::clone(shared);
            Builder::new_multi_thread()
                .worker_threads(plan.threads.max(1))
                .thread_name(format!("load-{}", worker.index))
                .on_thread_start(move || {
                    claim_shard(next.fetch_add(1, Ordering::Relaxed));
                    shared.threads.enlist();
                })
                .enable_all()
                .build()
        }
    }
}
