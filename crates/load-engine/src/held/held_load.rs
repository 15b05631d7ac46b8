//! Connections that stay open from step to step, and the load that each step makes on them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connection_factory::{ConnectionFactory, HeldOperations};
use super::held_worker::{HeldState, HeldWorker, WorkerCommand};
use crate::load::cpu_use::{CpuReading, LoadThreads};
use crate::load::worker_pool::{PoolThreads, WorkerPool};
use crate::plan::step_plan::{RuntimeKind, WaitStrategy};
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;

/// Bound on the end of all workers.
const SHUTDOWN_BOUND: Duration = Duration::from_millis(800);
/// Time between two looks at the workers.
const LOOKED_EVERY: Duration = Duration::from_millis(1);

/// Settings of a load of held connections.
#[derive(Debug, Clone, Copy)]
pub struct HeldSettings {
    /// New connections per second.
    pub connects_per_s: f64,
    /// Time that each answer may take.
    pub timeout: Duration,
    /// Kind of runtime.
    pub runtime: RuntimeKind,
    /// Threads that make the load.
    pub threads: usize,
    /// Way in which the pacer waits.
    pub waiting: WaitStrategy,
}

/// A worker has ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a worker thread ended before its time{0}")]
pub struct WorkerGone(String);

/// Command to one worker, and its end.
struct WorkerOrder {
    command: WorkerCommand,
    cut_off: CancellationToken,
    /// Dropped when the command has been carried out.
    pending: Arc<()>,
}

/// Connections that stay open from step to step, owned by worker threads. Dropping it closes them
/// without a word, and ends the threads.
#[derive(Debug)]
pub struct HeldLoad<F: ConnectionFactory> {
    state: Arc<HeldState<F>>,
    workers: WorkerPool,
    orders: Vec<mpsc::UnboundedSender<WorkerOrder>>,
    threads: LoadThreads,
    /// Token that cuts off what the last command has under way.
    cut_off: CancellationToken,
    /// Shared with every worker that has not carried out the last command.
    pending: Arc<()>,
    shutdown: CancellationToken,
    gone: Option<WorkerGone>,
}

impl<F: ConnectionFactory> HeldLoad<F> {
    /// Starts the workers: one for each thread, or a single one whose runtime has all threads.
    ///
    /// # Errors
    /// Fails when the system gives no thread or no runtime.
    pub fn start(factory: Arc<F>, settings: HeldSettings) -> io::Result<Self> {
        let threads = settings.threads.max(1);
        let workers = match settings.runtime {
            RuntimeKind::Shared => 1,
            RuntimeKind::PerCore => threads as u64,
        };
        let state = Arc::new(HeldState {
            factory,
            connects_per_s: settings.connects_per_s,
            timeout: settings.timeout,
            waiting: settings.waiting,
            open: Arc::new(AtomicU64::new(0)),
            connections: (0..workers).map(|_| AtomicU64::new(0)).collect(),
        });
        let (load_threads, shutdown) = (LoadThreads::default(), CancellationToken::new());
        let pool = PoolThreads {
            runtime: settings.runtime,
            threads,
            workers,
            sessions: 0,
            process: WorkerShare::ALONE,
        };
        let (orders, receivers): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
        let mut receivers = receivers.into_iter();
        let workers = WorkerPool::start(pool, &load_threads, |worker| {
            let (state, shutdown) = (Arc::clone(&state), shutdown.clone());
            run_worker(worker, state, receivers.next(), shutdown)
        })?;
        Ok(Self {
            state,
            workers,
            orders,
            threads: load_threads,
            cut_off: CancellationToken::new(),
            pending: Arc::new(()),
            shutdown,
            gone: None,
        })
    }

    /// Returns the number of connections that are open.
    pub fn open(&self) -> u64 {
        self.state.open.load(Ordering::Relaxed)
    }

    /// Closes the connections beyond `most`, and forgets those that were lost: a step is charged with
    /// its own losses only. Each connection has a second to be closed. Nobody waits for that once
    /// `cancelled` returns true.
    ///
    /// # Errors
    /// Fails when a worker is gone.
    pub fn close_beyond(
        &mut self,
        most: u64,
        cancelled: impl Fn() -> bool,
    ) -> Result<(), WorkerGone> {
        let surplus = self.open().saturating_sub(most);
        self.order(&WorkerCommand::Close(Arc::new(AtomicU64::new(surplus))));
        while !self.is_idle() && !cancelled() {
            std::thread::sleep(LOOKED_EVERY);
        }
        self.gone().map_or(Ok(()), Err)
    }

    /// Returns the number of connections of each worker.
    pub(super) fn connections(&self) -> Vec<u64> {
        let connections = self.state.connections.iter();
        connections.map(|n| n.load(Ordering::Relaxed)).collect()
    }

    /// Returns the operations that the load consists of.
    pub(super) fn operations(&self) -> HeldOperations {
        self.state.factory.operations()
    }

    /// Reads the CPU time of the process and of each thread of the load.
    pub(super) fn read_cpu(&self) -> CpuReading {
        CpuReading::read(&self.threads)
    }

    /// Cuts off what the last command has under way.
    pub(super) fn cut_off(&self) {
        self.cut_off.cancel();
    }

    /// Waits for at most `bound` until all workers have carried out the last command.
    pub(super) fn wait_until_idle(&self, bound: Duration) {
        let started = Instant::now();
        while !self.is_idle() && started.elapsed() < bound {
            std::thread::sleep(LOOKED_EVERY);
        }
    }

    /// Gives all workers a command.
    pub(super) fn order(&mut self, command: &WorkerCommand) {
        self.cut_off = CancellationToken::new();
        self.pending = Arc::new(());
        for worker in &self.orders {
            // A worker that is gone is found by whoever waits for the command.
            let _ = worker.send(WorkerOrder {
                command: command.clone(),
                cut_off: self.cut_off.clone(),
                pending: Arc::clone(&self.pending),
            });
        }
    }

    /// Returns true if all workers have carried out the last command, or one never will.
    pub(super) fn is_idle(&self) -> bool {
        Arc::strong_count(&self.pending) == 1 || self.gone.is_some() || self.workers.any_finished()
    }

    /// Returns the error of a worker that has ended, if one has: all others are ended then.
    pub(super) fn gone(&mut self) -> Option<WorkerGone> {
        if self.workers.any_finished() {
            self.shutdown.cancel();
            let reason = self.workers.join();
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            self.gone = Some(WorkerGone(reason));
        }
        self.gone.clone()
    }
}

impl<F: ConnectionFactory> Drop for HeldLoad<F> {
    fn drop(&mut self) {
        self.shutdown.cancel();
        let started = Instant::now();
        while !self.workers.all_finished() && started.elapsed() < SHUTDOWN_BOUND {
            std::thread::sleep(LOOKED_EVERY);
        }
    }
}

async fn run_worker<F: ConnectionFactory>(
    worker: WorkerShare,
    state: Arc<HeldState<F>>,
    orders: Option<mpsc::UnboundedReceiver<WorkerOrder>>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let mut worker = HeldWorker::new(worker, state)?;
    let work = async {
        let Some(mut orders) = orders else {
            return Ok(());
        };
        while let Some(order) = orders.recv().await {
            worker.execute(order.command, &order.cut_off).await?;
            drop(order.pending);
        }
        Ok(())
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(()),
        result = work => result,
    }
}
