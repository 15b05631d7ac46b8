//! Tests of connections that workers keep open. The workers are threads, and their pipes are real.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bench_report::{Pacing, StepEnd};
use serde_json::{Value, json};

use super::parent_connection::{WorkerScenario, serve_worker};
use super::run_on_workers::run_connections_on_workers;
use super::worker_processes::{WorkerPipes, WorkerProcesses};
use super::worker_step::WorkerStep;
use crate::control::cancel::Cancel;
use crate::control::run_connections::HeldResult;
use crate::held::connection_factory::{
    ConnectionFactory, ConnectionId, HeldConnection, HeldOperations, Incoming,
};
use crate::held::held_load::{HeldLoad, HeldSettings};
use crate::held::held_step::HeldLevel;
use crate::plan::load_plan::LoadPlan;
use crate::plan::step_plan::{RuntimeKind, StepPlan, WaitStrategy};
use crate::record::failure::Failure;
use crate::record::operation_table::OperationSpec;
use crate::record::timestamps::Timestamps;

const VERSION: &str = "1.2.3";
const TIMEOUT: Duration = Duration::from_secs(20);

/// Server that all workers share. It refuses the attempts to connect whose numbers, from 0, are in
/// `refused`, and counts attempts, open connections and messages.
#[derive(Debug)]
struct Place {
    refused: Range<u64>,
    attempts: AtomicU64,
    open: AtomicU64,
    messages: AtomicU64,
    /// True if two connections had the same number.
    repeats: AtomicBool,
    numbers: std::sync::Mutex<std::collections::BTreeSet<u64>>,
}

impl Place {
    fn refusing(refused: Range<u64>) -> Arc<Self> {
        Arc::new(Self {
            refused,
            attempts: AtomicU64::new(0),
            open: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            repeats: AtomicBool::new(false),
            numbers: std::sync::Mutex::default(),
        })
    }
}

/// Connection to the shared server; dropping it closes it.
struct PlaceConnection {
    place: Arc<Place>,
    queued: u64,
    answered: u64,
}

impl Drop for PlaceConnection {
    fn drop(&mut self) {
        self.place.open.fetch_sub(1, Ordering::SeqCst);
    }
}

struct PlaceFactory(Arc<Place>);

impl ConnectionFactory for PlaceFactory {
    type Connection = PlaceConnection;

    fn operations(&self) -> HeldOperations {
        HeldOperations {
            connect: OperationSpec::new("connect"),
            message: OperationSpec::new("echo"),
            check: OperationSpec::new("check"),
        }
    }

    async fn connect(
        &self,
        id: ConnectionId,
        _: &mut Timestamps,
    ) -> Result<PlaceConnection, Failure> {
        let place = &self.0;
        if !place.numbers.lock().unwrap().insert(id.0) {
            place.repeats.store(true, Ordering::SeqCst);
        }
        let attempt = place.attempts.fetch_add(1, Ordering::SeqCst);
        if place.refused.contains(&attempt) {
            return Err(Failure::new("full", "no place is left"));
        }
        place.open.fetch_add(1, Ordering::SeqCst);
        Ok(PlaceConnection {
            place: Arc::clone(place),
            queued: 0,
            answered: 0,
        })
    }
}

impl HeldConnection for PlaceConnection {
    fn queue(&mut self) -> Result<(), Failure> {
        self.place.messages.fetch_add(1, Ordering::SeqCst);
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
        Failure::new("timeout.echo", "no echo")
    }
}

/// Scenario of a worker that keeps connections to the shared server open.
struct PlaceScenario {
    place: Arc<Place>,
    load: Option<HeldLoad<PlaceFactory>>,
}

impl WorkerScenario for PlaceScenario {
    fn run_step(&mut self, target: Value, step: WorkerStep<'_>) -> Result<(), String> {
        assert_eq!(target, json!("here"));
        let load = self.load.take().unwrap_or_else(|| {
            let settings = HeldSettings {
                connects_per_s: 1e6,
                timeout: TIMEOUT,
                runtime: RuntimeKind::PerCore,
                threads: step.plan().threads,
                waiting: WaitStrategy::Sleep,
                process: step.plan().process,
            };
            let factory = PlaceFactory(Arc::clone(&self.place));
            HeldLoad::start(Arc::new(factory), settings).unwrap()
        });
        step.run_connections(self.load.insert(load))
    }

    fn close_beyond(&mut self, most: u64) -> Result<u64, String> {
        let load = self.load.as_mut().ok_or("nothing is held")?;
        load.close_beyond(most, || false)
            .map_err(|gone| gone.to_string())?;
        Ok(load.open())
    }
}

/// Starts `count` workers as threads that connect to `place`.
fn start(count: u64, place: &Arc<Place>) -> WorkerProcesses {
    let pipes = (0..count).map(|_| {
        let (orders, to_worker) = io::pipe().unwrap();
        let (from_worker, mut answers) = io::pipe().unwrap();
        let place = Arc::clone(place);
        std::thread::spawn(move || {
            serve_worker(orders, &mut answers, VERSION, |_, _| {
                Ok(PlaceScenario { place, load: None })
            })
        });
        WorkerPipes {
            answers: Box::new(from_worker),
            orders: Box::new(to_worker),
            process: None,
        }
    });
    WorkerProcesses::over(pipes.collect(), VERSION, &Value::Null).unwrap()
}

/// Plan of a step in which `talkers` connections together send 500 messages per second for 400 ms.
fn plan(talkers: u64) -> StepPlan {
    let load = LoadPlan::Open {
        rate_per_s: 500.0,
        pacing: Pacing::Constant,
        in_flight_cap: talkers,
    };
    StepPlan {
        threads: 4,
        drain: TIMEOUT,
        connect_timeout: TIMEOUT,
        ..StepPlan::new("held", load, Duration::from_millis(400))
    }
}

fn hold(workers: &mut WorkerProcesses, plan: &StepPlan, level: HeldLevel) -> HeldResult {
    run_connections_on_workers(plan, level, &"here", workers, &Cancel::new(), &mut ()).unwrap()
}

fn all_of(connections: u64) -> HeldLevel {
    HeldLevel {
        connections,
        allowed_failures: 0,
        in_flight: 1,
    }
}

#[test]
fn workers_hold_the_connections_of_each_step_and_send_what_one_process_would() {
    let place = Place::refusing(0..0);
    let mut workers = start(3, &place);
    for (connections, before) in [(7, 0), (20, 7), (20, 20)] {
        let sent = place.messages.load(Ordering::SeqCst);
        let held = hold(&mut workers, &plan(5), all_of(connections));
        let step = &held.result.step;
        assert_eq!(step.end, StepEnd::Completed);
        assert_eq!((held.open, held.connects_broke), (connections, false));
        assert_eq!(place.open.load(Ordering::SeqCst), connections);
        let connects = step
            .operations
            .get("connect")
            .map_or(0, |one| one.succeeded);
        assert_eq!(
            connects,
            connections - before,
            "they live on from step to step"
        );
        assert_eq!(step.operations["echo"].succeeded, 200);
        let checks = held.checks.unwrap();
        assert_eq!(
            (checks.attempted, checks.succeeded),
            (connections, connections)
        );
        let messages = place.messages.load(Ordering::SeqCst) - sent;
        assert_eq!(messages, 200 + connections, "as the server counts them");
        assert_eq!(step.generator.threads, 3, "four threads, shared out");
        let mut series = held.result.series.iter();
        let open = series.find(|one| one.name == "open_connections").unwrap();
        assert_eq!(open.mean.last(), Some(&Some(connections as f64)));
    }
    assert_eq!(workers.close_beyond(4, || false), 4);
    let deadline = Instant::now() + TIMEOUT;
    while place.open.load(Ordering::SeqCst) > 4 {
        assert!(Instant::now() < deadline, "the others are closed");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(
        !place.repeats.load(Ordering::SeqCst),
        "each has a number of its own"
    );
    drop(workers);
}

#[test]
fn attempts_that_fail_are_counted_over_all_workers() {
    let level = HeldLevel {
        connections: 30,
        allowed_failures: 8,
        in_flight: 1,
    };
    // The server accepts no connection after the twentieth attempt, and has refused 5 of the first
    // ones.
    for (refused, open) in [(20..u64::MAX, 20), (0..5, 30)] {
        let breaks = open < level.connections;
        let place = Place::refusing(refused);
        let mut workers = start(3, &place);
        let held = hold(&mut workers, &plan(3), level);
        let step = &held.result.step;
        let connect = &step.operations["connect"];
        assert_eq!((held.open, connect.succeeded), (open, open));
        assert_eq!(held.connects_broke, breaks, "{:?}", connect.errors);
        assert_eq!(connect.errors["full"] > level.allowed_failures, breaks);
        assert_eq!(
            matches!(step.end, StepEnd::Failed { .. }),
            breaks,
            "{:?}",
            step.end
        );
        let failure = step.failures.iter().find(|one| one.kind == "full").unwrap();
        assert!(failure.message.starts_with("worker "), "{failure:?}");
        assert!(workers.lost().is_none());
    }
}
