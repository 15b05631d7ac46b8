//! Endpoint of held connections that behaves as a test sets it, and steps against it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bench_report::Pacing;
use load_engine::{
    Cancel, ConnectionFactory, ConnectionId, Failure, HeldConnection, HeldLevel, HeldLoad,
    HeldOperations, HeldResult, HeldSettings, Incoming, LoadPlan, OperationSpec, RuntimeKind,
    StepPlan, ThinkTime, Timestamps, WaitStrategy, run_connections,
};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Endpoint of held connections whose behaviour a test sets, also while connections are open.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Number of attempts to connect that the endpoint accepts in all, closed connections included;
    /// it refuses all later ones.
    pub(crate) most: AtomicU64,
    taken: AtomicU64,
    /// True while the endpoint does not answer messages.
    pub(crate) hangs: AtomicBool,
    /// True while the endpoint answers every message with a wrong one.
    pub(crate) is_wrong: AtomicBool,
    /// Connections with an id below this number break once `lose` is notified.
    lost_below: AtomicU64,
    lose: Arc<Notify>,
    /// Number of messages that the endpoint has received since its creation.
    pub(crate) messages: AtomicU64,
    pub(crate) closed: AtomicU64,
}

impl Endpoint {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            most: AtomicU64::new(u64::MAX),
            taken: AtomicU64::new(0),
            hangs: AtomicBool::new(false),
            is_wrong: AtomicBool::new(false),
            lost_below: AtomicU64::new(0),
            lose: Arc::default(),
            messages: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        })
    }

    /// Breaks the connections with an id below `id`, which counts from 0.
    pub(crate) fn lose_below(&self, id: u64) {
        self.lost_below.store(id, Ordering::SeqCst);
        self.lose.notify_waiters();
    }
}

/// Factory of connections to an [`Endpoint`], for use as the target of a held load.
pub(crate) struct EndpointFactory(pub(crate) Arc<Endpoint>);

pub(crate) struct EndpointConnection {
    endpoint: Arc<Endpoint>,
    id: u64,
    queued: u64,
    answered: u64,
    lose: Pin<Box<OwnedNotified>>,
}

impl ConnectionFactory for EndpointFactory {
    type Connection = EndpointConnection;

    fn operations(&self) -> HeldOperations {
        HeldOperations {
            connect: OperationSpec::new("connect").with_phases(&["reach", "greet"]),
            message: OperationSpec::new("echo"),
            check: OperationSpec::new("check"),
        }
    }

    async fn connect(
        &self,
        id: ConnectionId,
        timestamps: &mut Timestamps,
    ) -> Result<EndpointConnection, Failure> {
        let endpoint = &self.0;
        timestamps.phase_ended();
        if endpoint.taken.fetch_add(1, Ordering::SeqCst) >= endpoint.most.load(Ordering::SeqCst) {
            return Err(Failure::new("full", "no place is left"));
        }
        Ok(EndpointConnection {
            endpoint: Arc::clone(endpoint),
            id: id.0,
            queued: 0,
            answered: 0,
            lose: Box::pin(Arc::clone(&endpoint.lose).notified_owned()),
        })
    }
}

impl HeldConnection for EndpointConnection {
    fn queue(&mut self) -> Result<(), Failure> {
        self.endpoint.messages.fetch_add(1, Ordering::Relaxed);
        self.queued += 1;
        Ok(())
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // The answer comes in the next turn of the task.
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Incoming, Failure>> {
        let endpoint = &self.endpoint;
        if self.id < endpoint.lost_below.load(Ordering::SeqCst) {
            return Poll::Ready(Err(Failure::new("gone", "it went away")));
        }
        if self.answered == self.queued || endpoint.hangs.load(Ordering::SeqCst) {
            if self.lose.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.lose.set(Arc::clone(&endpoint.lose).notified_owned());
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.answered += 1;
        if endpoint.is_wrong.load(Ordering::SeqCst) {
            let wrong = Failure::new("wrong", "not what was sent");
            return Poll::Ready(Ok(Incoming::Wrong(wrong)));
        }
        Poll::Ready(Ok(Incoming::Answer(self.answered)))
    }

    fn unanswered(&self, _: Duration) -> Failure {
        Failure::new("timeout.echo", "no echo")
    }

    async fn close(self) {
        self.endpoint.closed.fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn start(endpoint: &Arc<Endpoint>, timeout: Duration) -> HeldLoad<EndpointFactory> {
    start_with(endpoint, timeout, 2)
}

pub(crate) fn start_with(
    endpoint: &Arc<Endpoint>,
    timeout: Duration,
    threads: usize,
) -> HeldLoad<EndpointFactory> {
    let settings = HeldSettings {
        connects_per_s: 1e6,
        timeout,
        runtime: RuntimeKind::PerCore,
        threads,
        waiting: WaitStrategy::Sleep,
        process: load_engine::WorkerShare::ALONE,
    };
    HeldLoad::start(Arc::new(EndpointFactory(Arc::clone(endpoint))), settings).unwrap()
}

/// Creates the plan of a step that measures for `measure`, in which `talkers` connections together
/// send 500 messages per second.
pub(crate) fn open_loop(talkers: u64, measure: Duration) -> StepPlan {
    let load = LoadPlan::Open {
        rate_per_s: 500.0,
        pacing: Pacing::Constant,
        in_flight_cap: talkers,
    };
    plan(load, measure)
}

/// Creates the plan of a step in which `talkers` connections exchange messages without pauses while
/// it measures for `measure`.
pub(crate) fn closed_loop(talkers: u64, measure: Duration) -> StepPlan {
    let load = LoadPlan::Closed {
        users: talkers,
        think_time: ThinkTime::NONE,
    };
    plan(load, measure)
}

fn plan(load: LoadPlan, measure: Duration) -> StepPlan {
    StepPlan {
        threads: 2,
        drain: TIMEOUT,
        connect_timeout: TIMEOUT,
        ..StepPlan::new("held", load, measure)
    }
}

pub(crate) fn hold(
    load: &mut HeldLoad<EndpointFactory>,
    plan: &StepPlan,
    connections: u64,
) -> HeldResult {
    let level = HeldLevel {
        connections,
        allowed_failures: 0,
        in_flight: 1,
    };
    run_connections(load, plan, level, &Cancel::new(), &mut ())
}
