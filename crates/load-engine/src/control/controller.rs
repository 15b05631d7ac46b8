//! Controller of one step: waits until the load can begin, watches it, drains it, and puts the result
//! together.

use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{StepEnd, Window};

use super::boundary_readings::BoundaryReadings;
use super::cancel::Cancel;
use super::heartbeat::{Heartbeat, TickGrid};
use super::observer::{Observer, Tick};
use super::rule_window::RuleWindow;
use super::step_result::{GeneratorUse, StepResult};
use super::timeline::Timeline;
use crate::load::load_source::{LoadSource, Preparation};
use crate::plan::phase::Phase;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;

/// Time between the opening of the last session and the first arrival.
const HEAD_START_NS: u64 = 2_000_000;
/// Bound of the drain after a signal: the whole run must be over in 3 s.
const DRAIN_WHEN_CANCELLED: Duration = Duration::from_millis(200);
/// Time between two looks at the state of a load that is being prepared.
const GAUGED_EVERY_NS: u64 = 200_000_000;

/// Controller of one step: the same for every kind of load.
pub(super) struct Controller<'a> {
    plan: &'a StepPlan,
    cancel: &'a Cancel,
    observer: &'a mut dyn Observer,
    source: &'a mut dyn LoadSource,
    heartbeat: Heartbeat,
}

impl<'a> Controller<'a> {
    /// Creates the controller of a step whose load `source` makes.
    pub(super) fn new(
        plan: &'a StepPlan,
        cancel: &'a Cancel,
        observer: &'a mut dyn Observer,
        source: &'a mut dyn LoadSource,
    ) -> Self {
        Self {
            plan,
            cancel,
            observer,
            source,
            heartbeat: Heartbeat::default(),
        }
    }

    /// Runs the step to its end, and returns its result.
    pub(super) fn run(&mut self) -> StepResult {
        self.observer.phase(Phase::Connect);
        let mut timeline = Timeline::new(monotonic_ns());
        let before = self.source.read_cpu();
        let mut end = self.prepare(&mut timeline);
        let segments = self.begin(end.is_some());
        let window = segments.window();
        timeline.start_at(window.start_ns);
        let mut readings = BoundaryReadings::new(&segments);
        if end.is_none() {
            self.heartbeat = Heartbeat::default();
            end = self.hold(window, &mut timeline, &mut readings);
        } else {
            readings.begin_with(before);
        }
        readings.end(|| self.source.read_cpu());
        if end.is_some() {
            self.source.halt();
        }
        let halted_ns = readings.last_ns();
        let interrupted = matches!(end, Some(StepEnd::Interrupted));
        let failed_to_open = matches!(end, Some(StepEnd::Failed { .. }));
        self.observer.phase(Phase::Drain);
        let bound = match (interrupted, failed_to_open) {
            (false, false) => self.plan.drain,
            _ => DRAIN_WHEN_CANCELLED,
        };
        self.drain(bound, &mut timeline);
        if matches!(end, None | Some(StepEnd::Completed)) {
            end = self.verify();
        }
        timeline.push_gauges(monotonic_ns(), &self.source.gauges());
        self.source.wait_until_recorded();
        let end = end.or_else(|| self.failure()).unwrap_or(StepEnd::Completed);
        let window = Window {
            measure_end_ns: window
                .measure_end_ns
                .min(halted_ns)
                .max(window.measure_start_ns),
            end_ns: monotonic_ns(),
            ..window
        };
        let collected = self
            .source
            .collect(&segments.lengths_s(window.measure_end_ns));
        let generator = GeneratorUse {
            cpu: readings.whole(),
            worst_stall_ns: self.heartbeat.worst_stall_ns(),
        };
        StepResult::new(
            self.plan,
            window,
            &segments,
            (collected, &generator),
            timeline,
            end,
        )
    }

    /// Waits until the load can begin; returns how the step ended before, if it did.
    fn prepare(&mut self, timeline: &mut Timeline) -> Option<StepEnd> {
        let mut gauged_ns = 0;
        let deadline_ns = monotonic_ns() + self.plan.connect_timeout.as_nanos() as u64;
        loop {
            let (opened, wanted) = match self.source.preparation() {
                Preparation::Ready => return None,
                _ if self.cancel.is_cancelled() => return Some(StepEnd::Interrupted),
                Preparation::Failed(reason) => return Some(StepEnd::Failed { reason }),
                Preparation::Opening { opened, wanted } => (opened, wanted),
            };
            let now_ns = self.heartbeat.short_beat();
            if now_ns >= gauged_ns {
                gauged_ns = now_ns + GAUGED_EVERY_NS;
                timeline.push_gauges(now_ns, &self.source.gauges());
                self.observer.opening(opened, wanted);
            }
            if now_ns > deadline_ns {
                let bound = humantime::format_duration(self.plan.connect_timeout);
                return Some(StepEnd::Failed {
                    reason: format!("{opened} of {wanted} sessions were open after {bound}"),
                });
            }
        }
    }

    /// Fixes when the step begins; a step that ended already gets segments of no length, and sessions
    /// that wait for it are not let go.
    fn begin(&mut self, ended: bool) -> Segments {
        let now_ns = monotonic_ns();
        if ended {
            return Segments::empty(now_ns);
        }
        let start_ns = now_ns + HEAD_START_NS;
        let (warmup, measure) = (self.plan.warmup, self.plan.measure);
        let segments = Segments::new(start_ns, warmup, measure, &self.plan.segments);
        self.source.begin(&segments);
        segments
    }

    /// Watches warm-up and measured part, and reads the CPU time at each boundary; returns how they
    /// ended early, if they did.
    fn hold(
        &mut self,
        window: Window,
        timeline: &mut Timeline,
        readings: &mut BoundaryReadings,
    ) -> Option<StepEnd> {
        let mut grid = TickGrid::new(window.start_ns, self.plan.measure);
        let mut rules =
            RuleWindow::new(window.measure_start_ns, self.plan.measure).with_drain(self.plan.drain);
        self.observer.phase(if self.plan.warmup.is_zero() {
            Phase::Measure
        } else {
            Phase::WarmUp
        });
        loop {
            let now_ns = self.heartbeat.beat(readings.next_ns());
            let begins = !readings.has_begun() && now_ns >= window.measure_start_ns;
            readings.pass(now_ns, || self.source.read_cpu());
            if begins && !self.plan.warmup.is_zero() {
                self.observer.phase(Phase::Measure);
            }
            let mut end = None;
            if let Some(elapsed) = grid.tick(now_ns) {
                end = self.tick(window, (now_ns, elapsed), timeline, &mut rules);
            }
            let end = end.or_else(|| self.ended_early());
            if end.is_some() || now_ns >= window.measure_end_ns {
                return end;
            }
        }
    }

    fn ended_early(&mut self) -> Option<StepEnd> {
        if self.cancel.is_cancelled() {
            return Some(StepEnd::Interrupted);
        }
        self.source.early_end()
    }

    fn tick(
        &mut self,
        window: Window,
        (now_ns, elapsed): (u64, Duration),
        timeline: &mut Timeline,
        rules: &mut RuleWindow,
    ) -> Option<StepEnd> {
        let interval = self.source.take_interval();
        timeline.push(now_ns, &interval);
        timeline.push_gauges(now_ns, &self.source.gauges());
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
        timeline.push(monotonic_ns(), &self.source.take_interval());
        if !finished {
            self.source.halt();
            self.source.abort();
        }
    }

    /// Returns true if all workers finished within `bound`.
    fn await_workers(&mut self, bound: Duration) -> bool {
        let started_ns = monotonic_ns();
        loop {
            if self.source.is_finished() {
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
            self.heartbeat.short_beat();
        }
    }

    /// Waits until the load has verified what it holds; returns how the step ended meanwhile, if it did.
    fn verify(&mut self) -> Option<StepEnd> {
        while !self.source.is_verified() {
            if self.cancel.is_cancelled() {
                self.source.abort();
                return Some(StepEnd::Interrupted);
            }
            self.heartbeat.short_beat();
        }
        None
    }

    /// Returns the failure of the load, if it failed; what still runs is cut off.
    fn failure(&mut self) -> Option<StepEnd> {
        let reason = self.source.join()?;
        Some(StepEnd::Failed { reason })
    }
}
