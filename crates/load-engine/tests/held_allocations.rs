//! Test that messages on a held connection cause no memory allocation in the engine.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bench_report::{Pacing, StepEnd};
use load_engine::{
    Cancel, ConnectionFactory, ConnectionId, Failure, HeldConnection, HeldLevel, HeldLoad,
    HeldOperations, HeldSettings, Incoming, LoadPlan, OperationSpec, RuntimeKind, StepPlan,
    ThinkTime, Timestamps, WaitStrategy, run_connections,
};
use test_support::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Number of messages before the counted ones, in which histograms and queues allocate their
/// memory. The next `COUNTED` messages must allocate nothing.
const FIRST: u64 = 200;
const COUNTED: u64 = 200;

/// Number of messages so far, and the allocation counts of the only load thread before the first
/// and after the last counted message.
#[derive(Debug, Default)]
struct Counts {
    messages: AtomicU64,
    before: AtomicU64,
    after: AtomicU64,
}

struct Factory(Arc<Counts>);

struct Connection {
    counts: Arc<Counts>,
    queued: u64,
    answered: u64,
}

impl ConnectionFactory for Factory {
    type Connection = Connection;

    fn operations(&self) -> HeldOperations {
        HeldOperations {
            connect: OperationSpec::new("connect"),
            message: OperationSpec::new("message"),
            check: OperationSpec::new("check"),
        }
    }

    async fn connect(&self, _: ConnectionId, _: &mut Timestamps) -> Result<Connection, Failure> {
        let counts = Arc::clone(&self.0);
        Ok(Connection {
            counts,
            queued: 0,
            answered: 0,
        })
    }
}

impl HeldConnection for Connection {
    fn queue(&mut self) -> Result<(), Failure> {
        let count = match self.counts.messages.fetch_add(1, Ordering::Relaxed) {
            FIRST => &self.counts.before,
            n if n == FIRST + COUNTED => &self.counts.after,
            _ => &AtomicU64::new(0),
        };
        count.store(CountingAllocator::allocations(), Ordering::Relaxed);
        self.queued += 1;
        Ok(())
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        // The answer comes in the next turn of the task.
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Incoming, Failure>> {
        if self.answered == self.queued {
            return Poll::Pending;
        }
        self.answered += 1;
        Poll::Ready(Ok(Incoming::Answer(self.answered)))
    }

    fn unanswered(&self, _: Duration) -> Failure {
        Failure::new("timeout", "no answer")
    }
}

fn allocations_of(load: LoadPlan) -> u64 {
    let counts = Arc::new(Counts::default());
    let settings = HeldSettings {
        connects_per_s: 1e6,
        timeout: Duration::from_secs(20),
        runtime: RuntimeKind::PerCore,
        threads: 1,
        waiting: WaitStrategy::Sleep,
        process: load_engine::WorkerShare::ALONE,
    };
    let mut held = HeldLoad::start(Arc::new(Factory(Arc::clone(&counts))), settings).unwrap();
    let plan = StepPlan {
        threads: 1,
        ..StepPlan::new("allocations", load, Duration::from_millis(500))
    };
    let level = HeldLevel {
        connections: 4,
        allowed_failures: 0,
        in_flight: 1,
    };
    let result = run_connections(&mut held, &plan, level, &Cancel::new(), &mut ());
    assert_eq!(result.result.step.end, StepEnd::Completed);
    assert!(counts.messages.load(Ordering::Relaxed) > FIRST + COUNTED);
    counts.after.load(Ordering::Relaxed) - counts.before.load(Ordering::Relaxed)
}

#[test]
fn talking_allocates_nothing_per_message() {
    let closed = LoadPlan::Closed {
        users: 2,
        think_time: ThinkTime::NONE,
    };
    assert_eq!(allocations_of(closed), 0, "closed loop");
    let open = LoadPlan::Open {
        rate_per_s: 2_000.0,
        pacing: Pacing::Constant,
        in_flight_cap: 2,
    };
    assert_eq!(allocations_of(open), 0, "open loop");
}
