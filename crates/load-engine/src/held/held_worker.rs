//! Worker with its share of the connections that stay open. It opens the connections, makes them
//! send messages, checks and closes them.

use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::connection_attempt::attempt;
use super::connection_factory::{ConnectionFactory, ConnectionId};
use super::connection_handle::{CompletionToken, ConnectionCommand, ConnectionHandle};
use super::connection_task::{ConnectionTask, record_lost};
use super::held_step::HeldStep;
use super::talk_schedule::{TalkSchedule, TalkerQueue, deliver, talker_arrivals};
use crate::load::pacer::Pacer;
use crate::plan::load_plan::LoadPlan;
use crate::plan::step_plan::WaitStrategy;
use crate::plan::think_time::Pauses;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::in_flight_request::{Arrival, InFlightRequest};

/// Largest number of simultaneous attempts to connect, over all workers of all processes. It is
/// below the usual length of servers' accept queues (`somaxconn`), so that the test does not
/// measure that queue.
const ATTEMPTS_AT_ONCE: u64 = 128;
/// Largest delay of new connections that the pacer makes up for by connecting faster, in
/// nanoseconds.
const CATCH_UP_NS: u64 = 10_000_000;
/// Number of commands sent, or arrivals released, before other tasks of the thread run.
const BATCH: usize = 32;
/// Time in which messages may still be answered after a step was ended early.
const HALTED_GRACE: Duration = Duration::from_millis(200);

/// Command of a load to all its workers at once.
#[derive(Debug, Clone)]
pub(crate) enum WorkerCommand {
    /// Open `missing` connections more, over all workers of this process. Fewer are opened if too
    /// many attempts fail. `again` is true if the step has opened some before: lost ones then count
    /// as lost in this step.
    Fill {
        step: Arc<HeldStep>,
        missing: u64,
        again: bool,
    },
    /// Make connections send messages. `talkers` has, by worker, the range of numbers of the
    /// connections that do.
    Talk {
        step: Arc<HeldStep>,
        talkers: Arc<[Range<u64>]>,
    },
    /// Exchange one message on every connection, as proof that it is alive.
    Check(Arc<HeldStep>),
    /// Forget lost connections, and close open ones. The count is the number that are still to be
    /// closed, which all workers share and decrement.
    Close(Arc<AtomicU64>),
}

/// Settings and state that all workers and steps of a load share.
#[derive(Debug)]
pub(crate) struct HeldState<F> {
    pub(crate) factory: Arc<F>,
    /// Number of connections that are opened per second, over all workers of all processes.
    pub(crate) connects_per_s: f64,
    /// Longest wait for the answer to each message.
    pub(crate) timeout: Duration,
    pub(crate) waiting: WaitStrategy,
    /// Number of open connections of this process.
    pub(crate) open: Arc<AtomicU64>,
    /// Number of connections of each worker of this process, lost ones included, updated after each
    /// command.
    pub(crate) connections: Vec<AtomicU64>,
    /// Share of this process in the load of all processes.
    pub(crate) process: WorkerShare,
}

/// State of one worker, owned by the main task of its runtime.
pub(crate) struct HeldWorker<F: ConnectionFactory> {
    /// Position of this worker among the workers of all processes.
    worker: WorkerShare,
    /// Position of this worker among the workers of its process.
    thread: WorkerShare,
    state: Arc<HeldState<F>>,
    pacer: Pacer,
    connections: Vec<Arc<ConnectionHandle>>,
    opened: u64,
}

/// Result of an attempt to connect: the connection, `None` for a failure, which is recorded
/// already, or the error of a task that panicked or was cut off.
type Attempted<C> = Result<Option<C>, JoinError>;

impl<F: ConnectionFactory> HeldWorker<F> {
    /// Creates the worker at the position `worker` among the workers of all processes, without
    /// connections.
    ///
    /// # Errors
    /// Fails if the operating system provides no timer.
    pub(crate) fn new(worker: WorkerShare, state: Arc<HeldState<F>>) -> Result<Self, Failure> {
        let pacer =
            Pacer::new(state.waiting).map_err(|error| Failure::new("timer", &error.to_string()))?;
        let thread = WorkerShare {
            index: worker.index / state.process.count,
            count: state.connections.len() as u64,
        };
        Ok(Self {
            worker,
            thread,
            state,
            pacer,
            connections: Vec::new(),
            opened: 0,
        })
    }

    /// Carries out one command; abandons it when `cut_off` is cancelled.
    ///
    /// # Errors
    /// Fails if the system's timer fails.
    pub(crate) async fn execute(
        &mut self,
        command: WorkerCommand,
        cut_off: &CancellationToken,
    ) -> Result<(), Failure> {
        match command {
            WorkerCommand::Fill {
                step,
                missing,
                again,
            } => {
                self.forget_lost(again.then_some(&step));
                let mut attempts = JoinSet::new();
                let filled = tokio::select! {
                    biased;
                    () = cut_off.cancelled() => Ok(()),
                    filled = self.fill(&step, missing, &mut attempts) => filled,
                };
                attempts.shutdown().await;
                filled?;
            }
            WorkerCommand::Talk { step, talkers } => self.talk(&step, &talkers, cut_off).await?,
            WorkerCommand::Check(step) => self.check(&step, cut_off).await,
            WorkerCommand::Close(surplus) => self.close(&surplus).await,
        }
        let own = &self.state.connections[self.thread.index as usize];
        own.store(self.connections.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn fill(
        &mut self,
        step: &Arc<HeldStep>,
        missing: u64,
        attempts: &mut JoinSet<Option<F::Connection>>,
    ) -> Result<(), Failure> {
        let wanted = self.connections.len() + self.thread.share_of(missing) as usize;
        let at_once = self.worker.share_of(ATTEMPTS_AT_ONCE).max(1) as usize;
        let gap_ns = (1e9 * self.worker.count as f64 / self.state.connects_per_s) as u64;
        let mut due_ns = monotonic_ns();
        loop {
            let missing = wanted.saturating_sub(self.connections.len() + attempts.len());
            let ended = step.has_broken() || step.is_halted();
            let may_connect = missing > 0 && attempts.len() < at_once && !ended;
            if !may_connect && attempts.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                Some(attempted) = attempts.join_next() => self.add_connection(attempted, step),
                timed = self.pacer.wait_until(due_ns), if may_connect => {
                    timed.map_err(|error| Failure::new("timer", &error.to_string()))?;
                    due_ns = (due_ns + gap_ns).max(monotonic_ns().saturating_sub(CATCH_UP_NS));
                    let id = ConnectionId(self.opened * self.worker.count + self.worker.index);
                    self.opened += 1;
                    attempts.spawn(attempt(id, Arc::clone(&self.state.factory), Arc::clone(step)));
                }
            }
        }
    }

    /// Removes lost connections from the list. If `step` is given, records each of them in it as
    /// lost, because the step itself had opened them or lost them.
    fn forget_lost(&mut self, step: Option<&Arc<HeldStep>>) {
        self.connections.retain(|connection| {
            let lost = connection.failure();
            if let (Some(failure), Some(step)) = (&lost, step) {
                record_lost(step, failure.as_ref().clone());
            }
            lost.is_none()
        });
    }

    fn add_connection(&mut self, attempted: Attempted<F::Connection>, step: &HeldStep) {
        let Ok(Some(connection)) = attempted else {
            return step.count_failed_connect();
        };
        let handle = Arc::new(ConnectionHandle::default());
        let state = &self.state;
        let task = ConnectionTask::new(connection, Arc::clone(&handle), state.timeout, &state.open);
        tokio::spawn(task.run());
        self.connections.push(handle);
    }

    async fn talk(
        &mut self,
        step: &Arc<HeldStep>,
        talkers: &[Range<u64>],
        cut_off: &CancellationToken,
    ) -> Result<(), Failure> {
        let (token, completed) = mpsc::channel::<()>(1);
        let own = talkers[self.thread.index as usize].clone();
        let connections = spread_evenly(&self.connections, (own.end - own.start) as usize);
        let mut released = Ok(());
        match step.plan.load {
            LoadPlan::Closed { think_time, .. } => {
                let count = connections.len().max(1) as u32;
                for (connection, n) in connections.iter().zip(0..) {
                    let offset = think_time.mean() / count * n;
                    let process = self.state.process;
                    let talker = process.of_talker(own.start + u64::from(n));
                    let pauses = Pauses::new(think_time, step.plan.seed, talker);
                    let schedule = TalkSchedule::Paused { pauses, offset };
                    // If the connection is lost, the check at the end of the step will record it.
                    let _ = connection.send(talk(step, schedule, &token));
                }
            }
            LoadPlan::Open { .. } => {
                let mut queues = Vec::with_capacity(connections.len());
                for connection in &connections {
                    let (sender, queue) = TalkerQueue::new(step);
                    let schedule = TalkSchedule::Arrivals(queue);
                    if connection.send(talk(step, schedule, &token)).is_ok() {
                        queues.push(sender);
                    }
                }
                let all = talkers.last().map_or(0, |range| range.end);
                released = self.release(step, queues, own, all).await;
            }
        }
        drop(token);
        let must_cease = async {
            tokio::select! {
                () = cut_off.cancelled() => {}
                () = step.halted() => tokio::time::sleep(HALTED_GRACE).await,
            }
        };
        await_completion(completed, &connections, must_cease).await;
        released
    }

    /// Releases the arrivals of the connections `own`, of `all` that send messages, until the
    /// measured part ends or the step is halted. Arrivals that were due but not released are
    /// recorded as censored.
    async fn release(
        &mut self,
        step: &HeldStep,
        mut queues: Vec<mpsc::UnboundedSender<Arrival>>,
        own: Range<u64>,
        all: u64,
    ) -> Result<(), Failure> {
        let arrivals = step.plan.arrivals(step.plan.process);
        let (Some(segments), Some(arrivals), false) = (step.segments(), arrivals, own.is_empty())
        else {
            return Ok(());
        };
        let first = own.start;
        let arrivals = talker_arrivals(arrivals, own, all);
        let mut due = arrivals
            .map(|(talker, offset_ns)| ((talker - first) as usize, segments.start_ns() + offset_ns))
            .take_while(|(_, due_ns)| *due_ns < segments.measure_end_ns())
            .peekable();
        let released = tokio::select! {
            biased;
            () = step.halted() => Ok(()),
            released = self.release_all(step, &mut due, &mut queues) => released,
        };
        let ended_ns = monotonic_ns();
        for (_, due_ns) in due.take_while(|(_, due_ns)| *due_ns < ended_ns) {
            // Arrivals that were due but not released count as censored, like requests that are cut
            // off.
            let arrival = Arrival {
                due_ns,
                released_ns: ended_ns,
            };
            step.messages.recorder.begin(due_ns);
            drop(InFlightRequest::never_started(&step.messages, arrival));
        }
        released
    }

    async fn release_all(
        &mut self,
        step: &HeldStep,
        due: &mut Peekable<impl Iterator<Item = (usize, u64)>>,
        queues: &mut Vec<mpsc::UnboundedSender<Arrival>>,
    ) -> Result<(), Failure> {
        let mut released: usize = 0;
        while let Some((turn, due_ns)) = due.peek().copied() {
            let timed = self.pacer.wait_until(due_ns).await;
            timed.map_err(|error| Failure::new("timer", &error.to_string()))?;
            due.next();
            let arrival = Arrival {
                due_ns,
                released_ns: monotonic_ns(),
            };
            step.messages.recorder.begin(due_ns);
            deliver(step, queues, turn, arrival);
            released += 1;
            if released.is_multiple_of(BATCH) {
                // A pacer that is late never waits, and would keep its own connections from
                // running.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn check(&mut self, step: &Arc<HeldStep>, cut_off: &CancellationToken) {
        let (token, completed) = mpsc::channel::<()>(1);
        for (n, connection) in self.connections.iter().enumerate() {
            let command = ConnectionCommand::Check {
                step: Arc::clone(step),
                token: token.clone(),
            };
            if let Err(failure) = connection.send(command) {
                record_lost(step, failure.as_ref().clone());
            }
            if n.is_multiple_of(BATCH) {
                tokio::task::yield_now().await;
            }
        }
        drop(token);
        await_completion(completed, &self.connections, cut_off.cancelled()).await;
    }

    /// Closes this worker's connections one at a time while `surplus`, which all workers share and
    /// decrement, is above zero. Taking one at a time keeps workers from closing very different
    /// numbers.
    async fn close(&mut self, surplus: &AtomicU64) {
        self.forget_lost(None);
        let (token, mut completed) = mpsc::channel::<()>(1);
        while !self.connections.is_empty() && take_one(surplus) {
            if let Some(connection) = self.connections.pop() {
                let token = token.clone();
                // A lost connection needs no closing.
                let _ = connection.send(ConnectionCommand::Close { token });
            }
            tokio::task::yield_now().await;
        }
        drop(token);
        let _ = completed.recv().await;
    }
}

/// Waits until all `connections` have carried out their command, which `completed` shows. Once
/// `must_cease` ends, makes them abandon the command.
async fn await_completion(
    mut completed: mpsc::Receiver<()>,
    connections: &[Arc<ConnectionHandle>],
    must_cease: impl Future<Output = ()>,
) {
    tokio::select! {
        biased;
        // The channel ends when the last connection drops its token.
        _ = completed.recv() => return,
        () = must_cease => {}
    }
    for connection in connections {
        connection.cease();
    }
    let _ = completed.recv().await;
}

fn take_one(count: &AtomicU64) -> bool {
    let less_one = |n: u64| n.checked_sub(1);
    let (set, fetched) = (Ordering::Relaxed, Ordering::Relaxed);
    count.fetch_update(set, fetched, less_one).is_ok()
}

fn talk(
    step: &Arc<HeldStep>,
    schedule: TalkSchedule,
    token: &CompletionToken,
) -> ConnectionCommand {
    ConnectionCommand::Talk {
        step: Arc::clone(step),
        schedule: Box::new(schedule),
        token: token.clone(),
    }
}

/// Picks `wanted` of `connections`, at even distances in the list; all of them if there are fewer.
fn spread_evenly(
    connections: &[Arc<ConnectionHandle>],
    wanted: usize,
) -> Vec<Arc<ConnectionHandle>> {
    let wanted = wanted.min(connections.len());
    (0..wanted)
        .map(|n| Arc::clone(&connections[n * connections.len() / wanted]))
        .collect()
}
