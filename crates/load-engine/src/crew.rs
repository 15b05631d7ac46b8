//! The threads that make a step's load: started together, ended together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::recorder::claim_shard;
use crate::shared::Shared;
use crate::worker;
use crate::{Failure, RuntimeKind, StepPlan, TargetFactory, WorkerShare};

const SHUTDOWN_BOUND: Duration = Duration::from_millis(300);
/// For recording what was cut off, which waits for nobody.
const ACCOUNT_BOUND: Duration = Duration::from_millis(500);
/// Bound for each session, idle or not: all are ended one by one.
const ACCOUNT_BOUND_PER_SESSION: Duration = Duration::from_micros(50);

/// The workers of a step, each with a thread and a runtime of its own.
#[derive(Debug)]
pub(crate) struct Crew {
    workers: Vec<JoinHandle<Result<(), Failure>>>,
    account_bound: Duration,
}

/// Number of workers that share a step.
pub(crate) fn size(plan: &StepPlan) -> u64 {
    match plan.runtime {
        RuntimeKind::Shared => 1,
        // A worker without a session would release arrivals that nobody takes up.
        RuntimeKind::PerCore => (plan.threads as u64).min(plan.load.sessions()).max(1),
    }
}

impl Crew {
    /// Starts the workers of a step.
    ///
    /// # Errors
    /// When the system gives no thread or no runtime.
    pub(crate) fn start<F: TargetFactory>(
        plan: &StepPlan,
        factory: &Arc<F>,
        shared: &Arc<Shared>,
    ) -> io::Result<Self> {
        let plan = Arc::new(plan.clone());
        let count = size(&plan);
        let sessions = u32::try_from(plan.load.sessions()).unwrap_or(u32::MAX);
        let start = |index| {
            let worker = WorkerShare { index, count };
            let runtime = build_runtime(&plan, worker, shared)?;
            let shared = Arc::clone(shared);
            let work = worker::work(
                worker,
                Arc::clone(&plan),
                Arc::clone(factory),
                Arc::clone(&shared),
            );
            std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    claim_shard(index as usize + 1);
                    shared.threads.enlist();
                    let result = runtime.block_on(work);
                    runtime.shutdown_timeout(SHUTDOWN_BOUND);
                    result
                })
        };
        let workers = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            account_bound: ACCOUNT_BOUND + ACCOUNT_BOUND_PER_SESSION.saturating_mul(sessions),
        })
    }

    pub(crate) fn all_finished(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    pub(crate) fn any_finished(&self) -> bool {
        self.workers.iter().any(JoinHandle::is_finished)
    }

    /// Waits until the workers have recorded what was cut off, however the step ended: a request that
    /// was due counts, and the next step must not share the machine with this one's remains.
    pub(crate) fn await_accounts(&self, shared: &Shared) {
        let started = Instant::now();
        let is_accounted = |worker| shared.is_accounted(worker);
        let over = || {
            let mut workers = self.workers.iter().enumerate();
            workers.all(|(index, worker)| worker.is_finished() || is_accounted(index))
        };
        while !over() && started.elapsed() < self.account_bound {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for all workers, who are over or about to be; what the first to fail died of.
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
    shared: &Arc<Shared>,
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
