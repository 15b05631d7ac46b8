//! Result of a step: what the report shows of it.

use std::collections::BTreeMap;

use bench_report::{Generator, Series, SessionUse, Step, StepEnd, StepSegment, Warning, Window};

use super::self_check;
use super::step_curve;
use super::timeline::Timeline;
use crate::load::cpu_use::CpuUse;
use crate::load::load_source::RawStep;
use crate::plan::step_plan::StepPlan;

/// Name of a step's figure: share of an open loop's arrivals that was carried.
pub const CARRIED_RATIO: &str = "carried_ratio";
/// Name of a step's figure: highest 99th percentile of a single interval.
pub const WORST_INTERVAL_P99_NS: &str = "worst_interval_p99_ns";

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

/// Figures over time and stalls of one step of the report.
#[derive(Debug)]
pub(super) struct StepWatch {
    pub(super) timeline: Timeline,
    pub(super) worst_stall_ns: u64,
}

impl StepWatch {
    /// Creates the watch of a step that begins at `begin_ns`.
    pub(super) fn new(begin_ns: u64) -> Self {
        Self {
            timeline: Timeline::new(begin_ns),
            worst_stall_ns: 0,
        }
    }
}

/// Account of one step of the report.
#[derive(Debug)]
pub(super) struct StepAccount {
    pub(super) window: Window,
    pub(super) raw: RawStep,
    /// CPU time of the generator over the measured part.
    pub(super) cpu: CpuUse,
    pub(super) watch: StepWatch,
    /// Threads that made the load.
    pub(super) threads: usize,
    /// True if the load was to stay as it was: throughput that drifts is then a doubt.
    pub(super) holds_its_load: bool,
    /// Results by segment of the load's curve.
    pub(super) segments: Vec<StepSegment>,
    pub(super) sessions: Option<SessionUse>,
    pub(super) end: StepEnd,
}

impl StepResult {
    /// Puts the result of a step together, and examines it.
    pub(super) fn new(plan: &StepPlan, account: StepAccount) -> Self {
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
            load: plan.load.reported(raw.delayed_at_cap),
            operations: raw.operations.into_iter().chain(raw.prepared).collect(),
            parts: raw.parts,
            failures: raw.failures,
            pool: raw.pool,
            server: None,
            generator: Generator {
                worst_stall_ns: account.watch.worst_stall_ns,
                ..account.cpu.generator(account.threads, attempted)
            },
            curve: step_curve::reported(plan),
            segments: account.segments,
            sessions: account.sessions,
            figures: BTreeMap::new(),
            end: account.end,
        };
        let measured = (window.measure_start_ns, window.measure_end_ns);
        for (name, figure) in [
            (CARRIED_RATIO, step.carried_ratio()),
            (WORST_INTERVAL_P99_NS, timeline.worst_p99_ns(measured.0)),
        ] {
            step.figures
                .extend(figure.map(|figure| (name.to_owned(), figure)));
        }
        // A load that changes makes throughput change.
        let is_steady = account.holds_its_load && !plan.changes();
        let drift = is_steady.then(|| timeline.drift_ratio(measured.0, measured.1));
        let warnings = if window.measured_s() > 0.0 {
            self_check::examine(&step, drift.flatten())
        } else {
            Vec::new()
        };
        let intended = step_curve::intended_series(plan, window, timeline.ends_ns());
        let series = timeline.into_series().into_iter().chain(intended);
        Self {
            step,
            series: series.collect(),
            warnings,
        }
    }
}
