//! One pool from empty to idle and back under load: ramp, spike, idle, spike.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_report::clock::{monotonic_ns, process_cpu_ns};
use bench_report::{Pacing, PoolUsage};
use load_engine::{
    Arrivals, Cancel, Factory, Failure, Marks, Outcome, Pacer, RateCurve, Session, Target, UserId,
    Waiting, Worker,
};
use tokio::task::JoinSet;

use super::census::{Census, Leaked, Tally};
use crate::drivers::{Lease, Lender, Lends, Setup};
use crate::failure::of_postgres;
use crate::visit::Visit;

const SAMPLED_EVERY: Duration = Duration::from_millis(20);
const DRAIN_BOUND: Duration = Duration::from_secs(5);
const CLOSE_BOUND: Duration = Duration::from_millis(500);
/// Before the look at who is still there.
const SETTLE: Duration = Duration::from_millis(300);

/// A part of the course.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Nobody comes where there is none.
    pub(super) curve: Option<RateCurve>,
    pub(super) length: Duration,
}

/// What happened in a part.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) part: Part,
    pub(super) began_ns: u64,
    pub(super) ended_ns: u64,
    /// In the order in which they were due.
    pub(super) visits: Vec<Visit>,
    /// Still under way at the end of the drain.
    pub(super) unfinished: u64,
    /// Connections that the pool opened.
    pub(super) opened: u64,
    pub(super) server: Tally,
    pub(super) pool: Option<PoolUsage>,
    /// CPU time of this process.
    pub(super) cpu_ns: u64,
}

/// Connections that never came back.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Leaks {
    /// Taken out although nobody was at work any more, as the pool says.
    pub(super) in_use: u64,
    /// Open although all that the pool has were ended, as the server says.
    pub(super) sessions: Vec<Leaked>,
}

/// Runs `parts` on one pool.
///
/// # Errors
/// When pool or census cannot be opened.
pub(super) async fn run<F: Factory>(
    factory: &F,
    setup: &Setup,
    parts: &[Part],
    leak_every: Option<u64>,
    cancel: &Cancel,
) -> Result<(Vec<Seen>, Leaks), Failure>
where
    F::Target: Lends,
{
    let opened = Census::open(&setup.address, &setup.application).await;
    let census = opened.map_err(|error| of_postgres(&error))?;
    let target = Arc::new(factory.build(Worker::ALONE).await?);
    let mut course = Running {
        target: Arc::clone(&target),
        sessions: Arc::default(),
        setup,
        census,
        leak_every,
        arrivals: 0,
    };
    let mut seen = Vec::new();
    for part in parts {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok((seen, Leaks::default())),
            part = course.part(part) => seen.push(part?),
        }
    }
    let leaks = course.leaks().await?;
    Ok((seen, leaks))
}

struct Running<'a, T: Target> {
    target: Arc<T>,
    /// Sessions that wait for an arrival.
    sessions: Arc<Mutex<Vec<T::Session>>>,
    setup: &'a Setup,
    census: Census,
    leak_every: Option<u64>,
    arrivals: u64,
}

impl<T: Target + Lends> Running<'_, T> {
    async fn part(&mut self, part: &Part) -> Result<Seen, Failure> {
        let (began_ns, cpu_ns) = (monotonic_ns(), process_cpu_ns());
        let opened = self.setup.opened.load(Ordering::Relaxed);
        let mut tasks = JoinSet::new();
        let mut pool = Usage::default();
        let target = Arc::clone(&self.target);
        let options = &self.setup.pool;
        {
            let (sessions, lender) = (Arc::clone(&self.sessions), self.target.lender());
            let arrivals = Come {
                target: Arc::clone(&self.target),
                sessions,
                seed: self.setup.seed,
                leak_every: self.leak_every,
                begun: &mut self.arrivals,
            };
            tokio::select! {
                come = arrivals.come(part, began_ns, &mut tasks) => come?,
                error = self.census.keep_counting() => return Err(of_postgres(&error)),
                () = pool.watch(&*target, || lender.reap(options)) => {}
            }
        }
        let ended_ns = monotonic_ns();
        let cpu_ns = process_cpu_ns().saturating_sub(cpu_ns);
        let (mut visits, unfinished) = drain(tasks).await;
        visits.sort_by_key(|visit| visit.marks.due_ns);
        let counted = self.census.count().await;
        counted.map_err(|error| of_postgres(&error))?;
        Ok(Seen {
            part: part.clone(),
            began_ns,
            ended_ns,
            visits,
            unfinished,
            opened: self.setup.opened.load(Ordering::Relaxed) - opened,
            server: self.census.take(),
            pool: pool.usage(),
            cpu_ns,
        })
    }

    /// What is still taken out now that nobody is at work, and what is still open once all that
    /// the pool has are ended.
    async fn leaks(&mut self) -> Result<Leaks, Failure> {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        tokio::time::sleep(SETTLE).await;
        let pool = self.target.pool().unwrap_or_default();
        self.end_idle(pool.size.saturating_sub(pool.in_use)).await;
        tokio::time::sleep(SETTLE).await;
        let left = self.census.left().await;
        let sessions = left.map_err(|error| of_postgres(&error))?;
        let _ = tokio::time::timeout(CLOSE_BOUND, self.target.close()).await;
        Ok(Leaks {
            in_use: pool.in_use,
            sessions,
        })
    }

    /// Ends the connections that the pool still has: closing it would wait for the lost ones first.
    async fn end_idle(&self, idle: u64) {
        let lender = self.target.lender();
        let mut leases = Vec::new();
        for _ in 0..idle {
            let taken = tokio::time::timeout(CLOSE_BOUND, lender.checkout()).await;
            leases.extend(taken.ok().and_then(Result::ok));
        }
        for lease in leases {
            lease.end().await;
        }
    }
}

/// Lets arrivals come when they are due, each on a task of its own.
struct Come<'a, T: Target> {
    target: Arc<T>,
    sessions: Arc<Mutex<Vec<T::Session>>>,
    seed: u64,
    leak_every: Option<u64>,
    begun: &'a mut u64,
}

impl<T: Target + Lends> Come<'_, T> {
    async fn come(
        self,
        part: &Part,
        began_ns: u64,
        tasks: &mut JoinSet<Visit>,
    ) -> Result<(), Failure> {
        let no_timer =
            |error: std::io::Error| Failure::new("io", &format!("the timer failed: {error}"));
        let mut pacer = Pacer::new(Waiting::Sleep).map_err(no_timer)?;
        if let Some(curve) = &part.curve {
            let due = Arrivals::new(curve.clone(), Pacing::Poisson, Worker::ALONE, self.seed);
            for offset_ns in due {
                let due_ns = began_ns + offset_ns;
                pacer.wait_until(due_ns).await.map_err(no_timer)?;
                let released_ns = monotonic_ns();
                *self.begun += 1;
                let marks = Marks {
                    due_ns,
                    released_ns,
                    ..Marks::default()
                };
                let leaks = self
                    .leak_every
                    .is_some_and(|nth| self.begun.is_multiple_of(nth));
                if leaks {
                    tasks.spawn(never_give_back(self.target.lender(), marks));
                } else {
                    let (target, sessions) = (Arc::clone(&self.target), Arc::clone(&self.sessions));
                    tasks.spawn(arrive(target, sessions, UserId(*self.begun), marks));
                }
            }
        }
        let end_ns = began_ns + part.length.as_nanos() as u64;
        pacer.wait_until(end_ns).await.map_err(no_timer)
    }
}

async fn arrive<T: Target>(
    target: Arc<T>,
    sessions: Arc<Mutex<Vec<T::Session>>>,
    user: UserId,
    mut marks: Marks,
) -> Visit {
    marks.started_ns = monotonic_ns();
    let idle = sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop();
    let session = match idle {
        Some(session) => Ok(session),
        None => target.open(user).await,
    };
    let mut session = match session {
        Ok(session) => session,
        Err(failure) => return Visit::new(marks, Outcome::failed(0, failure)),
    };
    let outcome = session.hit(&mut marks).await;
    let visit = Visit::new(marks, outcome);
    sessions
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(session);
    visit
}

/// What an application does that loses a connection: it takes one out, uses it, and forgets it.
async fn never_give_back(lender: Lender, mut marks: Marks) -> Visit {
    marks.started_ns = monotonic_ns();
    let lease: Result<Lease, Failure> = lender.checkout().await;
    let outcome = match lease {
        Err(failure) => Outcome::failed(0, failure),
        Ok(mut lease) => {
            marks.acquired();
            let done = lease.run("SELECT 1").await;
            std::mem::forget(lease);
            done.map_or_else(
                |failure| Outcome::failed(0, failure),
                |()| Outcome::success(0),
            )
        }
    };
    Visit::new(marks, outcome)
}

/// What came of all who came, and how many were cut off.
async fn drain(mut tasks: JoinSet<Visit>) -> (Vec<Visit>, u64) {
    let mut visits = Vec::with_capacity(tasks.len());
    let all = async {
        while let Some(joined) = tasks.join_next().await {
            visits.extend(joined.ok());
        }
    };
    let _ = tokio::time::timeout(DRAIN_BOUND, all).await;
    (visits, tasks.len() as u64)
}

/// Sums of a pool's samples.
#[derive(Debug, Default)]
struct Usage {
    samples: u64,
    max_size: u64,
    size: u64,
    in_use: u64,
    in_use_max: u64,
}

impl Usage {
    /// Samples again and again, and lets the pool be tended each time.
    async fn watch(&mut self, target: &impl Target, tend: impl Fn()) {
        loop {
            tokio::time::sleep(SAMPLED_EVERY).await;
            tend();
            let Some(sample) = target.pool() else {
                continue;
            };
            self.samples += 1;
            self.max_size = sample.max_size;
            self.size += sample.size;
            self.in_use += sample.in_use;
            self.in_use_max = self.in_use_max.max(sample.in_use);
        }
    }

    fn usage(&self) -> Option<PoolUsage> {
        let mean = |sum: u64| sum as f64 / self.samples as f64;
        (self.samples > 0).then(|| PoolUsage {
            max_size: self.max_size,
            size_mean: mean(self.size),
            in_use_mean: mean(self.in_use),
            in_use_max: self.in_use_max,
            waiting_mean: None,
            waiting_max: None,
            samples: self.samples,
        })
    }
}
