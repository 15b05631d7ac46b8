//! The target of a load, the sessions that users have on it, and the outcome of each request.

use std::borrow::Cow;

use bench_report::clock::monotonic_ns;

use crate::{CheckoutTimestamps, Failure, WorkerShare};

/// One user (closed loop) or one place in flight (open loop), from 0 over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub u64);

/// The instants of one arrival on `CLOCK_MONOTONIC`, in nanoseconds; 0 = not reached.
///
/// The engine owns them, so that a cancelled request still leaves its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamps {
    /// Instant at which it should have begun; 0 in a closed loop, which has no such instant.
    pub due_ns: u64,
    /// Instant at which the pacer let it go.
    pub released_ns: u64,
    /// Instant at which a session took it up.
    pub started_ns: u64,
    /// Instants of its checkout, where the pool tells of them.
    pub checkout: CheckoutTimestamps,
    /// Instant at which it had its connection; 0 where there is no pool.
    pub acquired_ns: u64,
    /// Instant at which it was over.
    pub done_ns: u64,
    /// Index into [`TargetFactory::operations`] of what it is, as far as that is known: the first, until
    /// its session says otherwise. One that is cut off counts for it.
    pub operation: usize,
}

impl Timestamps {
    /// To be called by a session with several operations as soon as it knows which one this is:
    /// before its first await, and again if it turns into another one.
    pub fn operation(&mut self, operation: usize) {
        self.operation = operation;
    }

    /// To be called by a session of a pooled target once it holds its connection.
    pub fn acquired(&mut self) {
        self.acquired_ns = monotonic_ns();
    }

    /// To be called by a session that still has to clean up (release, read ahead) after the
    /// answer came; otherwise the engine takes the instant at which the request returns.
    pub fn done(&mut self) {
        self.done_ns = monotonic_ns();
    }

    /// Instant at which the arrival began to count for the user: due, or started where nothing is
    /// due.
    pub fn begin_ns(&self) -> u64 {
        if self.due_ns > 0 {
            self.due_ns
        } else {
            self.started_ns
        }
    }
}

/// Outcome of one arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Index into [`TargetFactory::operations`].
    pub operation: usize,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Absent on success; boxed, so that success stays small.
    pub failure: Option<Box<Failure>>,
}

impl Outcome {
    /// It did what it should.
    pub fn success(operation: usize) -> Self {
        Self {
            operation,
            retries: 0,
            failure: None,
        }
    }

    /// It failed.
    pub fn failed(operation: usize, failure: Failure) -> Self {
        Self {
            operation,
            retries: 0,
            failure: Some(Box::new(failure)),
        }
    }
}

/// A part of one arrival, as a statement of a transaction is; recorded beside its operation, of
/// which it is a share: parts add nothing to throughput.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Index into [`TargetFactory::parts`].
    pub part: usize,
    /// Instant at which it began, on `CLOCK_MONOTONIC`, in nanoseconds.
    pub began_ns: u64,
    /// Instant at which it was over.
    pub ended_ns: u64,
    /// Kind of its failure; absent on success.
    pub failure: Option<Cow<'static, str>>,
}

/// A pool at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolSample {
    /// Most connections it may hold.
    pub max_size: u64,
    /// Connections it holds.
    pub size: u64,
    /// Connections checked out.
    pub in_use: u64,
    /// Tasks that wait; absent where the pool does not tell.
    pub waiting: Option<u64>,
}

/// Target of the load, as one worker's runtime sees it.
pub trait Target: Send + Sync + 'static {
    /// One user's state on it.
    type Session: Session;

    /// Opens a session: connects, where each user has a connection of its own.
    fn open(&self, user: UserId) -> impl Future<Output = Result<Self::Session, Failure>> + Send;

    /// Its pool as it is now; `None` where there is none.
    fn pool(&self) -> Option<PoolSample> {
        None
    }

    /// Gives back what it holds.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// One user's state on a target.
pub trait Session: Send + 'static {
    /// One arrival, from taking it up to having its answer.
    fn request(&mut self, timestamps: &mut Timestamps) -> impl Future<Output = Outcome> + Send;

    /// The parts of the last request, where they are told apart.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// Gives back what it holds; not called when the drain's bound cuts it off.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

/// Makes the target of each worker inside that worker's runtime, because pools and sockets
/// belong to the runtime that made them.
pub trait TargetFactory: Send + Sync + 'static {
    /// Type of the targets that it makes.
    type Target: Target;

    /// The names that [`Outcome::operation`] indexes.
    fn operations(&self) -> &'static [&'static str];

    /// The names that [`Part::part`] indexes.
    fn parts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes the target of `worker`: on a shared runtime there is one, per core there are several.
    fn build(
        &self,
        worker: WorkerShare,
    ) -> impl Future<Output = Result<Self::Target, Failure>> + Send;
}
