//! Worker processes of a run. They start together, stay from step to step, and end together.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use bench_report::clock::monotonic_ns;
use serde_json::Value;

use super::protocol::{Answer, Order, PROTOCOL};
use super::worker_process::{StepOnWorker, WorkerProcess};
use crate::plan::worker_share::WorkerShare;

/// Longest wait for the first answers of all workers together.
const HELLO_BOUND: Duration = Duration::from_secs(10);
/// Number of pings to each worker, which compare the clocks and measure the round-trip time.
const PINGS: usize = 3;
/// Longest wait for the answer to a ping.
const PING_BOUND: Duration = Duration::from_secs(2);

/// Longest wait until the workers have closed connections, each of which may take a second.
const CLOSE_BOUND: Duration = Duration::from_secs(30);
const CLOSE_BEAT: Duration = Duration::from_millis(10);

/// Reason for which worker processes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkersError {
    /// The operating system did not start a worker, or not with pipes.
    #[error("cannot start worker {worker}: {source}")]
    Start {
        /// Position of the worker among all workers.
        worker: WorkerShare,
        /// Error of the operating system that starting the worker met.
        source: io::Error,
    },
    /// A worker ended, refused its parent, did not answer, or has another monotonic clock.
    #[error("worker {worker} (pid {pid}) is of no use: {reason}")]
    Unusable {
        /// Position of the worker among all workers.
        worker: WorkerShare,
        /// Process id of the worker.
        pid: u32,
        /// Observation that makes the worker unusable, as a part of a sentence.
        reason: String,
    },
}

/// Event on the pipe from one worker: an answer, a line that cannot be parsed, or the end.
enum Received {
    Answer(Box<Answer>),
    Unreadable(String),
    Ended,
}

/// Pipes from and to a worker, and its process, which is `None` in tests.
pub(super) struct WorkerPipes {
    pub(super) answers: Box<dyn Read + Send>,
    pub(super) orders: Box<dyn Write + Send>,
    pub(super) process: Option<Child>,
}

/// Worker processes of a run, on the side of their parent. Dropping the value ends them.
pub struct WorkerProcesses {
    pub(super) workers: Vec<WorkerProcess>,
    received: Receiver<(usize, Received)>,
    worst_ping_ns: u64,
}

impl fmt::Debug for WorkerProcesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerProcesses")
            .field("count", &self.workers.len())
            .finish_non_exhaustive()
    }
}

impl WorkerProcesses {
    /// Starts `count` workers and sends them `setup`. `spawn` must start each with pipes as its
    /// standard input and output. `version` is that of this program. Waits until all workers have
    /// answered and their clocks are compared.
    ///
    /// # Errors
    /// Fails if a worker cannot be started, refuses its parent, does not answer, or has another
    /// monotonic clock.
    pub fn start(
        count: u64,
        version: &str,
        setup: &Value,
        mut spawn: impl FnMut(WorkerShare) -> io::Result<Child>,
    ) -> Result<Self, WorkersError> {
        let shares = (0..count).map(|index| WorkerShare { index, count });
        let pipes = shares.map(|worker| {
            let start = |source| WorkersError::Start { worker, source };
            let mut process = spawn(worker).map_err(start)?;
            let (answers, orders) = (process.stdout.take(), process.stdin.take());
            let (Some(answers), Some(orders)) = (answers, orders) else {
                return Err(start(io::Error::other("it has no pipes")));
            };
            Ok(WorkerPipes {
                answers: Box::new(answers),
                orders: Box::new(orders),
                process: Some(process),
            })
        });
        let pipes = pipes.collect::<Result<Vec<_>, _>>()?;
        Self::over(pipes, version, setup)
    }

    /// Connects to the workers at the other ends of `pipes`, as [`WorkerProcesses::start`] does
    /// after it has started them.
    pub(super) fn over(
        pipes: Vec<WorkerPipes>,
        version: &str,
        setup: &Value,
    ) -> Result<Self, WorkersError> {
        let (sender, received) = mpsc::channel();
        let count = pipes.len() as u64;
        let mut workers = Vec::with_capacity(pipes.len());
        for (index, pipes) in pipes.into_iter().enumerate() {
            let worker = WorkerShare {
                index: index as u64,
                count,
            };
            read_answers(index, pipes.answers, sender.clone())
                .map_err(|source| WorkersError::Start { worker, source })?;
            workers.push(WorkerProcess::new(worker, pipes.orders, pipes.process));
        }
        let mut all = Self {
            workers,
            received,
            worst_ping_ns: 0,
        };
        all.greet(version, setup)?;
        all.compare_clocks()?;
        Ok(all)
    }

    fn greet(&mut self, version: &str, setup: &Value) -> Result<(), WorkersError> {
        for worker in &mut self.workers {
            let share = worker.share;
            worker.order(&Order::Begin {
                protocol: PROTOCOL,
                version: version.to_owned(),
                worker: share,
                setup: setup.clone(),
            });
        }
        self.wait(HELLO_BOUND, |worker| worker.step.greeted);
        self.all_usable(|worker| (!worker.step.greeted).then(|| "it did not answer".to_owned()))
    }

    /// Verifies that each worker reads the same monotonic clock as this process, because instants
    /// are sent without conversion. Fails if one does not, or does not answer.
    fn compare_clocks(&mut self) -> Result<(), WorkersError> {
        for index in 0..self.workers.len() {
            for _ in 0..PINGS {
                let sent_ns = monotonic_ns();
                self.workers[index].step.pong_ns = None;
                self.workers[index].ask(&Order::Ping);
                let answered =
                    |w: &WorkerProcess| w.share.index != index as u64 || w.step.pong_ns.is_some();
                self.wait(PING_BOUND, answered);
                let received_ns = monotonic_ns();
                self.worst_ping_ns = self.worst_ping_ns.max(received_ns - sent_ns);
                self.all_usable(|worker| {
                    let at_ns = worker.step.pong_ns?;
                    let is_off = worker.share.index == index as u64
                        && !(sent_ns..=received_ns).contains(&at_ns);
                    is_off.then(|| {
                        "its monotonic clock differs from its parent's (another time namespace)"
                            .to_owned()
                    })
                })?;
                if self.workers[index].step.pong_ns.is_none() {
                    return Err(self.workers[index].unusable("it did not answer"));
                }
            }
        }
        Ok(())
    }

    fn all_usable(
        &self,
        fault: impl Fn(&WorkerProcess) -> Option<String>,
    ) -> Result<(), WorkersError> {
        let faulty = self.workers.iter().find_map(|worker| {
            let reason = worker.lost.clone().or_else(|| fault(worker))?;
            Some(worker.unusable(&reason))
        });
        faulty.map_or(Ok(()), Err)
    }

    /// Orders each worker to close connections until it holds at most its share of `most`. Returns
    /// the number that are open then, over the workers that have answered. Waits at most about 30
    /// s, and only until `cancelled` returns true.
    pub fn close_beyond(&mut self, most: u64, cancelled: impl Fn() -> bool) -> u64 {
        for worker in &mut self.workers {
            worker.step.open_after_closing = None;
            let most = worker.share.share_of(most);
            worker.order(&Order::CloseBeyond { most });
        }
        let started = Instant::now();
        let has_closed = |worker: &WorkerProcess| worker.step.open_after_closing.is_some();
        let is_over = |worker: &WorkerProcess| worker.lost.is_some() || has_closed(worker);
        while !cancelled() && !self.workers.iter().all(is_over) {
            if started.elapsed() > CLOSE_BOUND {
                let silent = self.workers.iter_mut().filter(|worker| !is_over(worker));
                silent.for_each(|worker| worker.give_up(CLOSE_BOUND));
            }
            self.wait(CLOSE_BEAT, has_closed);
        }
        let open = self.workers.iter();
        open.filter_map(|worker| worker.step.open_after_closing)
            .sum()
    }

    /// Returns the process ids of the workers, in the order of their numbers.
    pub fn pids(&self) -> Vec<u32> {
        self.workers.iter().map(|worker| worker.pid).collect()
    }

    /// Returns the number of workers, lost ones included.
    pub(crate) fn count(&self) -> u64 {
        self.workers.len() as u64
    }

    /// Returns a sentence, without a full stop, about the first lost worker; `None` if none was
    /// lost. After a loss no further step can run.
    pub fn lost(&self) -> Option<String> {
        let lost = self.workers.iter().find(|worker| worker.lost.is_some())?;
        Some(lost.sentence())
    }

    /// Returns the longest round-trip time of a ping to any worker at the start, in nanoseconds.
    pub(super) fn worst_ping_ns(&self) -> u64 {
        self.worst_ping_ns
    }

    /// Discards the workers' state of the last step, before a new step.
    pub(super) fn forget_step(&mut self) {
        self.take_answers();
        for worker in &mut self.workers {
            worker.step = StepOnWorker::default();
        }
    }

    pub(super) fn order(&mut self, order: &Order) {
        for worker in &mut self.workers {
            worker.order(order);
        }
    }

    /// Processes the answers that have arrived, without waiting for others.
    pub(super) fn take_answers(&mut self) {
        while let Ok((index, received)) = self.received.try_recv() {
            self.receive(index, received);
        }
    }

    /// Waits until each worker is lost or fulfils `is_done`, for at most `bound`, and processes the
    /// answers meanwhile.
    pub(super) fn wait(&mut self, bound: Duration, is_done: impl Fn(&WorkerProcess) -> bool) {
        let started = Instant::now();
        loop {
            self.take_answers();
            let over = |worker: &WorkerProcess| worker.lost.is_some() || is_done(worker);
            let left = bound.saturating_sub(started.elapsed());
            if left.is_zero() || self.workers.iter().all(over) {
                return;
            }
            if let Ok((index, received)) = self.received.recv_timeout(left) {
                self.receive(index, received);
            }
        }
    }

    fn receive(&mut self, index: usize, received: Received) {
        let worker = &mut self.workers[index];
        match received {
            Received::Answer(answer) => worker.receive(*answer),
            Received::Unreadable(said) => worker.note_end(Some(said)),
            Received::Ended => worker.note_end(None),
        }
    }
}

impl WorkerProcess {
    fn unusable(&self, reason: &str) -> WorkersError {
        WorkersError::Unusable {
            worker: self.share,
            pid: self.pid,
            reason: reason.to_owned(),
        }
    }
}

/// Starts a thread that reads the answers of worker number `index` and sends them to `sender` until
/// the pipe ends or a line cannot be parsed. Fails if no thread can be created.
fn read_answers(
    index: usize,
    answers: Box<dyn Read + Send>,
    sender: Sender<(usize, Received)>,
) -> io::Result<()> {
    let read = move || {
        for line in BufReader::new(answers).lines().map_while(Result::ok) {
            let received = match serde_json::from_str(&line) {
                Ok(answer) => Received::Answer(Box::new(answer)),
                Err(error) => Received::Unreadable(error.to_string()),
            };
            let is_readable = matches!(received, Received::Answer(_));
            if sender.send((index, received)).is_err() || !is_readable {
                return;
            }
        }
        let _ = sender.send((index, Received::Ended));
    };
    std::thread::Builder::new()
        .name(format!("answers-{index}"))
        .spawn(read)?;
    Ok(())
}
