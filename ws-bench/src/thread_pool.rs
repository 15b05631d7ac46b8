//! Pool of the worker threads: starts them, sends them commands, waits for each command, and shuts
//! them down.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use load_engine::{Cancel, RuntimeKind, WorkerShare, claim_shard};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::connection_step::RunSetup;
use crate::worker_thread::{ThreadCommand, WorkerThread};

/// Interval of the generator's heartbeat.
const HEARTBEAT: Duration = Duration::from_millis(10);
/// Longest time that the runtime of a worker thread may take to shut down.
const RUNTIME_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(300);
/// Longest time that all worker threads may take to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(800);

/// Reasons for which a command was not carried out to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ThreadPoolError {
    /// A signal asked to end.
    #[error("interrupted")]
    Cancelled,
    /// A worker thread has ended.
    #[error("a worker thread ended before its time")]
    WorkerGone,
}

/// Pool of worker threads.
pub(crate) struct ThreadPool {
    threads: usize,
    cancel: Cancel,
    workers: Vec<(mpsc::UnboundedSender<ThreadCommand>, JoinHandle<()>)>,
    done: Receiver<CommandDone>,
    /// Number of connections of each worker after its last command.
    connections: Vec<u64>,
}

/// Message of a worker that has carried out its command.
struct CommandDone {
    worker: u64,
    connections: u64,
}

impl ThreadPool {
    /// Starts the workers: one for each thread, or a single one whose runtime has all threads.
    ///
    /// # Errors
    /// Fails when the system gives no thread, runtime or timer.
    pub(crate) fn start(
        setup: &Arc<RunSetup>,
        kind: RuntimeKind,
        threads: usize,
        cancel: &Cancel,
    ) -> io::Result<Self> {
        let count = match kind {
            RuntimeKind::Shared => 1,
            RuntimeKind::PerCore => threads as u64,
        };
        let (finished, done) = channel();
        let workers = (0..count).map(|index| {
            let worker = WorkerShare { index, count };
            let runtime = build_runtime(kind, threads, setup)?;
            let worker =
                runtime.block_on(async { WorkerThread::new(worker, Arc::clone(setup)) })?;
            let (sender, commands) = mpsc::unbounded_channel();
            let (cancel, finished) = (cancel.clone(), finished.clone());
            let setup = Arc::clone(setup);
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    claim_shard(index as usize + 1);
                    setup.threads.enlist();
                    runtime.block_on(run_worker(worker, commands, cancel, finished));
                    runtime.shutdown_timeout(RUNTIME_SHUTDOWN_TIMEOUT);
                })?;
            Ok((sender, thread))
        });
        Ok(Self {
            threads,
            cancel: cancel.clone(),
            workers: workers.collect::<io::Result<_>>()?,
            done,
            connections: vec![0; count as usize],
        })
    }

    /// Number of threads that make the load.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Sends all workers one command and waits until they have carried it out; calls `heartbeat`
    /// about every 10 ms with the delay of that call.
    ///
    /// # Errors
    /// Fails when a signal came first, or a worker is gone.
    pub(crate) fn run_command(
        &mut self,
        command: &ThreadCommand,
        mut heartbeat: impl FnMut(Duration),
    ) -> Result<(), ThreadPoolError> {
        for (sender, _) in &self.workers {
            sender
                .send(command.clone())
                .map_err(|_| self.pool_error())?;
        }
        let mut waiting = self.workers.len();
        while waiting > 0 {
            let started = Instant::now();
            match self.done.recv_timeout(HEARTBEAT) {
                Ok(done) => {
                    self.connections[done.worker as usize] = done.connections;
                    waiting -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.pool_error()),
            }
            // The command may be done although this process was stopped meanwhile.
            if let Some(late) = started.elapsed().checked_sub(HEARTBEAT) {
                heartbeat(late);
            }
            if self.cancel.is_cancelled() {
                return Err(ThreadPoolError::Cancelled);
            }
            if self.workers.iter().any(|(_, thread)| thread.is_finished()) {
                return Err(self.pool_error());
            }
        }
        Ok(())
    }

    /// Splits the numbers of `talkers` into one range for each worker, in proportion to its
    /// connections.
    pub(crate) fn shares(&self, talkers: u64) -> Arc<[Range<u64>]> {
        shares(&self.connections, talkers)
    }

    fn pool_error(&self) -> ThreadPoolError {
        if self.cancel.is_cancelled() {
            ThreadPoolError::Cancelled
        } else {
            ThreadPoolError::WorkerGone
        }
    }

    /// Ends the workers and drops every open connection, which records what is in flight as
    /// censored. A worker that does not end in time is left to the end of the process.
    pub(crate) fn shut_down(&mut self) {
        let started = Instant::now();
        let mut threads = Vec::new();
        for (sender, thread) in self.workers.drain(..) {
            drop(sender);
            threads.push(thread);
        }
        while started.elapsed() < SHUTDOWN_TIMEOUT && !threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn shares(connections: &[u64], talkers: u64) -> Arc<[Range<u64>]> {
    let all: u64 = connections.iter().sum();
    let talkers = talkers.min(all);
    let mut before = 0;
    let up_to = |connections: u64| talkers * connections / all.max(1);
    connections
        .iter()
        .map(|own| {
            let start = up_to(before);
            before += own;
            start..up_to(before)
        })
        .collect()
}

fn build_runtime(kind: RuntimeKind, threads: usize, setup: &Arc<RunSetup>) -> io::Result<Runtime> {
    match kind {
        RuntimeKind::PerCore => Builder::new_current_thread().enable_all().build(),
        RuntimeKind::Shared => {
            let next = AtomicUsize::new(1);
            let setup = Arc::clone(setup);
            Builder::new_multi_thread()
                .worker_threads(threads)
                .on_thread_start(move || {
                    claim_shard(next.fetch_add(1, Ordering::Relaxed));
                    setup.threads.enlist();
                })
                .enable_all()
                .build()
        }
    }
}

async fn run_worker(
    mut worker: WorkerThread,
    mut commands: mpsc::UnboundedReceiver<ThreadCommand>,
    cancel: Cancel,
    finished: Sender<CommandDone>,
) {
    let work = async {
        while let Some(command) = commands.recv().await {
            worker.execute(command).await;
            let (worker, connections) = worker.connection_count();
            if finished
                .send(CommandDone {
                    worker,
                    connections,
                })
                .is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => {}
        () = work => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_talker_is_dealt_once_and_only_to_workers_that_have_connections() {
        for (connections, talkers) in [
            (vec![50, 50], 7),
            (vec![0, 1], 1),
            (vec![1, 0], 1),
            (vec![1, 199], 200),
            (vec![3, 90, 7], 20),
            (vec![0, 0], 5),
            (vec![2, 1], 9),
        ] {
            let dealt = shares(&connections, talkers);
            let wanted = talkers.min(connections.iter().sum());
            let numbers: Vec<u64> = dealt.iter().cloned().flatten().collect();
            assert_eq!(numbers, (0..wanted).collect::<Vec<_>>(), "{connections:?}");
            let fits = |(range, own): (&Range<u64>, &u64)| range.end - range.start <= *own;
            assert!(
                dealt.iter().zip(&connections).all(fits),
                "{connections:?}: {dealt:?}"
            );
        }
    }
}
