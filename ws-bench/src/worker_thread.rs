//! One worker thread with its share of the connections: opens them, has them send messages, checks
//! and closes them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{Arrivals, Failure, LoadPlan, Pacer, Pauses, RateCurve, WorkerShare};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::connect::open_connection;
use crate::connection_handle::{ConnectionCommand, ConnectionHandle, TalkSchedule, TalkerQueue};
use crate::connection_step::{ConnectionStep, RunSetup};
use crate::connection_task::ConnectionTask;
use crate::in_flight::{InFlightMessage, MessageArrival};
use crate::socket::WsSocket;

/// Attempts to connect under way at once, all worker threads together: below the length of the
/// accept queue of common servers (`somaxconn`), which would otherwise be measured.
const ATTEMPTS_AT_ONCE: u64 = 128;
/// Most by which a late pacer may catch up.
const CATCH_UP_NS: u64 = 10_000_000;
/// Commands sent, or arrivals released, before other tasks of the thread get a turn.
const BATCH: usize = 32;
/// Time between two checks that any connection is still open.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Command to all worker threads at once.
#[derive(Debug, Clone)]
pub(crate) enum ThreadCommand {
    /// Open `missing` further connections over all threads, or fewer when the step breaks.
    Open {
        step: Arc<ConnectionStep>,
        missing: u64,
    },
    /// Hold the step while its talkers send messages; `talkers` has a range of talker numbers for
    /// each thread.
    Hold {
        step: Arc<ConnectionStep>,
        talkers: Arc<[Range<u64>]>,
    },
    /// Make one round trip on every connection.
    Check(Arc<ConnectionStep>),
    /// Forget connections that were lost, and close as many others as this count says, which all
    /// threads share and count down.
    Close(Arc<AtomicU64>),
}

/// State of one worker thread, owned by the main task of its runtime.
pub(crate) struct WorkerThread {
    worker: WorkerShare,
    setup: Arc<RunSetup>,
    pacer: Pacer,
    connections: Vec<Arc<ConnectionHandle>>,
    opened: u64,
}

type Attempted = Result<Result<(u64, WsSocket), Failure>, JoinError>;

impl WorkerThread {
    /// Creates a worker without connections.
    ///
    /// # Errors
    /// Fails when the system gives no timer.
    pub(crate) fn new(worker: WorkerShare, setup: Arc<RunSetup>) -> std::io::Result<Self> {
        let pacer = Pacer::new(setup.waiting)?;
        Ok(Self {
            worker,
            setup,
            pacer,
            connections: Vec::new(),
            opened: 0,
        })
    }

    /// Returns the worker's index and its number of connections.
    pub(crate) fn connection_count(&self) -> (u64, u64) {
        (self.worker.index, self.connections.len() as u64)
    }

    /// Carries out one command.
    pub(crate) async fn execute(&mut self, command: ThreadCommand) {
        match command {
            ThreadCommand::Open { step, missing } => self.open(&step, missing).await,
            ThreadCommand::Hold { step, talkers } => self.hold(&step, &talkers).await,
            ThreadCommand::Check(step) => self.check(&step).await,
            ThreadCommand::Close(surplus) => self.close(&surplus).await,
        }
    }

    async fn open(&mut self, step: &Arc<ConnectionStep>, missing: u64) {
        self.connections.retain(|connection| connection.is_open());
        let wanted = self.connections.len() + self.worker.share_of(missing) as usize;
        let at_once = self.worker.share_of(ATTEMPTS_AT_ONCE).max(1) as usize;
        let gap_ns = (1e9 * self.worker.count as f64 / self.setup.spawn_rate_per_s) as u64;
        let mut due_ns = monotonic_ns();
        let mut attempts = JoinSet::new();
        loop {
            let missing = wanted.saturating_sub(self.connections.len() + attempts.len());
            let may_connect = missing > 0 && attempts.len() < at_once && !step.has_broken();
            if !may_connect && attempts.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                Some(attempted) = attempts.join_next() => self.add_connection(attempted, step),
                timed = self.pacer.wait_until(due_ns), if may_connect => {
                    if let Err(error) = timed {
                        tracing::debug!(%error, "the pacer's timer failed");
                    }
                    due_ns = (due_ns + gap_ns).max(monotonic_ns().saturating_sub(CATCH_UP_NS));
                    let id = self.opened * self.worker.count + self.worker.index;
                    self.opened += 1;
                    attempts.spawn(attempt(id, Arc::clone(&self.setup), Arc::clone(step)));
                }
            }
        }
    }

    fn add_connection(&mut self, attempted: Attempted, step: &ConnectionStep) {
        match attempted {
            Ok(Ok((id, socket))) => {
                let handle = Arc::new(ConnectionHandle::default());
                let setup = Arc::clone(&self.setup);
                let task = ConnectionTask::new(socket, id, Arc::clone(&handle), setup);
                tokio::spawn(task.run());
                self.connections.push(handle);
            }
            Ok(Err(_)) | Err(_) => step.connect_failed(),
        }
    }

    async fn hold(&mut self, step: &Arc<ConnectionStep>, talkers: &[Range<u64>]) {
        let (token, mut completed) = mpsc::channel::<()>(1);
        let own = talkers[self.worker.index as usize].clone();
        let connections = spread_evenly(&self.connections, (own.end - own.start) as usize);
        match self.setup.load {
            LoadPlan::Closed { think_time, .. } => {
                let count = connections.len().max(1) as u32;
                for (connection, n) in connections.iter().zip(0..) {
                    let offset = think_time.mean() / count * n;
                    let talker = own.start + u64::from(n);
                    let pauses = Pauses::new(think_time, self.setup.seed, talker);
                    let schedule = TalkSchedule::Paused { pauses, offset };
                    // One that is lost is found by the check.
                    let _ = connection.send(talk(step, schedule, &token));
                }
            }
            LoadPlan::Open { .. } => {
                let mut queues = Vec::with_capacity(connections.len());
                for connection in &connections {
                    let (sender, queue) = TalkerQueue::new(step);
                    if connection
                        .send(talk(step, TalkSchedule::Arrivals(queue), &token))
                        .is_ok()
                    {
                        queues.push(sender);
                    }
                }
                let all = talkers.last().map_or(0, |range| range.end);
                self.release(step, queues, &own, all).await;
            }
        }
        drop(token);
        // Ends when the last talker has dropped its token.
        let _ = completed.recv().await;
        let end_ns = step.window().measure_end_ns;
        while monotonic_ns() < end_ns
            && self
                .connections
                .iter()
                .any(|connection| connection.is_open())
        {
            let left = Duration::from_nanos(end_ns.saturating_sub(monotonic_ns()));
            tokio::time::sleep(left.min(CHECK_INTERVAL)).await;
        }
    }

    /// Releases the arrivals of an open loop: arrival n belongs to talker n modulo `all`. All
    /// worker threads generate the same arrivals, and each releases those of its `own` talkers.
    async fn release(
        &mut self,
        step: &ConnectionStep,
        mut queues: Vec<mpsc::UnboundedSender<MessageArrival>>,
        own: &Range<u64>,
        all: u64,
    ) {
        let LoadPlan::Open {
            rate_per_s, pacing, ..
        } = self.setup.load
        else {
            return;
        };
        let window = step.window();
        let length_ns = window.measure_end_ns.saturating_sub(window.start_ns);
        let curve = RateCurve::constant(rate_per_s, Duration::from_nanos(length_ns));
        let (Ok(curve), false) = (curve, own.is_empty()) else {
            return;
        };
        let arrivals = Arrivals::new(curve, pacing, WorkerShare::ALONE, self.setup.seed);
        let mine = (0..)
            .zip(arrivals)
            .filter(|(n, _)| own.contains(&(n % all)));
        for (released, (n, offset_ns)) in mine.enumerate() {
            let due_ns = window.start_ns + offset_ns;
            if due_ns >= window.measure_end_ns || self.pacer.wait_until(due_ns).await.is_err() {
                return;
            }
            let arrival = MessageArrival {
                due_ns,
                released_ns: monotonic_ns(),
            };
            deliver(step, &mut queues, (n % all - own.start) as usize, arrival);
            if released % BATCH == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn check(&mut self, step: &Arc<ConnectionStep>) {
        let (token, mut completed) = mpsc::channel::<()>(1);
        for (n, connection) in self.connections.iter().enumerate() {
            let command = ConnectionCommand::Check {
                step: Arc::clone(step),
                token: token.clone(),
            };
            if let Err(failure) = connection.send(command) {
                InFlightMessage::start(&step.checks).finish(Err(failure.as_ref().clone()));
            }
            if n % BATCH == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(token);
        let _ = completed.recv().await;
    }

    /// Closes connections one at a time, so that no thread closes many more than another.
    async fn close(&mut self, surplus: &AtomicU64) {
        self.connections.retain(|connection| connection.is_open());
        let (token, mut completed) = mpsc::channel::<()>(1);
        while !self.connections.is_empty() && take_one(surplus) {
            if let Some(connection) = self.connections.pop() {
                let token = token.clone();
                // One that is lost has left already.
                let _ = connection.send(ConnectionCommand::Close { token });
            }
            tokio::task::yield_now().await;
        }
        drop(token);
        let _ = completed.recv().await;
    }
}

fn take_one(count: &AtomicU64) -> bool {
    let less_one = |n: u64| n.checked_sub(1);
    let (set, fetched) = (Ordering::Relaxed, Ordering::Relaxed);
    count.fetch_update(set, fetched, less_one).is_ok()
}

fn talk(
    step: &Arc<ConnectionStep>,
    schedule: TalkSchedule,
    token: &mpsc::Sender<()>,
) -> ConnectionCommand {
    ConnectionCommand::Talk {
        step: Arc::clone(step),
        schedule,
        token: token.clone(),
    }
}

async fn attempt(
    id: u64,
    setup: Arc<RunSetup>,
    step: Arc<ConnectionStep>,
) -> Result<(u64, WsSocket), Failure> {
    let source = setup.endpoint.source(id);
    let mut message = InFlightMessage::start(&step.connects);
    let attempted = open_connection(
        &setup.endpoint,
        source,
        setup.timeout,
        &mut message.timestamps,
    )
    .await;
    match attempted {
        Ok(socket) => {
            message.finish(Ok(()));
            Ok((id, socket))
        }
        Err(failure) => {
            message.finish(Err(failure.clone()));
            Err(failure)
        }
    }
}

/// Gives an arrival to the connection of index `turn`, or to the next one that is open.
fn deliver(
    step: &ConnectionStep,
    queues: &mut Vec<mpsc::UnboundedSender<MessageArrival>>,
    turn: usize,
    arrival: MessageArrival,
) {
    while !queues.is_empty() {
        let index = turn % queues.len();
        if queues[index].send(arrival).is_ok() {
            return;
        }
        queues.swap_remove(index);
    }
    drop(InFlightMessage::never_started(step, arrival));
}

/// Picks `wanted` of `connections` at even distances.
fn spread_evenly(
    connections: &[Arc<ConnectionHandle>],
    wanted: usize,
) -> Vec<Arc<ConnectionHandle>> {
    let wanted = wanted.min(connections.len());
    (0..wanted)
        .map(|n| Arc::clone(&connections[n * connections.len() / wanted]))
        .collect()
}
