//! Runs one step: opens sessions, makes the load, watches it, and puts the result together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{Generator, Series, Step, StepEnd, Warning, Window};

use super::cancel::Cancel;
use super::heartbeat::{Heartbeat, TickGrid};
use super::rule_window::{BrokenRule, RuleWindow};
use super::self_check;
use super::timeline::Timeline;
use crate::load::cpu_use::CpuReading;
use crate::load::step_state::{PacerError, StepState};
use crate::load::worker_pool::{self, WorkerPool};
use crate::plan::phase::Phase;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::record::recorder::Recorder;
use crate::requests::arrival_queue::ARRIVAL_QUEUE_CAPACITY;
use crate::requests::target::TargetFactory;
use crate::requests::worker;

/// Between the opening of the last session and the first arrival.
const HEAD_START_NS: u64 = 2_000_000;
/// After a signal answers are hardly waited for: the whole run must be over in 3 s.
const DRAIN_WHEN_CANCELLED: Duration = Duration::from_millis(200);

/// The figure of a step that says what share of an open loop's arrivals was carried.
pub const CARRIED_RATIO: &str = "carried_ratio";
/// The figure of a step that says how high the 99th percentile of a single interval came.
pub const WORST_INTERVAL_P99_NS: &str = "worst_interval_p99_ns";

/// Follows a step from outside: progress, evidence.
pub trait Observer {
    /// A phase begins.
    fn phase(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// An interval is over.
    fn tick(&mut self, tick: &Tick) {
        let _ = tick;
    }

    /// Asked after each interval of the measured part: what was seen that must end the step.
    fn broken_rule(&mut self) -> Option<BrokenRule> {
        None
    }
}

/// An observer that looks away.
impl Observer for () {}

/// Figures of the last interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Since the first arrival of the warm-up.
    pub elapsed: Duration,
    /// Warm-up and measured part together.
    pub planned: Duration,
    /// Successes per second.
    pub throughput_per_s: f64,
    /// FailureSamples per second.
    pub errors_per_s: f64,
    /// 99th percentile of what users felt, those who still wait among them; absent when nothing
    /// succeeded and nobody waits for long.
    pub p99: Option<Duration>,
}

/// Result of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// For the report.
    pub step: Step,
    /// Its figures over time.
    pub series: Vec<Series>,
    /// Warnings of the generator about itself; index 0 stands for this step.
    pub warnings: Vec<Warning>,
}

/// Reason why a step could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gave no thread or no runtime.
    #[error("cannot start the load generator's threads: {0}")]
    Runtime(#[from] io::Error),
}

/// Runs one step to its end: its plan's, a rule's, or `cancel`'s.
///
/// # Errors
/// Only when no load could be made at all; a target that fails is a result.
pub fn run_requests<F: TargetFactory>(
    plan: &StepPlan,
    factory: &Arc<F>,
    cancel: &Cancel,
    observer: &mut dyn Observer,
) -> Result<StepResult, StartError> {
    let threads = plan.threads.max(1);
    let recorder = Recorder::new(factory.operations(), threads).with_parts(factory.parts());
    let shared = Arc::new(StepState::new(recorder, worker_pool::worker_count(plan)));
    let workers = {
        let plan = Arc::new(plan.clone());
        WorkerPool::start(&plan, &shared, |worker| {
            worker::work(
                worker,
                Arc::clone(&plan),
                Arc::clone(factory),
                Arc::clone(&shared),
            )
        })?
    };
    let mut controller = Controller {
        plan,
        cancel,
        observer,
        shared: &shared,
        workers,
        heartbeat: Heartbeat::default(),
    };
    Ok(controller.control())
}

struct Controller<'a> {
    plan: &'a StepPlan,
    cancel: &'a Cancel,
    observer: &'a mut dyn Observer,
    shared: &'a StepState,
    workers: WorkerPool,
    heartbeat: Heartbeat,
}

impl Controller<'_> {
    fn control(&mut self) -> StepResult {
        self.observer.phase(Phase::Connect);
        let mut end = self.await_sessions();
        let window = self.begin(end.is_some()).window();
        let mut timeline = Timeline::new(window.start_ns);
        let mut readings = (self.read_cpu(), self.read_cpu());
        if end.is_none() {
            let (ended, begun) = self.hold(window, &mut timeline);
            end = ended;
            readings = (begun, self.read_cpu());
        }
        if end.is_some() {
            self.shared.halt();
        }
        let halted_ns = readings.1.at_ns;
        let interrupted = matches!(end, Some(StepEnd::Interrupted));
        let failed_to_open = matches!(end, Some(StepEnd::Failed { .. }));
        self.observer.phase(Phase::Drain);
        let bound = match (interrupted, failed_to_open) {
            (false, false) => self.plan.drain,
            _ => DRAIN_WHEN_CANCELLED,
        };
        self.drain(bound, &mut timeline);
        self.workers.wait_until_recorded(self.shared);
        let end = end.or_else(|| self.failure()).unwrap_or(StepEnd::Completed);
        let window = Window {
            measure_end_ns: window
                .measure_end_ns
                .min(halted_ns)
                .max(window.measure_start_ns),
            end_ns: monotonic_ns(),
            ..window
        };
        self.result(window, readings, timeline, end)
    }

    /// Returns when all sessions are open, or how the step ended before.
    fn await_sessions(&mut self) -> Option<StepEnd> {
        let wanted = self.plan.load.sessions() as usize;
        let deadline_ns = monotonic_ns() + self.plan.connect_timeout.as_nanos() as u64;
        loop {
            let opened = self.shared.opened.load(Ordering::Relaxed);
            if opened >= wanted {
                return None;
            }
            if self.cancel.is_cancelled() {
                return Some(StepEnd::Interrupted);
            }
            if self.workers.any_finished() {
                return Some(self.failure().unwrap_or(StepEnd::Failed {
                    reason: "a worker ended before the load began".to_owned(),
                }));
            }
            if monotonic_ns() > deadline_ns {
                let bound = humantime::format_duration(self.plan.connect_timeout);
                return Some(StepEnd::Failed {
                    reason: format!("{opened} of {wanted} sessions were open after {bound}"),
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Fixes when the step begins; a step that ended already gets segments of no length, and sessions
    /// that wait for it are not let go.
    fn begin(&self, ended: bool) -> Segments {
        let now_ns = monotonic_ns();
        if ended {
            return Segments::empty(now_ns);
        }
        let measured = [self.plan.measure];
        let segments = Segments::new(now_ns + HEAD_START_NS, self.plan.warmup, &measured);
        let _ = self.shared.step.segments.set(segments.clone());
        segments
    }

    /// Watches warm-up and measured part; returns how they ended early, if they did, and the
    /// reading at which measuring began.
    fn hold(&mut self, window: Window, timeline: &mut Timeline) -> (Option<StepEnd>, CpuReading) {
        let mut grid = TickGrid::new(window.start_ns, self.plan.measure);
        let mut begun = None;
        let mut rules =
            RuleWindow::new(window.measure_start_ns, self.plan.measure).with_drain(self.plan.drain);
        self.observer.phase(if self.plan.warmup.is_zero() {
            Phase::Measure
        } else {
            Phase::WarmUp
        });
        loop {
            let now_ns = self.heartbeat.beat(window.measure_end_ns);
            if begun.is_none() && now_ns >= window.measure_start_ns {
                begun = Some(self.read_cpu());
                if !self.plan.warmup.is_zero() {
                    self.observer.phase(Phase::Measure);
                }
            }
            let mut end = None;
            if let Some(elapsed) = grid.tick(now_ns) {
                end = self.tick(window, (now_ns, elapsed), timeline, &mut rules);
            }
            let end = end.or_else(|| self.ended_early());
            if end.is_some() || now_ns >= window.measure_end_ns {
                return (end, begun.unwrap_or_else(|| self.read_cpu()));
            }
        }
    }

    fn ended_early(&mut self) -> Option<StepEnd> {
        if self.cancel.is_cancelled() {
            return Some(StepEnd::Interrupted);
        }
        if let Some(trouble) = self.shared.pacer_error.get() {
            return Some(match trouble {
                PacerError::QueueFull => StepEnd::Stopped {
                    rule: format!("backlog>{}", ARRIVAL_QUEUE_CAPACITY),
                    reason: "the target fell so far behind that the backlog was full".to_owned(),
                },
                PacerError::Timer(reason) => StepEnd::Failed {
                    reason: reason.clone(),
                },
            });
        }
        if self.workers.all_finished() {
            self.failure()
        } else {
            None
        }
    }

    fn tick(
        &mut self,
        window: Window,
        (now_ns, elapsed): (u64, Duration),
        timeline: &mut Timeline,
        rules: &mut RuleWindow,
    ) -> Option<StepEnd> {
        let interval = self.shared.step.recorder.take_interval();
        timeline.push(now_ns, &interval);
        let seconds = elapsed.as_secs_f64();
        self.observer.tick(&Tick {
            elapsed: Duration::from_nanos(now_ns.saturating_sub(window.start_ns)),
            planned: self.plan.warmup + self.plan.measure,
            throughput_per_s: interval.succeeded() as f64 / seconds,
            errors_per_s: interval.failed as f64 / seconds,
            p99: timeline
                .last_p99_ns()
                .map(|ns| Duration::from_nanos(ns as u64)),
        });
        if now_ns < window.measure_start_ns {
            rules.note_latencies(&interval);
            return None;
        }
        let broken = rules
            .check(now_ns, &interval, &self.plan.stop_rules)
            .or_else(|| self.observer.broken_rule())?;
        Some(StepEnd::Stopped {
            rule: broken.rule,
            reason: broken.reason,
        })
    }

    /// Waits for the workers, for at most `bound`, adds what came to the timeline, then cuts off
    /// what is still under way.
    fn drain(&mut self, bound: Duration, timeline: &mut Timeline) {
        let finished = self.await_workers(bound);
        // Before anything is cut off: who hangs until then must show.
        timeline.push(monotonic_ns(), &self.shared.step.recorder.take_interval());
        if !finished {
            self.shared.halt();
            self.shared.abort.cancel();
        }
    }

    /// Returns true if all workers finished within `bound`.
    fn await_workers(&mut self, bound: Duration) -> bool {
        let started_ns = monotonic_ns();
        loop {
            if self.workers.all_finished() {
                return true;
            }
            let cancelled = self.cancel.is_cancelled();
            let bound = if cancelled {
                bound.min(DRAIN_WHEN_CANCELLED)
            } else {
                bound
            };
            if monotonic_ns() - started_ns >= bound.as_nanos() as u64 {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns what a worker died of; those that still run are cut off.
    fn failure(&mut self) -> Option<StepEnd> {
        if !self.workers.all_finished() {
            self.shared.abort.cancel();
        }
        let reason = self.workers.join()?;
        Some(StepEnd::Failed { reason })
    }

    fn read_cpu(&self) -> CpuReading {
        CpuReading::read(&self.shared.threads)
    }

    fn result(
        &mut self,
        window: Window,
        (begun, ended): (CpuReading, CpuReading),
        timeline: Timeline,
        end: StepEnd,
    ) -> StepResult {
        let (operations, failures) = self.shared.step.recorder.collect(window.measured_s());
        let attempted: u64 = operations.values().map(|o| o.attempted).sum();
        let used = ended.since(&begun);
        let mut step = Step {
            name: self.plan.name.clone(),
            parameters: self.plan.parameters.clone(),
            repeat: self.plan.repeat,
            window,
            load: self
                .plan
                .load
                .reported(self.shared.delayed_at_cap.load(Ordering::Relaxed)),
            operations,
            parts: self.shared.step.recorder.collect_parts(window.measured_s()),
            failures,
            pool: self.shared.pool_usage(),
            server: None,
            generator: Generator {
                worst_stall_ns: self.heartbeat.worst_stall_ns(),
                ..used.generator(self.plan.threads, attempted)
            },
            figures: std::collections::BTreeMap::new(),
            end,
        };
        let measured = (window.measure_start_ns, window.measure_end_ns);
        for (name, figure) in [
            (CARRIED_RATIO, step.carried_ratio()),
            (WORST_INTERVAL_P99_NS, timeline.worst_p99_ns(measured.0)),
        ] {
            step.figures
                .extend(figure.map(|figure| (name.to_owned(), figure)));
        }
        let drift = timeline.drift_ratio(measured.0, measured.1);
        let warnings = self_check::examine(&step, drift);
        StepResult {
            step,
            series: timeline.into_series(),
            warnings,
        }
    }
}
