//! One worker's part of the connections: opens them, lets them talk, checks and closes them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{Arrivals, Failure, LoadPlan, Pacer, RateCurve, WorkerShare};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::connection::Connection;
use crate::dial::dial;
use crate::flight::{Arrival, Flight};
use crate::level::{Level, Setup};
use crate::seat::{Errand, Inbox, Seat, Turn, forgo};
use crate::socket::Socket;

/// Attempts under way at once, all workers together: below the queue in which common servers
/// keep what they have not accepted yet (`somaxconn`), or we would measure that queue.
const ATTEMPTS_AT_ONCE: u64 = 128;
/// How far a late pacer may catch up.
const CATCH_UP_NS: u64 = 10_000_000;
/// Orders given, or arrivals released, before others get a turn.
const AT_A_STRETCH: usize = 32;
const GLANCE: Duration = Duration::from_millis(20);

/// What all workers are told at once.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// Open so many further connections, over all workers, or fewer when the level breaks.
    Open { level: Arc<Level>, missing: u64 },
    /// Hold the level and let its talkers talk; each worker has its range of their numbers.
    Hold {
        level: Arc<Level>,
        talkers: Arc<[Range<u64>]>,
    },
    /// One round trip of every connection.
    Check(Arc<Level>),
    /// Forget connections that were lost, and close others until nothing is left of this count,
    /// which all workers share.
    Close(Arc<AtomicU64>),
}

/// A worker inside its runtime.
pub(crate) struct Hand {
    worker: WorkerShare,
    setup: Arc<Setup>,
    pacer: Pacer,
    seats: Vec<Arc<Seat>>,
    opened: u64,
}

type Dialled = Result<Result<(u64, Socket), Failure>, JoinError>;

impl Hand {
    /// # Errors
    /// Fails when the system has no timer for it.
    pub(crate) fn new(worker: WorkerShare, setup: Arc<Setup>) -> std::io::Result<Self> {
        let pacer = Pacer::new(setup.waiting)?;
        Ok(Self {
            worker,
            setup,
            pacer,
            seats: Vec::new(),
            opened: 0,
        })
    }

    /// Returns which worker it is, and how many connections it has.
    pub(crate) fn seats(&self) -> (u64, u64) {
        (self.worker.index, self.seats.len() as u64)
    }

    /// Carries out one order.
    pub(crate) async fn obey(&mut self, order: Order) {
        match order {
            Order::Open { level, missing } => self.open(&level, missing).await,
            Order::Hold { level, talkers } => self.hold(&level, &talkers).await,
            Order::Check(level) => self.check(&level).await,
            Order::Close(surplus) => self.close(&surplus).await,
        }
    }

    async fn open(&mut self, level: &Arc<Level>, missing: u64) {
        self.seats.retain(|seat| seat.is_open());
        let wanted = self.seats.len() + self.worker.share_of(missing) as usize;
        let at_once = self.worker.share_of(ATTEMPTS_AT_ONCE).max(1) as usize;
        let gap_ns = (1e9 * self.worker.count as f64 / self.setup.spawn_rate_per_s) as u64;
        let mut due_ns = monotonic_ns();
        let mut attempts = JoinSet::new();
        loop {
            let missing = wanted.saturating_sub(self.seats.len() + attempts.len());
            let may_dial = missing > 0 && attempts.len() < at_once && !level.has_broken();
            if !may_dial && attempts.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                Some(dialled) = attempts.join_next() => self.take_seat(dialled, level),
                timed = self.pacer.wait_until(due_ns), if may_dial => {
                    if let Err(error) = timed {
                        tracing::debug!(%error, "the pacer's timer failed");
                    }
                    due_ns = (due_ns + gap_ns).max(monotonic_ns().saturating_sub(CATCH_UP_NS));
                    let id = self.opened * self.worker.count + self.worker.index;
                    self.opened += 1;
                    attempts.spawn(attempt(id, Arc::clone(&self.setup), Arc::clone(level)));
                }
            }
        }
    }

    fn take_seat(&mut self, dialled: Dialled, level: &Level) {
        match dialled {
            Ok(Ok((id, socket))) => {
                let seat = Arc::new(Seat::default());
                let setup = Arc::clone(&self.setup);
                let connection = Connection::new(socket, id, Arc::clone(&seat), setup);
                tokio::spawn(connection.live());
                self.seats.push(seat);
            }
            Ok(Err(_)) | Err(_) => level.connect_failed(),
        }
    }

    async fn hold(&mut self, level: &Arc<Level>, talkers: &[Range<u64>]) {
        let (token, mut all_done) = mpsc::channel::<()>(1);
        let own = talkers[self.worker.index as usize].clone();
        let seats = evenly(&self.seats, (own.end - own.start) as usize);
        match self.setup.load {
            LoadPlan::Closed { think_time, .. } => {
                let count = seats.len().max(1) as u32;
                for (seat, n) in seats.iter().zip(0..) {
                    let offset = think_time / count * n;
                    let turn = Turn::Thinking { think_time, offset };
                    // One that is lost is found by the check.
                    let _ = seat.give(talk(level, turn, &token));
                }
            }
            LoadPlan::Open { .. } => {
                let mut inboxes = Vec::with_capacity(seats.len());
                for seat in &seats {
                    let (sender, inbox) = Inbox::new(level);
                    if seat.give(talk(level, Turn::Called(inbox), &token)).is_ok() {
                        inboxes.push(sender);
                    }
                }
                let all = talkers.last().map_or(0, |range| range.end);
                self.release(level, inboxes, &own, all).await;
            }
        }
        drop(token);
        // Ends when the last talker has dropped its token.
        let _ = all_done.recv().await;
        let end_ns = level.window().measure_end_ns;
        while monotonic_ns() < end_ns && self.seats.iter().any(|seat| seat.is_open()) {
            let left = Duration::from_nanos(end_ns.saturating_sub(monotonic_ns()));
            tokio::time::sleep(left.min(GLANCE)).await;
        }
    }

    /// Open loop: arrival n is for talker n, counted round and round. All workers go through the
    /// same arrivals, and each releases those of its own talkers.
    async fn release(
        &mut self,
        level: &Level,
        mut inboxes: Vec<mpsc::UnboundedSender<Arrival>>,
        own: &Range<u64>,
        all: u64,
    ) {
        let LoadPlan::Open {
            rate_per_s, pacing, ..
        } = self.setup.load
        else {
            return;
        };
        let window = level.window();
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
            let arrival = Arrival {
                due_ns,
                released_ns: monotonic_ns(),
            };
            hand_over(level, &mut inboxes, (n % all - own.start) as usize, arrival);
            if released % AT_A_STRETCH == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn check(&mut self, level: &Arc<Level>) {
        let (token, mut all_done) = mpsc::channel::<()>(1);
        for (n, seat) in self.seats.iter().enumerate() {
            let errand = Errand::Check {
                level: Arc::clone(level),
                token: token.clone(),
            };
            if let Err(failure) = seat.give(errand) {
                Flight::now(&level.checks).land(Err(failure.as_ref().clone()));
            }
            if n % AT_A_STRETCH == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(token);
        let _ = all_done.recv().await;
    }

    /// Takes one at a time, so that no worker closes many more than another.
    async fn close(&mut self, surplus: &AtomicU64) {
        self.seats.retain(|seat| seat.is_open());
        let (token, mut all_done) = mpsc::channel::<()>(1);
        while !self.seats.is_empty() && take_one(surplus) {
            if let Some(seat) = self.seats.pop() {
                let token = token.clone();
                // One that is lost has left already.
                let _ = seat.give(Errand::Leave { token });
            }
            tokio::task::yield_now().await;
        }
        drop(token);
        let _ = all_done.recv().await;
    }
}

fn take_one(count: &AtomicU64) -> bool {
    let less_one = |n: u64| n.checked_sub(1);
    let (set, fetched) = (Ordering::Relaxed, Ordering::Relaxed);
    count.fetch_update(set, fetched, less_one).is_ok()
}

fn talk(level: &Arc<Level>, turn: Turn, token: &mpsc::Sender<()>) -> Errand {
    Errand::Talk {
        level: Arc::clone(level),
        turn,
        token: token.clone(),
    }
}

async fn attempt(id: u64, setup: Arc<Setup>, level: Arc<Level>) -> Result<(u64, Socket), Failure> {
    let source = setup.endpoint.source(id);
    let mut flight = Flight::now(&level.connects);
    let dialled = dial(&setup.endpoint, source, setup.bound, &mut flight.timestamps).await;
    match dialled {
        Ok(socket) => {
            flight.land(Ok(()));
            Ok((id, socket))
        }
        Err(failure) => {
            flight.land(Err(failure.clone()));
            Err(failure)
        }
    }
}

/// Gives an arrival to the connection whose turn it is, or the next one that is there.
fn hand_over(
    level: &Level,
    inboxes: &mut Vec<mpsc::UnboundedSender<Arrival>>,
    turn: usize,
    arrival: Arrival,
) {
    while !inboxes.is_empty() {
        let index = turn % inboxes.len();
        if inboxes[index].send(arrival).is_ok() {
            return;
        }
        inboxes.swap_remove(index);
    }
    drop(forgo(level, arrival));
}

/// `wanted` of `seats`, spread over all of them.
fn evenly(seats: &[Arc<Seat>], wanted: usize) -> Vec<Arc<Seat>> {
    let wanted = wanted.min(seats.len());
    (0..wanted)
        .map(|n| Arc::clone(&seats[n * seats.len() / wanted]))
        .collect()
}
