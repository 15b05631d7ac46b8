//! Result of a step, in the form of the report.

use bench_report::names::steps;
use bench_report::{
    Generator, Series, SessionUse, SpikeRecovery, Step, StepEnd, StepSegment, Warning, WarningCode,
    Window,
};

use super::missing_load::missing_load;
use super::self_check;
use super::step_load::StepLoad;
use super::timeline::Timeline;
use crate::load::cpu_use::CpuUse;
use crate::load::load_source::{LostWorker, RawStep};
use crate::plan::step_plan::StepPlan;

/// Result of a step: the step in the form of the report, with its series and warnings.
#[derive(Debug, Clone, PartialEq)]
pub struct StepResult {
    /// Step as the report shows it.
    pub step: Step,
    /// Series of the step's figures over time, with one value for each interval.
    pub series: Vec<Series>,
    /// Warnings about distortion by the load generator itself. Their pointers name the step with
    /// index 0.
    pub warnings: Vec<Warning>,
}

/// Time charts and longest stall of one step of the report.
#[derive(Debug)]
pub(super) struct StepWatch {
    pub(super) timeline: Timeline,
    pub(super) worst_stall_ns: u64,
}

impl StepWatch {
    /// Creates empty time charts of a step that begins at `begin_ns`, on `CLOCK_MONOTONIC`, without
    /// a stall.
    pub(super) fn new(begin_ns: u64) -> Self {
        Self {
            timeline: Timeline::new(begin_ns),
            worst_stall_ns: 0,
        }
    }
}

/// Measurements of one step of the report, from which its result is made.
#[derive(Debug)]
pub(super) struct StepAccount {
    pub(super) window: Window,
    pub(super) raw: RawStep,
    /// CPU time that the generator used in the measured part.
    pub(super) cpu: CpuUse,
    pub(super) watch: StepWatch,
    /// Number of threads that made the load.
    pub(super) threads: usize,
    /// True if the load was meant to be constant, so that a change of throughput causes a warning.
    pub(super) holds_its_load: bool,
    /// Results by segment of the load's curve; empty if it has none.
    pub(super) segments: Vec<StepSegment>,
    /// Recovery from the spike of the load's curve; `None` for other curves.
    pub(super) recovery: Option<SpikeRecovery>,
    pub(super) sessions: Option<SessionUse>,
    pub(super) end: StepEnd,
}

impl StepResult {
    /// Creates the result of a step with this load from its measurements, with the warnings of the
    /// self-check.
    pub(super) fn new(load: &StepLoad<'_>, account: StepAccount) -> Self {
        let plan = load.plan;
        let (window, raw) = (account.window, account.raw);
        let timeline = account.watch.timeline;
        let loaded = if raw.operations.is_empty() {
            &raw.prepared
        } else {
            &raw.operations
        };
        let attempted: u64 = loaded.values().map(|o| o.attempted).sum();
        let mut step = Step {
            name: plan.name.clone(),
            parameters: plan.parameters.clone(),
            repeat: plan.repeat,
            window,
            load: load
                .reported()
                .share(plan.process)
                .reported(raw.delayed_at_cap),
            operations: raw.operations.into_iter().chain(raw.prepared).collect(),
            parts: raw.parts,
            failures: raw.failures,
            pool: raw.pool,
            server: None,
            generator: Generator {
                worst_stall_ns: account.watch.worst_stall_ns,
                ..account.cpu.generator(account.threads, attempted)
            },
            curve: load.curve(account.recovery),
            segments: account.segments,
            sessions: account.sessions,
            figures: raw
                .tallies
                .into_iter()
                .map(|(name, count)| (name, count as f64))
                .collect(),
            end: account.end,
        };
        let measured = (window.measure_start_ns, window.measure_end_ns);
        for (name, figure) in [
            (steps::CARRIED_RATIO, step.carried_ratio()),
            (steps::WORST_INTERVAL_P99_NS, timeline.worst_p99_ns()),
        ] {
            step.figures
                .extend(figure.map(|figure| (name.to_string(), figure)));
        }
        // Where the load changes, throughput changes with it.
        let is_steady = account.holds_its_load && !load.has_changed();
        let drift = is_steady.then(|| timeline.drift_ratio(measured.0, measured.1));
        let mut warnings = if window.measured_s() > 0.0 {
            self_check::examine(&step, drift.flatten())
        } else {
            Vec::new()
        };
        if plan.measured_time().is_none() {
            // The step lasted until the last of a fixed number of requests, so a short one is no
            // fault.
            warnings.retain(|warning| warning.code != WarningCode::StepTooShort);
        }
        let intended = load.intended_series(window, timeline.ends_ns());
        let series = timeline.into_series().into_iter().chain(intended);
        Self {
            step,
            series: series.collect(),
            warnings,
        }
    }

    /// Returns the result of a step that failed for `reason` because this worker was not ready when
    /// others began it, with a warning.
    pub(super) fn late(plan: &StepPlan, reason: String) -> Self {
        let result = Self {
            step: plan.not_begun(reason),
            series: Vec::new(),
            warnings: Vec::new(),
        };
        result.with_late_start()
    }

    /// Adds a warning if the step was too short to make its load of requests.
    pub(super) fn with_missing_load(mut self, load: &StepLoad<'_>) -> Self {
        self.warnings.extend(missing_load(load, &self.step));
        self
    }

    /// Adds a warning for each worker process in `lost`, and to the step the number of arrivals
    /// that they did not make, if it is known.
    pub(super) fn with_lost_workers(mut self, lost: &[LostWorker]) -> Self {
        let not_made = lost.iter().filter_map(|lost| lost.arrivals_not_made);
        if let Some(count) = not_made.reduce(|a, b| a + b) {
            self.step.figure(steps::ARRIVALS_NOT_MADE, count as f64);
        }
        self.warnings.extend(lost.iter().map(lost_worker));
        self
    }

    /// Adds a warning, with the reason of the failure, that this worker did not start in time a
    /// load that other workers make too. Adds none if the step did not fail.
    pub(super) fn with_late_start(mut self) -> Self {
        if let StepEnd::Failed { reason } = &self.step.end {
            let warning = Warning::new(WarningCode::WorkerLate, reason.clone());
            self.warnings.push(warning.about_step(0, &MISSED));
        }
        self
    }
}

/// Parts of a step whose figures lack the load of a lost or late worker.
const MISSED: [&str; 5] = ["operations", "parts", "pool", "generator", "figures"];

/// Creates the warning that the figures of step 0 lack the load of a worker process.
fn lost_worker(lost: &LostWorker) -> Warning {
    let mut warning = Warning::new(WarningCode::WorkerLost, &lost.message).about_step(0, &MISSED);
    warning.value = lost.arrivals_not_made.map(|count| count as f64);
    warning
}
