//! Controller of one step. It waits until the load can begin, starts and observes it, waits for the
//! last answers, and assembles the result.

use std::time::Duration;

use bench_report::clock::monotonic_ns;
use bench_report::{StepEnd, Window};

use super::answer_log::AnswerLog;
use super::boundary_readings::BoundaryReadings;
use super::cancel::Cancel;
use super::heartbeat::{Boundaries, Heartbeat, TickGrid};
use super::load_control::ChangeRequests;
use super::observer::{Observer, Tick};
use super::rule_checks::RuleChecks;
use super::rule_window::BrokenRule;
use super::run_account::RunAccount;
use super::start_time;
use super::step_result::StepWatch;
use crate::load::load_source::{LoadSource, Preparation};
use crate::plan::load_curve::FittedCurve;
use crate::plan::phase::Phase;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::record::interval::Interval;

/// Longest drain after an interrupt, in place of that of the plan, because the whole run must end
/// within 3 s of it.
const DRAIN_WHEN_CANCELLED: Duration = Duration::from_millis(200);
/// Time between two reports of the number of open sessions while a load is being prepared, in
/// nanoseconds.
const GAUGED_EVERY_NS: u64 = 200_000_000;

/// Controller of one run of a load of any kind. The run becomes one step of the report or, if it is
/// traced, one step for each of its measured segments.
pub(crate) struct Controller<'a> {
    plan: &'a StepPlan,
    cancel: &'a Cancel,
    observer: &'a mut dyn Observer,
    source: &'a mut dyn LoadSource,
    heartbeat: Heartbeat,
    /// Answers since the end of the spike in the load's curve; `None` without a spike.
    answers: Option<AnswerLog>,
    /// Time charts and longest stall of the step of the report that runs now.
    watch: StepWatch,
    /// Time charts and longest stalls of the steps of the report that have ended, in order.
    watched: Vec<StepWatch>,
    /// True if each measured segment becomes a step of the report.
    tells_segments: bool,
    excused_wait: Duration,
    /// True if the load could not begin at the start instant of its plan.
    late: bool,
}

impl<'a> Controller<'a> {
    /// Creates the controller of a step with this plan, whose load `source` makes.
    pub(crate) fn new(
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
            answers: None,
            watch: StepWatch::new(monotonic_ns()),
            watched: Vec::new(),
            tells_segments: false,
            excused_wait: Duration::ZERO,
            late: false,
        }
    }

    /// Makes each measured segment a step of the report. `excused_wait` is the length of the waits
    /// that the run causes on purpose, which stop rules then allow.
    pub(super) fn by_segment(mut self, excused_wait: Duration) -> Self {
        self.tells_segments = true;
        self.excused_wait = excused_wait;
        self
    }

    /// Runs the load to its end, through preparation, warm-up, measured part and drain, and returns
    /// all measurements.
    pub(crate) fn run(mut self) -> RunAccount {
        self.observer.phase(Phase::Connect);
        let before = self.source.read_cpu();
        let mut end = self.prepare();
        let (segments, late) = self.begin(end.is_some());
        self.late |= late.is_some();
        end = end.or(late).or_else(|| self.await_start(&segments));
        let window = segments.window();
        let mut readings = BoundaryReadings::new(&segments);
        let mut changes = ChangeRequests::new(self.plan, &segments, self.tells_segments);
        let timeline = &mut self.watch.timeline;
        timeline.start_at(window.start_ns, window.measure_start_ns);
        if end.is_none() {
            self.heartbeat = Heartbeat::default();
            end = self.hold(window, &mut readings, &mut changes);
        } else {
            readings.begin_with(before);
        }
        readings.end(|| self.source.read_cpu());
        if end.is_some() {
            self.source.halt();
        }
        let changes = changes.close();
        let halted_ns = readings.last_ns();
        let finished_ns = self.source.finished_ns().unwrap_or(halted_ns);
        let interrupted = matches!(end, Some(StepEnd::Interrupted));
        let failed_to_open = matches!(end, Some(StepEnd::Failed { .. }));
        self.observer.phase(Phase::Drain);
        self.source.release();
        let bound = match (interrupted, failed_to_open) {
            (false, false) => self.plan.drain,
            _ => DRAIN_WHEN_CANCELLED,
        };
        self.drain(bound);
        if matches!(end, None | Some(StepEnd::Completed)) {
            end = self.verify();
        }
        let gauges = self.source.gauges();
        self.watch.timeline.push_gauges(monotonic_ns(), &gauges);
        self.source.wait_until_recorded();
        self.note_stall();
        let end = end.or_else(|| self.failure()).unwrap_or(StepEnd::Completed);
        let window = Window {
            measure_end_ns: window
                .measure_end_ns
                .min(halted_ns)
                .min(finished_ns)
                .max(window.measure_start_ns),
            end_ns: monotonic_ns(),
            ..window
        };
        let lengths_s = segments.lengths_s(window.measure_end_ns);
        RunAccount {
            collected: self.source.collect(&lengths_s),
            answers: self.answers,
            segments,
            changes,
            readings,
            watches: self.watched.into_iter().chain([self.watch]).collect(),
            window,
            late: self.late,
            end,
        }
    }

    /// Waits until the load can begin; returns `None` then. Returns the end of the step if it was
    /// interrupted, the preparation failed or took longer than the plan's connect time-out, or the
    /// planned start has passed.
    fn prepare(&mut self) -> Option<StepEnd> {
        let mut gauged_ns = 0;
        let deadline_ns = monotonic_ns() + self.plan.connect_timeout.as_nanos() as u64;
        loop {
            let (opened, wanted) = match self.source.preparation() {
                Preparation::Ready => return None,
                _ if self.cancel.is_cancelled() => return Some(StepEnd::Interrupted),
                Preparation::Failed(reason) => return Some(StepEnd::Failed { reason }),
                Preparation::Opening { opened, wanted } => (opened, wanted),
            };
            if let Some(reason) = start_time::missed(self.plan, (opened, wanted)) {
                self.late = true;
                return Some(StepEnd::Failed { reason });
            }
            let now_ns = self.heartbeat.short_beat();
            if now_ns >= gauged_ns {
                gauged_ns = now_ns + GAUGED_EVERY_NS;
                let gauges = self.source.gauges();
                self.watch.timeline.push_gauges(now_ns, &gauges);
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

    /// Sets the instants of the step and starts the load. If the step has `ended` already, or its
    /// planned start is missed, returns segments of length zero and does not start the load; the
    /// second value is then the failure of a missed start.
    fn begin(&mut self, ended: bool) -> (Segments, Option<StepEnd>) {
        let now_ns = monotonic_ns();
        if ended {
            return (Segments::empty(now_ns), None);
        }
        let start_ns = match start_time::of(self.plan, self.source.head_start_ns()) {
            Ok(start_ns) => start_ns,
            Err(reason) => return (Segments::empty(now_ns), Some(StepEnd::Failed { reason })),
        };
        let (warmup, measure) = (self.plan.warmup, self.plan.measure);
        let segments = Segments::new(start_ns, warmup, measure, &self.plan.segments);
        self.source.begin(&segments);
        let spike = self.plan.curve.as_ref().and_then(FittedCurve::spike);
        let spans = spike.map(|(_, spike)| segments.spans_until(spike, u64::MAX));
        let last = spans.and_then(|spans| spans.last().copied());
        self.answers = last.map(|spike| AnswerLog::new(spike.end_ns));
        (segments, None)
    }

    /// Waits until the start of the step, if the plan gives an instant for it. Returns the end of
    /// the step if it ended before; else `None`.
    fn await_start(&mut self, segments: &Segments) -> Option<StepEnd> {
        self.plan.starts_at?;
        self.observer.phase(Phase::Wait);
        while self.heartbeat.beat(segments.start_ns()) < segments.start_ns() {
            if let Some(end) = self.ended_early() {
                return Some(end);
            }
        }
        None
    }

    /// Observes the load during warm-up and measured part, reads the CPU time at each boundary,
    /// checks stop rules, and answers requests for changes of the load. Returns the end of the step
    /// if it ended early; else `None`.
    fn hold(
        &mut self,
        window: Window,
        readings: &mut BoundaryReadings,
        changes: &mut ChangeRequests,
    ) -> Option<StepEnd> {
        let measured = self.plan.measured_time().unwrap_or_default();
        let mut grid = TickGrid::new(window.start_ns, measured);
        let mut rules = RuleChecks::new(self.plan, self.excused_wait, window.measure_start_ns);
        self.observer.phase(if self.plan.warmup.is_zero() {
            Phase::Measure
        } else {
            Phase::WarmUp
        });
        self.observer.load_control(changes.control());
        loop {
            let now_ns = self.heartbeat.beat(readings.next_ns());
            let had_begun = readings.has_begun();
            readings.pass(now_ns, || self.source.read_cpu());
            if !had_begun && readings.has_begun() {
                self.begin_measuring(window, now_ns);
            }
            rules.note_absence(self.observer.absence());
            let is_over = now_ns >= window.measure_end_ns;
            // Check once more at the end, so that a rule sees requests that were all refused at
            // once.
            let is_last = self.source.finished_ns().is_some();
            let boundaries = Boundaries {
                passed_ns: readings.passed_ns(),
                next_ns: readings.next_ns(),
            };
            let ticked = grid.tick(now_ns, boundaries, is_last);
            let end = ticked
                .and_then(|elapsed| self.tick(window, (now_ns, elapsed), &mut rules))
                .or_else(|| rules.confirmed(now_ns).map(stopped))
                .or_else(|| self.ended_early());
            if end.is_some() && grid.ends(now_ns) {
                self.take_interval(now_ns);
            }
            while self.is_behind(readings) {
                self.begin_segment(now_ns);
            }
            if end.is_some() || is_over {
                return end;
            }
            changes.answer(&grid, self.source, readings);
        }
    }

    /// Begins the measured part at `now_ns`, the first beat after its start. Discards stalls of the
    /// warm-up, and informs the observer if there was a warm-up.
    fn begin_measuring(&mut self, window: Window, now_ns: u64) {
        self.heartbeat.count_from(window.measure_start_ns, now_ns);
        if !self.plan.warmup.is_zero() {
            self.observer.phase(Phase::Measure);
        }
    }

    /// Returns true if a measured segment has begun that is a step of the report but has no time
    /// charts yet.
    fn is_behind(&self, readings: &BoundaryReadings) -> bool {
        self.tells_segments && self.watched.len() + 1 < readings.spans_begun()
    }

    /// Ends the time charts of the segment so far and begins those of the next one at `now_ns`.
    fn begin_segment(&mut self, now_ns: u64) {
        self.note_stall();
        let ended = std::mem::replace(&mut self.watch, StepWatch::new(now_ns));
        self.watched.push(ended);
        self.observer.segment_begins();
    }

    /// Stores the longest stall since the step of the report began.
    fn note_stall(&mut self) {
        self.watch.worst_stall_ns = self.heartbeat.take_worst_stall_ns();
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
        rules: &mut RuleChecks,
    ) -> Option<StepEnd> {
        let interval = self.take_interval(now_ns);
        let gauges = self.source.gauges();
        let timeline = &mut self.watch.timeline;
        timeline.push_gauges(now_ns, &gauges);
        let p99_ns = timeline.last_p99_ns();
        let seconds = elapsed.as_secs_f64();
        self.observer.tick(&Tick {
            elapsed: Duration::from_nanos(now_ns.saturating_sub(window.start_ns)),
            planned: self.plan.warmup + self.plan.measure,
            throughput_per_s: interval.succeeded() as f64 / seconds,
            errors_per_s: interval.failed as f64 / seconds,
            p99: p99_ns.map(|ns| Duration::from_nanos(ns as u64)),
        });
        let began_ns = now_ns.saturating_sub(elapsed.as_nanos() as u64);
        if began_ns < window.measure_start_ns {
            rules.note_latencies(&interval);
            return None;
        }
        rules.check(now_ns, &interval, self.observer).map(stopped)
    }

    /// Takes the requests that finished since the last call, up to `now_ns`. Adds them to the time
    /// charts and, after a spike, to the log of answers.
    fn take_interval(&mut self, now_ns: u64) -> Interval {
        let interval = self.source.take_interval();
        self.watch.timeline.push(now_ns, &interval);
        if let Some(answers) = &mut self.answers {
            answers.push(now_ns, &interval);
        }
        interval
    }

    /// Waits for the last answers, for at most `bound`, and adds them to the time charts. Then cuts
    /// off the requests that are still in flight.
    fn drain(&mut self, bound: Duration) {
        let finished = self.await_workers(bound);
        // This interval is taken before requests are cut off, so that it includes those that hang.
        self.take_interval(monotonic_ns());
        if !finished {
            self.source.halt();
            self.source.abort();
        }
    }

    /// Waits until all workers have finished, for at most `bound`, or 200 ms once the run is
    /// cancelled. Returns true if they have finished.
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

    /// Waits until the load has verified the connections that it holds; returns `None` then.
    /// Returns the end `Interrupted` if the run is cancelled meanwhile.
    fn verify(&mut self) -> Option<StepEnd> {
        loop {
            let cancelled = self.cancel.is_cancelled();
            if self.source.verify(cancelled) {
                return None;
            }
            if cancelled {
                self.source.abort();
                return Some(StepEnd::Interrupted);
            }
            self.heartbeat.short_beat();
        }
    }

    /// Ends the load, and cuts off what still runs. Returns the end of a failed step if a worker of
    /// the load failed; else `None`.
    fn failure(&mut self) -> Option<StepEnd> {
        let reason = self.source.join()?;
        Some(StepEnd::Failed { reason })
    }
}

fn stopped(broken: BrokenRule) -> StepEnd {
    StepEnd::Stopped {
        rule: broken.rule,
        reason: broken.reason,
    }
}
