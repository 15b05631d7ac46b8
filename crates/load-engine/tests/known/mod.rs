//! Target whose behaviour a test sets exactly, and steps against it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::names::{FigureName, steps};
use bench_report::{Histogram, Operation};
use load_engine::{
    ArrivalInstants, Cancel, Failure, LoadPlan, OperationId, OperationTable, Outcome, PoolSample,
    Session, StepPlan, StepResult, Target, TargetFactory, Timestamps, UserId, WorkerShare,
    run_requests,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Behaviour of a test's target, with counts of its use. It serves `at_once` requests at a time,
/// each within `takes`. While `CLOCK_MONOTONIC` is within `stall` (nanoseconds), it answers
/// nothing. Every `fails_every`-th request fails. Requests are hits; those after the first
/// `hits_first` are misses, if that is given.
pub(crate) struct Known {
    pub(crate) at_once: usize,
    pub(crate) takes: Duration,
    pub(crate) stall: Option<(u64, u64)>,
    pub(crate) fails_every: u64,
    pub(crate) hits_first: Option<u64>,
    /// Instants that the target gives for its arrivals, in nanoseconds since the start.
    pub(crate) instants: Option<Vec<u64>>,
    /// Time that a session works between two requests, and the pause that it asks for after it.
    pub(crate) rests: Option<Duration>,
    pub(crate) opens: bool,
    /// Number of attempts to open a session that each worker's target refuses, beginning with the
    /// first one.
    pub(crate) refuses: u64,
    pub(crate) hangs: bool,
    /// Number of sessions that were opened.
    pub(crate) opened: AtomicU64,
    /// Number of requests that were answered, with success or failure.
    pub(crate) served: AtomicU64,
    /// Number of sessions and targets that were closed, together.
    pub(crate) closed: AtomicU64,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            at_once: 1_000,
            takes: Duration::ZERO,
            stall: None,
            fails_every: u64::MAX,
            hits_first: None,
            instants: None,
            rests: None,
            opens: true,
            refuses: 0,
            hangs: false,
            opened: AtomicU64::new(0),
            served: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        }
    }
}

pub(crate) struct KnownTarget {
    known: Arc<Known>,
    size: u64,
    places: Arc<Semaphore>,
    hits: Arc<AtomicU64>,
    openings: AtomicU64,
}

pub(crate) struct KnownSession {
    known: Arc<Known>,
    places: Arc<Semaphore>,
    hits: Arc<AtomicU64>,
}

impl TargetFactory for KnownFactory {
    type Target = KnownTarget;

    fn operations(&self) -> OperationTable {
        if self.0.hits_first.is_some() {
            return OperationTable::from(&["hit", "miss"]);
        }
        OperationTable::from(&["hit"])
    }

    async fn build(&self, worker: WorkerShare) -> Result<KnownTarget, Failure> {
        let size = worker.share_of(self.0.at_once as u64);
        Ok(KnownTarget {
            known: Arc::clone(&self.0),
            size,
            places: Arc::new(Semaphore::new(size as usize)),
            hits: Arc::new(AtomicU64::new(0)),
            openings: AtomicU64::new(0),
        })
    }
}

/// Factory of a [`KnownTarget`] for each worker, which share one [`Known`].
pub(crate) struct KnownFactory(pub(crate) Arc<Known>);

impl KnownTarget {
    /// Waits for one of the places in which the target serves requests, and occupies it until the
    /// permit is dropped.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.places).acquire_owned().await.unwrap()
    }

    /// Returns the number of places in which the target could serve another request at once.
    pub(crate) fn free(&self) -> usize {
        self.places.available_permits()
    }
}

impl Target for KnownTarget {
    type Session = KnownSession;

    async fn open(&self, _user: UserId) -> Result<KnownSession, Failure> {
        let number = self.openings.fetch_add(1, Ordering::Relaxed);
        if !self.known.opens || number < self.known.refuses {
            return Err(Failure::new("refused", "connection refused"));
        }
        self.known.opened.fetch_add(1, Ordering::Relaxed);
        Ok(KnownSession {
            known: Arc::clone(&self.known),
            places: Arc::clone(&self.places),
            hits: Arc::clone(&self.hits),
        })
    }

    async fn close(&self) {
        self.known.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts its requests, as if each opened a connection.
    fn tallies(&self) -> Vec<(FigureName, u64)> {
        let hits = self.hits.load(Ordering::Relaxed);
        vec![(steps::CONNECTIONS_OPENED, hits)]
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        let instants = self.known.instants.clone()?;
        Some(Box::new(instants.into_iter()))
    }

    fn pool(&self) -> Option<PoolSample> {
        let max_size = self.size;
        let in_use = max_size - self.places.available_permits() as u64;
        Some(PoolSample {
            max_size,
            size: max_size,
            in_use,
            waiting: None,
        })
    }
}

impl Session for KnownSession {
    async fn request(&mut self, timestamps: &mut Timestamps) -> Outcome {
        let place = self.places.acquire().await.unwrap();
        timestamps.acquired();
        if let Some((from_ns, to_ns)) = self.known.stall {
            let now_ns = monotonic_ns();
            if (from_ns..to_ns).contains(&now_ns) {
                tokio::time::sleep(Duration::from_nanos(to_ns - now_ns)).await;
            }
        }
        if self.known.hangs {
            std::future::pending::<()>().await;
        }
        if self.known.takes.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(self.known.takes).await;
        }
        drop(place);
        let number = self.known.served.fetch_add(1, Ordering::Relaxed);
        if self.known.hits_first.is_some_and(|hits| number >= hits) {
            return Outcome::success(OperationId::nth(1));
        }
        if self.hits.fetch_add(1, Ordering::Relaxed) % self.known.fails_every
            == self.known.fails_every - 1
        {
            return Outcome::failed(OperationId::FIRST, Failure::new("broken", "it broke"));
        }
        Outcome::success(OperationId::FIRST)
    }

    fn between_requests(&mut self) -> Option<Duration> {
        let rests = self.known.rests?;
        std::thread::sleep(rests);
        Some(rests)
    }

    async fn close(self) {
        self.known.closed.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn run(plan: &StepPlan, known: Known) -> StepResult {
    let factory = Arc::new(KnownFactory(Arc::new(known)));
    run_requests(plan, &factory, &Cancel::new(), &mut ()).unwrap()
}

pub(crate) fn open(rate_per_s: f64, cap: u64, measure: Duration) -> StepPlan {
    let pacing = bench_report::Pacing::Constant;
    StepPlan::new(
        "open",
        LoadPlan::Open {
            rate_per_s,
            pacing,
            in_flight_cap: cap,
        },
        measure,
    )
}

pub(crate) fn closed(users: u64, measure: Duration) -> StepPlan {
    StepPlan::new(
        "closed",
        LoadPlan::Closed {
            users,
            think_time: load_engine::ThinkTime::NONE,
        },
        measure,
    )
}

pub(crate) fn hit(result: &StepResult) -> &Operation {
    &result.step.operations["hit"]
}

pub(crate) fn p(histogram: Option<&Histogram>, quantile: f64) -> f64 {
    histogram
        .unwrap()
        .decode()
        .unwrap()
        .value_at_quantile(quantile) as f64
}
