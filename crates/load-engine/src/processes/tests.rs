//! Tests of worker processes. The pipes are real; the workers are threads.

use std::io::{self, PipeReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::{Load, Pacing, StepEnd, WarningCode};
use serde_json::{Value, json};

use super::parent_connection::{WorkerScenario, serve_worker};
use super::run_on_workers::run_on_workers;
use super::worker_processes::{WorkerPipes, WorkerProcesses, WorkersError};
use super::worker_step::WorkerStep;
use crate::control::cancel::Cancel;
use crate::control::run_requests::{StartError, run_requests};
use crate::control::step_result::StepResult;
use crate::plan::load_plan::LoadPlan;
use crate::plan::step_plan::{RuntimeKind, StepPlan};
use crate::plan::think_time::ThinkTime;
use crate::plan::worker_share::WorkerShare;
use crate::record::failure::Failure;
use crate::record::operation_table::{OperationId, OperationTable};
use crate::record::outcome::Outcome;
use crate::record::timestamps::Timestamps;
use crate::requests::target::{Session, Target, TargetFactory, UserId};

pub(super) const VERSION: &str = "1.2.3";

/// Target that counts its requests; clones share the count, over all workers.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(pub(super) Arc<AtomicU64>);

impl TargetFactory for Counter {
    type Target = Self;

    fn operations(&self) -> OperationTable {
        OperationTable::from(&["hit"])
    }

    async fn build(&self, _: WorkerShare) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl Target for Counter {
    type Session = Self;

    async fn open(&self, _: UserId) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl Session for Counter {
    async fn request(&mut self, _: &mut Timestamps) -> Outcome {
        self.0.fetch_add(1, Ordering::Relaxed);
        Outcome::success(OperationId::FIRST)
    }
}

/// Scenario whose steps send requests to the counter. A step on the target "nowhere" cannot begin.
struct CounterScenario(Counter);

impl WorkerScenario for CounterScenario {
    fn run_step(&mut self, target: Value, step: WorkerStep<'_>) -> Result<(), String> {
        if target == json!("nowhere") {
            return Err("there is no such target".to_owned());
        }
        step.run_requests(&Arc::new(self.0.clone()))
    }
}

/// Orders of a worker that dies: the pipe ends after `questions_left` more orders to take an
/// interval.
struct EndsAfter {
    orders: PipeReader,
    questions_left: usize,
}

impl Read for EndsAfter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.questions_left == 0 {
            return Ok(0);
        }
        let count = self.orders.read(buffer)?;
        let text = String::from_utf8_lossy(&buffer[..count]);
        let asked = text.matches("take_interval").count();
        self.questions_left = self.questions_left.saturating_sub(asked);
        Ok(count)
    }
}

/// Starts `count` workers of program version `version` on threads. If `dies_after` is given, the
/// last worker dies after that many intervals. Fails as [`WorkerProcesses::start`] does.
pub(super) fn start(
    count: u64,
    counter: &Counter,
    version: &'static str,
    dies_after: Option<usize>,
) -> Result<WorkerProcesses, WorkersError> {
    let pipes = (0..count).map(|index| {
        let (orders, to_worker) = io::pipe().unwrap();
        let (from_worker, mut answers) = io::pipe().unwrap();
        let last = index + 1 == count;
        let orders = EndsAfter {
            orders,
            questions_left: dies_after.filter(|_| last).unwrap_or(usize::MAX),
        };
        let counter = counter.clone();
        std::thread::spawn(move || {
            serve_worker(orders, &mut answers, version, |setup, worker| {
                assert_eq!((setup, worker.index), (json!({"secret": "x"}), index));
                Ok(CounterScenario(counter))
            })
        });
        WorkerPipes {
            answers: Box::new(from_worker),
            orders: Box::new(to_worker),
            process: None,
        }
    });
    WorkerProcesses::over(pipes.collect(), VERSION, &json!({"secret": "x"}))
}

pub(super) fn open_loop(rate_per_s: f64, measure: Duration) -> StepPlan {
    let load = LoadPlan::Open {
        rate_per_s,
        pacing: Pacing::Constant,
        in_flight_cap: 64,
    };
    let mut plan = StepPlan::new("open", load, measure);
    plan.threads = 4;
    plan
}

fn run(workers: &mut WorkerProcesses, plan: &StepPlan) -> Result<StepResult, StartError> {
    run_on_workers(plan, &"here", workers, &Cancel::new(), &mut ())
}

#[test]
fn workers_make_the_planned_number_of_arrivals_exactly_as_one_process_does() {
    for runtime in [RuntimeKind::Shared, RuntimeKind::PerCore] {
        let plan = StepPlan {
            runtime,
            warmup: Duration::from_millis(100),
            ..open_loop(1_000.0, Duration::from_millis(400))
        };
        let alone = Counter::default();
        let one = run_requests(&plan, &Arc::new(alone.clone()), &Cancel::new(), &mut ()).unwrap();
        let counter = Counter::default();
        let mut workers = start(3, &counter, VERSION, None).unwrap();
        let result = run(&mut workers, &plan).unwrap();
        for (step, counted) in [(&one.step, alone), (&result.step, counter)] {
            assert_eq!(step.operations["hit"].attempted, 400, "{runtime:?}");
            assert_eq!(counted.0.load(Ordering::Relaxed), 500, "with the warm-up");
            assert_eq!(step.end, StepEnd::Completed);
        }
        let Load::Open {
            rate_per_s,
            in_flight_cap,
            ..
        } = result.step.load
        else {
            panic!("{:?}", result.step.load);
        };
        assert_eq!((rate_per_s, in_flight_cap), (1_000.0, 64), "that of all");
        let generator = &result.step.generator;
        assert_eq!(generator.threads, 3, "four threads, shared out");
        assert!(generator.parent_cpu_ns.is_some() && one.step.generator.parent_cpu_ns.is_none());
        assert!(
            result.series[0]
                .mean
                .iter()
                .flatten()
                .any(|rate| *rate > 0.0)
        );
    }
}

#[test]
fn workers_are_kept_from_step_to_step_and_users_are_shared_out() {
    let counter = Counter::default();
    let mut workers = start(2, &counter, VERSION, None).unwrap();
    let load = LoadPlan::Closed {
        users: 3,
        think_time: ThinkTime::Constant(Duration::from_millis(10)),
    };
    for _ in 0..2 {
        let plan = StepPlan::new("closed", load.clone(), Duration::from_millis(200));
        let before = counter.0.load(Ordering::Relaxed);
        let result = run(&mut workers, &plan).unwrap();
        let hit = &result.step.operations["hit"];
        assert!(
            hit.attempted >= 3,
            "each user asks at once: {}",
            hit.attempted
        );
        assert!(counter.0.load(Ordering::Relaxed) - before >= hit.attempted);
        assert_eq!(result.step.load, load.reported(0));
    }
    let few = LoadPlan::Closed {
        users: 1,
        think_time: ThinkTime::NONE,
    };
    let plan = StepPlan::new("few", few, Duration::from_millis(50));
    let refused = run(&mut workers, &plan).unwrap_err().to_string();
    assert!(
        refused.contains("2 workers cannot share 1 sessions"),
        "{refused}"
    );
}

#[test]
fn a_worker_that_dies_is_named_and_the_load_that_it_did_not_make_is_told() {
    let counter = Counter::default();
    let mut workers = start(3, &counter, VERSION, Some(3)).unwrap();
    let plan = open_loop(300.0, Duration::from_secs(1));
    let result = run(&mut workers, &plan).unwrap();
    let StepEnd::Failed { reason } = &result.step.end else {
        panic!("{:?}", result.step.end);
    };
    assert!(reason.starts_with("worker 2/3 (pid "), "{reason}");
    let told = result
        .warnings
        .iter()
        .find(|w| w.code == WarningCode::WorkerLost);
    let told = told.unwrap();
    assert_eq!(&told.message, reason);
    assert!(told.spoils("/steps/0/operations/hit/response"), "{told:?}");
    let not_made = result.step.figures["arrivals_not_made"];
    assert!(
        (1.0..=100.0).contains(&not_made) && reason.contains(&format!("{not_made} arrivals")),
        "{not_made}: {reason}"
    );
    // The other workers complete the step, and their figures are kept.
    assert_eq!(result.step.operations["hit"].attempted, 200);
    let refused = run(&mut workers, &plan).unwrap_err();
    assert!(matches!(refused, StartError::WorkerLost(_)), "{refused}");
}

#[test]
fn a_target_that_cannot_be_made_fails_the_step_and_leaves_the_workers_for_the_next() {
    let mut workers = start(2, &Counter::default(), VERSION, None).unwrap();
    let plan = open_loop(100.0, Duration::from_millis(100));
    let nowhere = run_on_workers(&plan, &"nowhere", &mut workers, &Cancel::new(), &mut ());
    let StepEnd::Failed { reason } = nowhere.unwrap().step.end else {
        panic!("it must not begin");
    };
    assert_eq!(reason, "worker 0/2: there is no such target");
    assert_eq!(
        run(&mut workers, &plan).unwrap().step.end,
        StepEnd::Completed
    );
}

#[test]
fn a_signal_ends_the_step_of_all_workers() {
    let counter = Counter::default();
    let mut workers = start(2, &counter, VERSION, None).unwrap();
    let cancel = Cancel::new();
    let signal = cancel.clone();
    let seen = counter.clone();
    std::thread::spawn(move || {
        while seen.0.load(Ordering::Relaxed) < 50 {
            std::thread::sleep(Duration::from_millis(1));
        }
        signal.cancel();
    });
    let plan = open_loop(500.0, Duration::from_mins(10));
    let result = run_on_workers(&plan, &"here", &mut workers, &cancel, &mut ()).unwrap();
    assert_eq!(result.step.end, StepEnd::Interrupted);
    assert!(result.step.operations["hit"].succeeded >= 1);
    assert!(workers.lost().is_none());
}

#[test]
fn a_worker_of_another_version_is_refused_on_both_sides() {
    let refused = start(2, &Counter::default(), "1.2.4", None).map(drop);
    let sentence = refused.unwrap_err().to_string();
    assert!(
        sentence.contains("worker 0/2") && sentence.contains("1.2.4") && sentence.contains(VERSION),
        "{sentence}"
    );
}
