//! All workers, each a thread with a runtime of its own, as the controller commands them.

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

use crate::hand::{Hand, Order};
use crate::level::Setup;

const HEARTBEAT: Duration = Duration::from_millis(10);
const SHUTDOWN_BOUND: Duration = Duration::from_millis(300);
const DISMISS_BOUND: Duration = Duration::from_millis(800);

/// Reasons why an order was not carried out to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfinished {
    /// A signal asked to end.
    #[error("interrupted")]
    Cancelled,
    /// A worker is not there any more.
    #[error("a worker thread ended before its time")]
    WorkerGone,
}

/// The workers.
pub(crate) struct Crew {
    threads: usize,
    cancel: Cancel,
    hands: Vec<(mpsc::UnboundedSender<Order>, JoinHandle<()>)>,
    done: Receiver<Done>,
    /// Connections of each worker after its last order.
    seats: Vec<u64>,
}

/// A worker has carried out its order.
struct Done {
    worker: u64,
    seats: u64,
}

impl Crew {
    /// Starts the workers: one per thread, or a single one whose runtime has them all.
    ///
    /// # Errors
    /// Fails when the system gives no thread, runtime or timer.
    pub(crate) fn muster(
        setup: &Arc<Setup>,
        kind: RuntimeKind,
        threads: usize,
        cancel: &Cancel,
    ) -> io::Result<Self> {
        let count = match kind {
            RuntimeKind::Shared => 1,
            RuntimeKind::PerCore => threads as u64,
        };
        let (finished, done) = channel();
        let hands = (0..count).map(|index| {
            let worker = WorkerShare { index, count };
            let runtime = build_runtime(kind, threads, setup)?;
            let hand = runtime.block_on(async { Hand::new(worker, Arc::clone(setup)) })?;
            let (sender, orders) = mpsc::unbounded_channel();
            let (cancel, finished) = (cancel.clone(), finished.clone());
            let setup = Arc::clone(setup);
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    claim_shard(index as usize + 1);
                    setup.threads.enlist();
                    runtime.block_on(serve(hand, orders, cancel, finished));
                    runtime.shutdown_timeout(SHUTDOWN_BOUND);
                })?;
            Ok((sender, thread))
        });
        Ok(Self {
            threads,
            cancel: cancel.clone(),
            hands: hands.collect::<io::Result<_>>()?,
            done,
            seats: vec![0; count as usize],
        })
    }

    /// Threads that make the load.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Gives all workers one order and waits until they have carried it out; `beat` is called
    /// about every 10 ms with how late that was.
    ///
    /// # Errors
    /// Fails when a signal came first, or a worker is gone.
    pub(crate) fn command(
        &mut self,
        order: &Order,
        mut beat: impl FnMut(Duration),
    ) -> Result<(), Unfinished> {
        for (sender, _) in &self.hands {
            sender.send(order.clone()).map_err(|_| self.unfinished())?;
        }
        let mut waiting = self.hands.len();
        while waiting > 0 {
            let started = Instant::now();
            match self.done.recv_timeout(HEARTBEAT) {
                Ok(done) => {
                    self.seats[done.worker as usize] = done.seats;
                    waiting -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.unfinished()),
            }
            // A worker may be done while all of us stood still.
            if let Some(late) = started.elapsed().checked_sub(HEARTBEAT) {
                beat(late);
            }
            if self.cancel.is_cancelled() {
                return Err(Unfinished::Cancelled);
            }
            if self.hands.iter().any(|(_, thread)| thread.is_finished()) {
                return Err(self.unfinished());
            }
        }
        Ok(())
    }

    /// Numbers `talkers` through and gives each worker as many of them as befits its connections.
    pub(crate) fn shares(&self, talkers: u64) -> Arc<[Range<u64>]> {
        shares(&self.seats, talkers)
    }

    fn unfinished(&self) -> Unfinished {
        if self.cancel.is_cancelled() {
            Unfinished::Cancelled
        } else {
            Unfinished::WorkerGone
        }
    }

    /// Sends the workers home and drops every connection that is still open. What was under way
    /// is recorded as censored by then. A worker that does not come back in time is left to the
    /// process's end.
    pub(crate) fn dismiss(&mut self) {
        let started = Instant::now();
        let mut threads = Vec::new();
        for (sender, thread) in self.hands.drain(..) {
            drop(sender);
            threads.push(thread);
        }
        while started.elapsed() < DISMISS_BOUND && !threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn shares(seats: &[u64], talkers: u64) -> Arc<[Range<u64>]> {
    let all: u64 = seats.iter().sum();
    let talkers = talkers.min(all);
    let mut before = 0;
    let up_to = |seats: u64| talkers * seats / all.max(1);
    seats
        .iter()
        .map(|own| {
            let start = up_to(before);
            before += own;
            start..up_to(before)
        })
        .collect()
}

fn build_runtime(kind: RuntimeKind, threads: usize, setup: &Arc<Setup>) -> io::Result<Runtime> {
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

async fn serve(
    mut hand: Hand,
    mut orders: mpsc::UnboundedReceiver<Order>,
    cancel: Cancel,
    finished: Sender<Done>,
) {
    let work = async {
        while let Some(order) = orders.recv().await {
            hand.obey(order).await;
            let (worker, seats) = hand.seats();
            if finished.send(Done { worker, seats }).is_err() {
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
        for (seats, talkers) in [
            (vec![50, 50], 7),
            (vec![0, 1], 1),
            (vec![1, 0], 1),
            (vec![1, 199], 200),
            (vec![3, 90, 7], 20),
            (vec![0, 0], 5),
            (vec![2, 1], 9),
        ] {
            let dealt = shares(&seats, talkers);
            let wanted = talkers.min(seats.iter().sum());
            let numbers: Vec<u64> = dealt.iter().cloned().flatten().collect();
            assert_eq!(numbers, (0..wanted).collect::<Vec<_>>(), "{seats:?}");
            let fits = |(range, own): (&Range<u64>, &u64)| range.end - range.start <= *own;
            assert!(dealt.iter().zip(&seats).all(fits), "{seats:?}: {dealt:?}");
        }
    }
}
