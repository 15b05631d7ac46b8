//! Connections that stay open from step to step, and the workers that own them.

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

/// Longest wait for the end of all workers when the load is dropped.
const SHUTDOWN_BOUND: Duration = Duration::from_millis(800);
/// Time between two checks whether the workers have carried out a command.
const LOOKED_EVERY: Duration = Duration::from_millis(1);

/// Settings of a load of connections that stay open.
#[derive(Debug, Clone, Copy)]
pub struct HeldSettings {
    /// Number of connections that are opened per second, over all workers of all processes.
    pub connects_per_s: f64,
    /// Longest wait for the answer to each message.
    pub timeout: Duration,
    /// Kind of tokio runtime on which the workers run.
    pub runtime: RuntimeKind,
    /// Number of threads of this process that make the load; 0 counts as 1.
    pub threads: usize,
    /// Way in which workers wait for the instant of an arrival or a connect.
    pub waiting: WaitStrategy,
    /// Share of this process in the connections, and in the connections opened per second.
    pub process: WorkerShare,
}

/// Error of a worker thread that ended before it was told to. Holds the reason with a colon before
/// it, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a worker thread ended before its time{0}")]
pub struct WorkerGone(String);

/// Command to one worker, with the means to cut it off and to report that it was carried out.
struct WorkerOrder {
    command: WorkerCommand,
    cut_off: CancellationToken,
    /// Clone of the load's `pending`, which is dropped when the command has been carried out.
    pending: Arc<()>,
}

/// Connections that stay open from step to step, owned by worker threads. Dropping the load drops
/// the connections without closing them by their protocol, and waits at most 0.8 s for the end of
/// the threads.
#[derive(Debug)]
pub struct HeldLoad<F: ConnectionFactory> {
    state: Arc<HeldState<F>>,
    workers: WorkerPool,
    orders: Vec<mpsc::UnboundedSender<WorkerOrder>>,
    threads: LoadThreads,
    /// Token that makes the workers abandon the last command when it is cancelled.
    cut_off: CancellationToken,
    /// Value of which each worker holds a clone until it has carried out the last command.
    pending: Arc<()>,
    shutdown: CancellationToken,
    gone: Option<WorkerGone>,
}

impl<F: ConnectionFactory> HeldLoad<F> {
    /// Starts the workers, without opening a connection: one for each thread, or, on a shared
    /// runtime, a single one with all threads.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread, or tokio a runtime.
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
            process: settings.process,
        });
        let (load_threads, shutdown) = (LoadThreads::default(), CancellationToken::new());
        let pool = PoolThreads {
            runtime: settings.runtime,
            threads,
            workers,
            sessions: 0,
            process: settings.process,
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

    /// Returns the number of connections of this process that are open now.
    pub fn open(&self) -> u64 {
        self.state.open.load(Ordering::Relaxed)
    }

    /// Closes open connections until `most` are left, and forgets lost ones, so that the next step
    /// counts only its own losses. Waits until they are closed, at most about a second, or until
    /// `cancelled` returns true.
    ///
    /// # Errors
    /// Fails if a worker has ended.
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

    /// Returns the number of connections of each worker, as after its last command.
    pub(super) fn connections(&self) -> Vec<u64> {
        let connections = self.state.connections.iter();
        connections.map(|n| n.load(Ordering::Relaxed)).collect()
    }

    /// Returns the operations under which attempts to connect, messages and checks are recorded.
    pub(super) fn operations(&self) -> HeldOperations {
        self.state.factory.operations()
    }

    /// Reads the CPU time of this process and of each thread of the load.
    pub(super) fn read_cpu(&self) -> CpuReading {
        CpuReading::read(&self.threads)
    }

    /// Makes all workers abandon the last command.
    pub(super) fn cut_off(&self) {
        self.cut_off.cancel();
    }

    /// Waits until all workers have carried out the last command, for at most `bound`.
    pub(super) fn wait_until_idle(&self, bound: Duration) {
        let started = Instant::now();
        while !self.is_idle() && started.elapsed() < bound {
            std::thread::sleep(LOOKED_EVERY);
        }
    }

    /// Sends `command` to all workers, and returns before they have carried it out.
    pub(super) fn order(&mut self, command: &WorkerCommand) {
        self.cut_off = CancellationToken::new();
        self.pending = Arc::new(());
        for worker in &self.orders {
            // If a worker has ended, the wait for the command will notice it.
            let _ = worker.send(WorkerOrder {
                command: command.clone(),
                cut_off: self.cut_off.clone(),
                pending: Arc::clone(&self.pending),
            });
        }
    }

    /// Returns true if all workers have carried out the last command, or if a worker has ended.
    pub(super) fn is_idle(&self) -> bool {
        Arc::strong_count(&self.pending) == 1 || self.gone.is_some() || self.workers.any_finished()
    }

    /// Returns the error of the first worker that has ended, and then ends all others; `None` if
    /// all are running.
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
